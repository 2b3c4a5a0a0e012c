import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Queue, type Offer } from '../../../../engine/interchange/queue.ts';
import { TaskTable } from '../../../../engine/interchange/tasks.ts';
import type { Kind } from '../../../../src/common/protocol.ts';
import { batchOf } from './cluster.ts';

const ANY: Offer = { remainingMs: Infinity, free: 1, widest: 1, slots: 1 };

/** Takes one task after the other as long as the queue offers any. */
function drain(queue: Queue, offer: Offer = ANY): number[] {
  const ids: number[] = [];
  for (let range = queue.next(offer); range !== undefined; range = queue.next(offer)) {
    ids.push(range.batch.ids[range.from] ?? 0);
    range.offset += range.batch.sizes[range.from] ?? 0;
    range.from++;
  }
  return ids;
}

test('lanes are served by priority, and among equals the oldest task is first', () => {
  const queue = new Queue(new TaskTable());
  queue.push(batchOf([1, 2]), 2);
  queue.push(batchOf([3], { priority: 2 }), 1);
  queue.push(batchOf([4], { priority: 1, minRemainingMs: 5 }), 1);
  queue.push(batchOf([5, 6], { priority: 1 }), 2);
  queue.push(batchOf([7], { minRemainingMs: 5 }), 1);
  queue.push(batchOf([8]), 1);
  assert.deepEqual(drain(queue), [4, 5, 6, 3, 1, 2, 7, 8]);
});

test('what nobody can take now is passed over, and comes when somebody can', () => {
  const queue = new Queue(new TaskTable());
  queue.push(batchOf([1], { priority: 0, minRemainingMs: 1000 }), 1);
  queue.push(batchOf([2]), 1);
  queue.pushBack([{ batch: batchOf([3, 4]), from: 0, to: 2, offset: 0 }], true);
  assert.deepEqual(drain(queue, { ...ANY, remainingMs: 999, free: 0, widest: 0 }), [2]);
  assert.deepEqual(drain(queue, { ...ANY, remainingMs: 999 }), [3, 4]);
  assert.deepEqual(drain(queue, { ...ANY, remainingMs: 1000, free: 0, widest: 0 }), []);
  assert.deepEqual(drain(queue, { ...ANY, remainingMs: 1000 }), [1]);
});

test('suspects are offered one by one, with their own payloads', () => {
  const queue = new Queue(new TaskTable());
  queue.pushBack([{ batch: batchOf([10, 20, 30]), from: 1, to: 3, offset: 10 }], true);
  const first = queue.next(ANY);
  assert.deepEqual([first?.from, first?.to, first?.offset], [1, 2, 10]);
  if (first !== undefined) first.from = first.to;
  const second = queue.next(ANY);
  assert.deepEqual([second?.from, second?.to, second?.offset], [2, 3, 30]);
});

test('what comes back goes to its old place', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.nat(59)), fc.nat(60), (count, back, taken) => {
    const queue = new Queue(new TaskTable());
    const batch = batchOf(Array.from({ length: count }, (_, i) => i + 1));
    queue.push(batch, count);
    const out: number[] = [];
    for (let i = 0; i < Math.min(taken, count); i++) {
      const range = queue.next(ANY);
      assert.ok(range);
      out.push(range.batch.ids[range.from++] ?? 0);
    }
    const returned = [...new Set(back)].filter((at) => at < out.length).toSorted((a, b) => a - b);
    queue.pushBack(returned.map((at) => ({ batch: { ...batch }, from: at, to: at + 1, offset: 0 })), false);
    const kept = new Set(returned.map((at) => at + 1));
    const expected = Array.from(batch.ids).filter((id) => id > out.length || kept.has(id));
    assert.deepEqual(drain(queue), expected);
  }));
});

test('whatever is pushed comes out once, and never before what it should wait for', () => {
  const kind = fc.record({
    priority: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), minRemainingMs: fc.constantFrom(0, 100),
  });
  const some = fc.array(fc.record({ kind, count: fc.integer({ min: 1, max: 200 }) }), { maxLength: 20 });
  fc.assert(fc.property(some, (batches) => {
    const queue = new Queue(new TaskTable());
    const rank = new Map<number, number>();
    let id = 1;
    for (const { kind: { priority, minRemainingMs }, count } of batches) {
      const demands: Partial<Kind> = priority === undefined ? { minRemainingMs } : { minRemainingMs, priority };
      const ids = Array.from({ length: count }, () => id++);
      for (const one of ids) rank.set(one, (priority ?? 9) * 1e6 + one);
      queue.push(batchOf(ids, demands), count);
      queue.sweep();
    }
    const out = drain(queue);
    assert.deepEqual(out, [...rank.keys()].toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0)));
  }), { numRuns: 50 });
});
