import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { offsetOf, TaskTable, type Range, type StoredBatch } from '../../../../engine/interchange/tasks.ts';
import { batchOf } from './cluster.ts';

test('tasks across pages are found, counted and forgotten', () => {
  const table = new TaskTable();
  const ids = [1, 4095, 4096, 4097, 12_288];
  assert.equal(table.add(batchOf(ids)), 5);
  assert.deepEqual([...table.ids('waiting')], ids);
  for (const id of [0, 2, 8192, 12_287, 99_999, -1]) assert.equal(table.isWaiting(id) || table.settle(id), false);
  for (const id of ids) assert.equal(table.settle(id), true);
  assert.deepEqual([table.waiting, table.held, [...table.ids('waiting')]], [0, 0, []]);
  assert.equal(table.settle(1), false);
});

test('a batch that is replayed adds nothing', () => {
  const table = new TaskTable();
  assert.equal(table.add(batchOf([1, 2, 3])), 3);
  assert.equal(table.add(batchOf([1, 2, 3])), 0);
  assert.equal(table.waiting, 3);
});

test('take passes over what was cancelled, in front and behind, and cuts payloads where they are', () => {
  const table = new TaskTable();
  const batch = batchOf([10, 20, 30, 40, 50]); // ids are sizes here
  table.add(batch);
  table.settle(10);
  table.settle(40);
  const range: Range = { batch, from: 0, to: 5, offset: 0 };
  assert.deepEqual(table.take(range, 9, 7), { batch, from: 1, to: 3, offset: 10 });
  assert.deepEqual(table.take(range, 9, 7), { batch, from: 4, to: 5, offset: 100 });
  assert.equal(table.take(range, 9, 7), undefined);
  assert.deepEqual([...table.ids(new Set([7]))], [20, 30, 50]);
});

test('an older range does not find a task that came back under a newer one', () => {
  const table = new TaskTable();
  const batch = batchOf([1, 2]);
  table.add(batch);
  const old: Range = { batch, from: 0, to: 2, offset: 0 };
  table.take({ ...old }, 2, 1);
  const [fresh] = table.release([1, 2]);
  assert.ok(fresh);
  assert.equal(table.take(old, 2, 1), undefined);
  assert.equal(table.take(fresh, 2, 1)?.to, 2);
});

test('tasks that come back together stay together, changed once', () => {
  const table = new TaskTable();
  const batch = batchOf([3, 4, 5, 6]);
  table.add(batch);
  table.take({ batch, from: 0, to: 4, offset: 0 }, 4, 1);
  const ranges = table.release([6, 3, 4, 99], (old) => ({ ...old, attempt: old.attempt + 1 }));
  assert.deepEqual(ranges.map(({ batch: { attempt }, from, to, offset }) => [attempt, from, to, offset]),
    [[2, 0, 2, 0], [2, 3, 4, 12]]);
  assert.equal(ranges[0]?.batch, ranges[1]?.batch);
  assert.deepEqual([table.waiting, table.held], [3, 1]);
});

test('only a waiting task can be claimed', () => {
  const table = new TaskTable();
  table.add(batchOf([1]));
  assert.deepEqual([table.claim(1, 5), table.claim(1, 6), table.claim(2, 5)], [true, false, false]);
  assert.equal(table.holder(1), 5);
});

/** The table in the plainest terms: id → where it is. */
type Model = Map<number, { place: 'waiting' | number; batch: StoredBatch }>;

const id = fc.integer({ min: 1, max: 9000 });
const ids = fc.uniqueArray(id, { maxLength: 30 });
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), first: id, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    do: fc.constant('take' as const), pick: fc.nat(), max: fc.integer({ min: 1, max: 20 }),
    serial: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant('claim' as const), id, serial: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('settle' as const), ids }),
  fc.record({ do: fc.constant('release' as const), ids }),
);

test('the table is what a plain map would be, whatever is done to it', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const table = new TaskTable();
    const model: Model = new Map();
    const ranges: Range[] = [];
    for (const one of steps) {
      if (one.do === 'add') addBoth(table, model, ranges, one.first, one.count);
      else if (one.do === 'take') takeBoth(table, model, ranges[one.pick % ranges.length], one.max, one.serial);
      else if (one.do === 'claim') {
        const found = model.get(one.id);
        assert.equal(table.claim(one.id, one.serial), found?.place === 'waiting');
        if (found?.place === 'waiting') found.place = one.serial;
      } else if (one.do === 'settle') {
        for (const some of one.ids) assert.equal(table.settle(some), model.delete(some));
      } else {
        releaseBoth(table, model, ranges, one.ids);
      }
      compare(table, model);
    }
  }), { numRuns: 150 });
});

function addBoth(table: TaskTable, model: Model, ranges: Range[], first: number, count: number): void {
  const batch = batchOf(Array.from({ length: count }, (_, i) => first + i));
  const added = table.add(batch);
  let expected = 0;
  for (const some of batch.ids) {
    if (model.has(some)) break;
    model.set(some, { place: 'waiting', batch });
    expected++;
  }
  assert.equal(added, expected);
  ranges.push({ batch, from: 0, to: added, offset: 0 });
}

function takeBoth(table: TaskTable, model: Model, range: Range | undefined, max: number, serial: number): void {
  if (range === undefined) return;
  const taken = table.take(range, max, serial);
  if (taken === undefined) return;
  assert.equal(taken.offset, offsetOf(taken.batch, taken.from));
  assert.ok(taken.to > taken.from && taken.to - taken.from <= max);
  for (const some of taken.batch.ids.subarray(taken.from, taken.to)) {
    const found = model.get(some);
    assert.deepEqual([found?.place, found?.batch], ['waiting', taken.batch]);
    if (found !== undefined) found.place = serial;
  }
}

function releaseBoth(table: TaskTable, model: Model, ranges: Range[], some: readonly number[]): void {
  const back: number[] = [];
  for (const range of table.release(some)) {
    assert.equal(range.offset, offsetOf(range.batch, range.from));
    for (const one of range.batch.ids.subarray(range.from, range.to)) {
      back.push(one);
      model.set(one, { place: 'waiting', batch: range.batch });
    }
    ranges.push(range);
  }
  assert.deepEqual(back, back.toSorted((a, b) => a - b));
}

function compare(table: TaskTable, model: Model): void {
  const all = [...model].toSorted(([a], [b]) => a - b);
  const where = (place: 'waiting' | number): number[] =>
    all.filter(([, found]) => found.place === place).map(([one]) => one);
  assert.deepEqual([...table.ids('waiting')], where('waiting'));
  for (const serial of [1, 2, 3]) assert.deepEqual([...table.ids(new Set([serial]))], where(serial));
  assert.equal(table.waiting, where('waiting').length);
  assert.equal(table.held, all.length - table.waiting);
  for (const [one, { batch }] of all) assert.equal(table.batchOf(one), batch);
}
