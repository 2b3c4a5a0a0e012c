import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure, renderReport } from '../../../bench/report.ts';
import { ratiosOf } from '../../../bench/ratios.ts';
import { meets } from '../../../bench/row.ts';
import { FULL, HEAD } from './reports.ts';

test('figures have three significant digits', () => {
  assert.deepEqual(
    [0, 0.01234, 0.5, 1.2345, 42.19, 999.4, 1234, 163_456.7, Number.NaN].map(figure),
    ['0', '0.0123', '0.500', '1.23', '42.2', '999', '1,230', '163,000', '–'],
  );
});

test('a figure is set against its target, and says whether it is met', () => {
  const lines = renderReport({ ...FULL, ratios: ratiosOf(FULL) }).split('\n');
  const words = (name: string): string[] | undefined =>
    lines.find((line) => line.startsWith(name))?.split(/\s{2,}/).slice(1);
  assert.deepEqual(words('no-op tasks, 2 workers'), ['160,000', 'tasks/s', '144,000 – 176,000', '≥ 150,000', 'met']);
  assert.deepEqual(words('largest process, 1,000,000 tasks pending'), ['700', 'MiB', '≤ 1,020', 'met']);
  assert.deepEqual(words('commands of a look at 500 jobs'), ['1.00', 'commands', '≤ 1.00', 'met']);
  assert.deepEqual(words('ours over the agent'), ['0.125', '×', '≤ 0.500', 'met']);
  assert.deepEqual(words('of those without a result'), ['0', 'users', '≤ 0', 'met']);
  assert.deepEqual(words('no-op throughput over Parsl HTEX'), ['80.0', '×', '≥ 80.0', 'met']);
});

test('every part that was measured is in the text, and no other', () => {
  const full = renderReport({ ...FULL, ratios: ratiosOf(FULL) });
  const titles = [
    'Throughput', 'Latency', 'Cost per hop', 'Payload, one at a time', 'Tasks/s by payload and workers',
    'Multi-user: submission', 'Multi-user: many',
    'Scheduler alone, managers', 'Parsl 2026.1.1', 'Memory', 'Scale-out', 'Start', 'Slurm', 'Ratios',
  ];
  for (const title of titles) {
    assert.ok(full.includes(`\n${title}`), title);
  }
  assert.equal(renderReport(HEAD).trim().split('\n').length, 4);
});

test('a machine that was busy before is said to have been', () => {
  const busy = { ...HEAD, machine: { ...HEAD.machine, load_before: 0.6 } };
  assert.match(renderReport(busy), /^load average 0\.6 before, 0\.5 after: THE MACHINE WAS BUSY/m);
  assert.doesNotMatch(renderReport(HEAD), /BUSY/);
});

test('a section that failed is named with its reason', () => {
  const report = { ...HEAD, failures: [{ section: 'peers', message: 'pip could not install parsl' }] };
  assert.match(renderReport(report), /^peers was not measured: pip could not install parsl$/m);
});

test('a target holds at its very edge', () => {
  assert.deepEqual([meets(1, { least: 1 }), meets(1, { most: 1 }), meets(0.9, { least: 1 }), meets(1.1, { most: 1 })],
    [true, true, false, false]);
});
