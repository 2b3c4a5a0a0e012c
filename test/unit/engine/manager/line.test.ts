import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Line } from '../../../../engine/manager/line.ts';
import { segmentOf, tasksOf } from './segments.ts';

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test('tasks come out as they went in, never of two batches at once, and what comes back is first again', () => {
  const line = new Line();
  line.push(segmentOf([1, 2, 3]));
  line.push(segmentOf([4, 5]));
  const first = line.take(2, Infinity);
  assert.ok(first);
  assert.deepEqual([...first.ids.subarray(first.from, first.to)], [1, 2]);
  assert.deepEqual(line.ids(), [3, 4, 5]);
  line.pushFront([first]);
  assert.deepEqual([line.take(9, Infinity)?.to, line.ids()], [2, [3, 4, 5]]);
  assert.deepEqual([line.take(9, Infinity)?.from, line.ids()], [2, [4, 5]]);
  assert.equal(line.length, 2);
});

test('a take is bounded by bytes, one task in any case', () => {
  const line = new Line();
  line.push(segmentOf([1, 2, 3, 4], [5, 5, 20, 1]));
  const takes = upTo(3).map(() => {
    const taken = line.take(9, 12);
    return taken === undefined ? [] : tasksOf(taken).map(({ id }) => id);
  });
  assert.deepEqual(takes, [[1, 2], [3], [4]]);
  assert.equal(line.take(9, 12), undefined);
});

test('what is given back is the last in line', () => {
  const line = new Line();
  line.push(segmentOf([1, 2, 3]));
  line.push(segmentOf([4, 5]));
  assert.deepEqual(line.takeBack(3), [5, 4, 3]);
  assert.deepEqual(line.takeBack(Infinity), [2, 1]);
  assert.deepEqual([line.takeBack(1), line.length], [[], 0]);
});

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), sizes: fc.array(fc.nat(4), { minLength: 1, maxLength: 12 }) }),
  fc.record({
    do: fc.constant('take' as const), max: fc.integer({ min: 1, max: 6 }), bytes: fc.nat(12), back: fc.boolean(),
  }),
  fc.record({ do: fc.constant('takeBack' as const), max: fc.nat(5) }),
  fc.record({
    do: fc.constant('remove' as const), wanted: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
  }),
);

test('whatever is taken out of the line, each task stays in order and keeps its own payload', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const line = new Line();
    let model: number[] = [];
    let next = 1;
    for (const one of steps) {
      if (one.do === 'push') {
        const ids = one.sizes.map(() => next++);
        line.push(segmentOf(ids, one.sizes));
        model.push(...ids);
      } else if (one.do === 'take') {
        const taken = line.take(one.max, one.bytes);
        const tasks = taken === undefined ? [] : tasksOf(taken);
        assert.deepEqual(tasks.map(({ id }) => id), model.slice(0, tasks.length));
        for (const { id, bytes } of tasks) assert.ok(bytes.every((byte) => byte === (id & 255)));
        if (taken !== undefined && one.back) line.pushFront([taken]);
        else model = model.slice(tasks.length);
      } else if (one.do === 'takeBack') {
        const count = Math.min(one.max, model.length);
        assert.deepEqual(line.takeBack(one.max), model.splice(model.length - count).toReversed());
      } else {
        const wanted = new Set(one.wanted);
        assert.deepEqual(line.remove(wanted).map(({ id }) => id), model.filter((id) => wanted.has(id)));
        model = model.filter((id) => !wanted.has(id));
      }
      assert.deepEqual([line.ids(), line.length], [model, model.length]);
    }
  }), { numRuns: 150 });
});
