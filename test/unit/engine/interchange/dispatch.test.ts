import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, LOAD } from './cluster.ts';

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test('what waits is spread over the managers, evenly', () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b', 'c']) cluster.join(name, { slots: 8 });
  cluster.submit(upTo(6));
  cluster.dispatch();
  assert.deepEqual(new Set(['a', 'b', 'c'].map((name) => cluster.held(name))), new Set([1, 2, 3]));
});

test('as long as slots are free nobody gets tasks in line', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 50 });
  cluster.join('b', { slots: 2, window: 50 });
  cluster.submit(upTo(4));
  cluster.dispatch();
  assert.deepEqual([cluster.held('a'), cluster.held('b'), cluster.state.managers.inLine], [2, 2, 0]);
});

test('when every slot is taken managers get in line what they asked for, and no more', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 5 });
  cluster.join('b', { slots: 2 });
  cluster.submit(upTo(20));
  cluster.dispatch();
  assert.deepEqual([cluster.held('a'), cluster.held('b'), cluster.state.tasks.waiting], [5, 2, 13]);
  assert.deepEqual(cluster.dispatch(), []);
});

test('a task that needs a long block waits for one and holds up nobody', () => {
  const cluster = new Cluster();
  cluster.join('short', { slots: 2, endsAtMs: 10_000 });
  cluster.submit([1], { minRemainingMs: 60_000 });
  cluster.submit([2]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'short', 2]]);
  cluster.join('long', { endsAtMs: 100_000 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'long', 1]]);
});

test('a lower priority number goes first, then the older task; without one a task goes last', () => {
  const cluster = new Cluster();
  cluster.submit([1, 2]);
  cluster.submit([3, 4], { priority: 5 });
  cluster.submit([5], { priority: -1 });
  cluster.submit([6], { priority: 5 });
  cluster.join('a', { slots: 6 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 5, 3, 4, 6, 1, 2]]);
});

test('a payload too large for company goes in a message of its own', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 4 });
  const huge = 9 * 1024 * 1024; // ids are sizes here
  cluster.submit([huge]);
  cluster.submit([huge + 1, huge + 2]);
  const messages = cluster.dispatch();
  assert.deepEqual(messages.map((effect) => (effect as unknown[]).slice(2)), [[huge], [huge + 1, huge + 2]]);
});

test('slots stand free and a line is long: half of it is called back, once until it answers', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 1, window: 11 });
  cluster.submit(upTo(11));
  cluster.dispatch();
  assert.equal(cluster.held('a'), 11);
  cluster.join('b', { slots: 8 });
  assert.deepEqual(cluster.dispatch(), [['to-manager', 'a', { type: 'recall', count: 5 }], ['wake', 20]]);
  cluster.now += 10;
  assert.deepEqual(cluster.dispatch(), [['wake', 10]]);
  cluster.now += 10;
  assert.deepEqual(cluster.dispatch(), []);
  assert.deepEqual(cluster.returned('a', 7, 8, 9, 10, 11), [LOAD]);
  const effects = cluster.dispatch();
  assert.deepEqual([cluster.held('a'), cluster.held('b')], [6, 5]);
  assert.deepEqual(effects.slice(-2), [['to-manager', 'a', { type: 'recall', count: 3 }], ['wake', 20]]);
});

test('no more is called back than there are free slots, and nothing of a manager that is away', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 1, window: 20 });
  cluster.join('away', { slots: 1, window: 100 });
  cluster.submit(upTo(100));
  cluster.dispatch();
  cluster.gone('away');
  cluster.now += 100;
  cluster.cancel(...cluster.state.tasks.ids('waiting'));
  cluster.join('b', { slots: 2 });
  assert.deepEqual(cluster.dispatch(), [['to-manager', 'a', { type: 'recall', count: 2 }], ['wake', 20]]);
});

test('one manager alone is not asked for anything back', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 10 });
  cluster.submit(upTo(10));
  cluster.dispatch();
  cluster.results('a', upTo(9));
  assert.deepEqual(cluster.dispatch(), []);
});
