import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BlockId, Load, ManagerId } from '../../../../src/common/protocol.ts';
import { BlockTable } from '../../../../engine/blocks/table.ts';
import { TERMINAL_STATES, type JobState } from '../../../../providers/provider.ts';

const nothing: Load = { waiting: 0, held: 0, managers: [], connectedBlocks: [] };
const connected = (block: BlockId, held: number, idleSinceMs?: number): Load => ({
  ...nothing, held, connectedBlocks: [block],
  managers: [{
    manager: 'm' as ManagerId, block, node: 'n', pid: 1, slots: 1, held, draining: false,
    ...(idleSinceMs === undefined ? {} : { idleSinceMs }),
  }],
});

const STATES: JobState[] = [
  'pending', 'running', 'held', 'unknown', 'completed', 'failed', 'timeout', 'cancelled', 'missing',
];
const rank = (state: JobState): number => (TERMINAL_STATES.has(state) ? 2 : state === 'running' ? 1 : 0);

test('whatever a scheduler says, a state only goes forward, and an ended block never changes', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...STATES)), (words) => {
    const table = new BlockTable(1);
    const block = table.open(0);
    for (const [n, state] of words.entries()) {
      const before = { ...block };
      table.observe(block, { state }, n + 1);
      assert.ok(rank(block.state) >= rank(before.state));
      if (rank(before.state) === 2) assert.deepEqual({ ...block }, before);
    }
  }));
});

test('a connected manager proves that its block runs', () => {
  const table = new BlockTable(1);
  const block = table.open(0);
  assert.equal(table.see(connected(block.id, 0, 5), 10).connected, true);
  assert.equal(table.see(connected(block.id, 0, 5), 20).connected, false);
  table.observe(block, { state: 'pending' }, 30);
  table.observe(block, { state: 'missing' }, 30);
  const view = { block: block.id, queued: false, ending: false, managers: 1 };
  assert.deepEqual(table.views(), [{ ...view, held: 0, idleSinceMs: 5 }]);
  table.see(connected(block.id, 3), 40);
  assert.deepEqual(table.views(), [{ ...view, held: 3 }]);
});

test('a block that was told to end has its place until the scheduler says that it ended', () => {
  const table = new BlockTable(1);
  const { id } = table.open(0);
  table.tellToEnd(id, 'scaled in', 1);
  assert.deepEqual(table.views().map(({ block, ending }) => [block, ending]), [[id, true]]);
});

const outcomes = [
  ['never connected', false, false, 'completed', 1, 'stillborn'],
  ['never connected, taken back', false, true, 'cancelled', 1, 'unused'],
  ['connected, then failed soon', true, false, 'failed', 59_999, 'crashed'],
  ['connected, then failed late', true, false, 'failed', 60_000, 'served'],
  ['connected, then its walltime ended', true, false, 'timeout', 1, 'served'],
  ['connected, then ended by itself', true, false, 'completed', 1, 'served'],
  ['connected, then failed when told to end', true, true, 'failed', 1, 'served'],
] as const;
for (const [what, connects, planned, state, afterMs, outcome] of outcomes) {
  test(`a block that ${what} is ${outcome}`, () => {
    const table = new BlockTable(1);
    const block = table.open(0);
    if (connects) table.see(connected(block.id, 1), 1000);
    if (planned) table.tellToEnd(block.id, 'scaled in', 1000);
    table.observe(block, { state }, 1000 + afterMs);
    assert.deepEqual(table.ended().map((ended) => ended.outcome), [outcome]);
  });
}

test('old ended blocks are forgotten, live ones and numbers are not', () => {
  const table = new BlockTable(1);
  const first = table.open(0);
  for (let n = 0; n < 1000; n += 1) table.observe(table.open(n), { state: 'failed' }, n);
  assert.equal(table.open(1000).id, '1001');
  const known = table.status(1).map(({ block }) => block);
  assert.equal(known.length, 202);
  assert.equal(known[0], first.id);
});

test('a status says what happened in one plain record', () => {
  const table = new BlockTable(1);
  const block = table.open(1);
  block.job = { id: '4711', name: 'b', submittedAtMs: 0, stdoutPath: '/b/out', stderrPath: '/b/err' };
  table.observe(block, { state: 'running', endsAtMs: 99 }, 2);
  table.observe(block, { state: 'failed', exitCode: 7, reason: 'NonZeroExitCode' }, 3);
  assert.deepEqual(table.status(4), [{
    block: '0', job: '4711', state: 'failed', nodes: 4, managers: 0, reason: 'NonZeroExitCode', exitCode: 7,
    stdoutPath: '/b/out', stderrPath: '/b/err', submittedAtMs: 1, startedAtMs: 2, endedAtMs: 3, endsAtMs: 99,
  }]);
});
