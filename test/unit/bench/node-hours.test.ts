// The simulated day says what it should, and Parsl's strategy, said again, does what was seen of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastNodeHours } from '../../../bench/node-hours/bound.ts';
import { runOurs } from '../../../bench/node-hours/ours.ts';
import { ParslStrategy, runParsl } from '../../../bench/node-hours/parsl.ts';
import { SimSite } from '../../../bench/node-hours/site.ts';
import { CLUSTER, SLOTS_PER_BLOCK, trace, type Phase } from '../../../bench/node-hours/trace.ts';
import { VirtualClock } from '../../../bench/node-hours/virtual-time.ts';

const alike = (count: number, runMs: number, atMs = 0): Phase =>
  ({ name: 'alike', tasks: Array.from({ length: count }, () => ({ atMs, runMs })) });
const HOUR = 3_600_000;

test('the trace is the same each time', () => {
  assert.deepEqual(trace(), trace());
});

test('one block full of tasks costs its start and its work, and no schedule costs less', async () => {
  const phases = [alike(SLOTS_PER_BLOCK, HOUR)];
  const spent = await runOurs(phases, { strategy: 'htex_auto_scale', maxIdletime: 60 });
  const least = (CLUSTER.startUpMs + HOUR) * CLUSTER.nodesPerBlock / HOUR;
  assert.equal(leastNodeHours(phases, spent.doneAtMs), least);
  assert.ok(Math.abs(spent.nodeHours - least) < 0.001);
  assert.deepEqual([spent.jobs, Math.round((spent.doneAtMs[0] ?? 0) / 1000)], [1, 45 + 20 + 3600]);
});

test('ours costs at most a tenth more than the least, and less than either of Parsl\'s in the same time', async () => {
  const phases = trace();
  const ours = await runOurs(phases, { strategy: 'htex_auto_scale', maxIdletime: 60 });
  assert.ok(ours.nodeHours / leastNodeHours(phases, ours.doneAtMs) <= 1.1);
  for (const strategy of ['simple', 'htex_auto_scale'] as const) {
    const parsl = await runParsl(phases, { strategy, maxIdletime: 60 });
    assert.ok(ours.nodeHours < parsl.nodeHours);
    for (const [n, doneAtMs] of ours.doneAtMs.entries()) assert.ok(doneAtMs <= (parsl.doneAtMs[n] ?? 0) + 60_000);
  }
});

/** Ticks of Parsl's strategy over tasks that wait for ever; no time passes, so no block starts. */
function ticks(tasks: number, strategy: 'simple' | 'htex_auto_scale', count: number): (number | 'cancel')[] {
  const clock = new VirtualClock();
  const site = new SimSite([], clock, () => undefined, () => { /* it polls */ });
  site.open = tasks;
  const parsl = new ParslStrategy(site, { strategy, maxIdletime: 120 }, () => clock.now());
  return Array.from({ length: count }, () => {
    const [jobs, live] = [site.jobs.length, site.live.length];
    parsl.tick();
    return site.live.length < live ? 'cancel' : site.jobs.length - jobs;
  });
}

test('Parsl htex_auto_scale, with less to do than one queued block has room for, submits and cancels in turn', () => {
  assert.deepEqual(ticks(14, 'htex_auto_scale', 6), [1, 'cancel', 1, 'cancel', 1, 'cancel']);
});

test('Parsl simple asks for what the tasks need, once', () => {
  assert.deepEqual(ticks(14, 'simple', 3), [1, 0, 0]);
  assert.deepEqual(ticks(3 * SLOTS_PER_BLOCK + 1, 'simple', 3), [4, 0, 0]);
  assert.deepEqual(ticks(10_000, 'simple', 3), [CLUSTER.blocksMax, 0, 0]);
});
