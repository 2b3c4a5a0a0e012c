import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pending, type SentBatch, type TaskSink } from '../../../engine/pending.ts';
import type { FunctionId, TaskId } from '../../../src/common/protocol.ts';

const sink: TaskSink = { onOutcome: () => { /* nobody waits */ }, onFailure: () => { /* nobody waits */ } };

function batch(first: number, count: number): SentBatch {
  return {
    kind: { fn: `f${first}` as FunctionId, timeoutMs: 0, retries: 0, minRemainingMs: 0 }, first, count,
    submittedAtMs: 0, sizes: new Uint32Array(count), payload: new Uint8Array(0), buffers: [], open: count,
  };
}

test('ids count from 1, and a task is taken once', () => {
  const pending = new Pending();
  assert.deepEqual([pending.add(sink), pending.add(sink), pending.open], [1, 2, 2]);
  assert.equal(pending.take(1), sink);
  assert.deepEqual([pending.take(1), pending.has(1), pending.has(2), pending.open], [undefined, false, true, 1]);
  for (const id of [0, -1, 1.5, 3, NaN, 1e9]) assert.equal(pending.take(id), undefined);
});

test('a batch is kept as long as one of its tasks is open', () => {
  const pending = new Pending();
  for (let i = 0; i < 10; i++) pending.add(sink);
  for (const [first, count] of [[1, 3], [4, 1], [5, 6]] as const) pending.keep(batch(first, count));
  const open = (): number[] => [...pending.batches()].map(({ first }) => first);
  pending.release(2, 4); // 2, 3 of the first, 4, and 5 of the last
  assert.deepEqual(open(), [1, 5]);
  pending.release(1, 1);
  pending.release(6, 5);
  assert.deepEqual([open(), [...pending.batches()].length], [[], 0]);
  pending.release(1, 10);
});

test('what is open is what was added and not taken, whatever the order', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 60 }), fc.nat(), (counts, seed) => {
    const pending = new Pending();
    const open = new Set<TaskId>();
    let random = seed;
    for (const count of counts) {
      const first = pending.add(sink);
      open.add(first);
      for (let i = 1; i < count * 40; i++) open.add(pending.add(sink));
      pending.keep(batch(first, count * 40));
      for (const id of open) {
        random = (random * 1103515245 + 12345) & 0x7fffffff;
        if (random % 3 === 0) continue;
        assert.equal(pending.take(id), sink);
        pending.release(id, 1);
        open.delete(id);
      }
      assert.equal(pending.open, open.size);
    }
    assert.deepEqual([...pending.ids()], [...open]);
    for (const { first, count, open: left } of pending.batches()) {
      assert.equal(left, [...open].filter((id) => id >= first && id < first + count).length);
      assert.ok(left > 0);
    }
  }), { numRuns: 15 });
});
