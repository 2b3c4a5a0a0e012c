import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS, type ManagerId } from '../../../../src/common/protocol.ts';
import { Cluster, left, LOAD } from './cluster.ts';

/** A cluster with one manager that holds these tasks. */
function holding(ids: readonly number[], retries = 0): Cluster {
  const cluster = new Cluster();
  cluster.join('a', { slots: ids.length });
  cluster.submit(ids, { retries });
  cluster.dispatch();
  return cluster;
}

test('good results go to the client as they came', () => {
  const cluster = holding([1, 2, 3]);
  assert.deepEqual(cluster.results('a', [2, 1]), [['forward', 'a', 2, 1], LOAD]);
  assert.equal(cluster.held('a'), 1);
  assert.deepEqual(cluster.results('a', [3]), [['forward', 'a', 3], LOAD]);
  assert.deepEqual([cluster.state.tasks.waiting, cluster.state.tasks.held], [0, 0]);
});

test('among failures each task is decided by itself', () => {
  const cluster = holding([1, 2, 3], 1);
  const effects = cluster.results('a', [1, 2, 3], [STATUS.ok, STATUS.retryable, STATUS.failed]);
  assert.deepEqual(effects, [['forward', 'a', 1, 3], LOAD]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2]]);
  assert.deepEqual(cluster.results('a', [2], STATUS.retryable, 2), [['forward', 'a', 2], LOAD]);
});

test('a result is not said twice', () => {
  const cluster = holding([1, 2, 3]);
  cluster.results('a', [1]);
  assert.deepEqual(cluster.results('a', [1]), [LOAD]);
  assert.deepEqual(cluster.results('a', [1, 2]), [['forward', 'a', 2], LOAD]);
  assert.deepEqual(cluster.results('a', [77]), [LOAD]);
  assert.equal(cluster.state.duplicates, 3);
  assert.equal(cluster.held('a'), 1);
});

test('the same id twice in one message is one task', () => {
  const cluster = holding([1, 2, 3]);
  cluster.results('a', [1, 1, 1]);
  assert.equal(cluster.held('a'), 2);
  cluster.returned('a', 2, 2, 2);
  assert.equal(cluster.held('a'), 1);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2]]);
});

test('a task that takes workers down is blamed after as many as it may, whatever its retries', () => {
  const cluster = holding([1], 10);
  for (let attempt = 1; attempt <= 2; attempt++) {
    assert.deepEqual(cluster.results('a', [1], STATUS.workerLost, attempt), [LOAD]);
    assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1]]);
  }
  assert.deepEqual(cluster.results('a', [1], STATUS.workerLost, 3), [['settle', 'TASK_BLAMED', 1], LOAD]);
  assert.equal(cluster.state.strikes.size, 0);
});

test('a failure that is said again is not charged again', () => {
  const cluster = holding([1], 2);
  cluster.results('a', [1], STATUS.retryable, 1);
  cluster.dispatch();
  assert.deepEqual(cluster.results('a', [1], STATUS.retryable, 1), [LOAD]);
  assert.equal(cluster.held('a'), 1);
  assert.equal(cluster.state.tasks.batchOf(1)?.attempt, 2);
});

test('tasks of a lost manager go to free slots only, one by one', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 1, window: 3 });
  cluster.submit([1, 2, 3]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1, 2, 3]]);
  assert.deepEqual(cluster.lose('a'), [left('a', 'disconnected', 3), LOAD]);
  cluster.join('b', { slots: 1, window: 3 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1]]);
  cluster.submit([4]);
  // In line behind a suspect stands who is none.
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 4]]);
  assert.equal((cluster.place(2) as { reason: string }).reason,
    'it was on a manager that was lost and waits for a free slot');
  cluster.results('b', [1]);
  cluster.results('b', [4]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 2]]);
});

test('a task is blamed when as many managers as it may take down were lost, after the first', () => {
  const cluster = new Cluster();
  cluster.submit([1]);
  for (let round = 0; round < 3; round++) {
    cluster.join('a');
    assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1]]);
    assert.deepEqual(cluster.lose('a'), [left('a', 'disconnected', 1), LOAD]);
  }
  cluster.join('a');
  cluster.dispatch();
  assert.deepEqual(cluster.lose('a'), [left('a', 'disconnected', 1), ['settle', 'TASK_BLAMED', 1], LOAD]);
  assert.deepEqual([cluster.state.strikes.size, cluster.state.tasks.held], [0, 0]);
});

test('a lost manager that comes back keeps what nobody else has, and drops the rest', () => {
  const cluster = holding([1, 2]);
  cluster.lose('a');
  cluster.join('b', { slots: 1 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1]]);
  const effects = cluster.join('a', { slots: 2, held: [1, 2] });
  assert.deepEqual(effects[1], ['to-manager', 'a', { type: 'drop', ids: [1] }]);
  assert.equal(cluster.held('a'), 1);
  assert.deepEqual(cluster.results('a', [2]), [['forward', 'a', 2], LOAD]);
});

test('the first good result of a task counts, and the other manager may drop it', () => {
  const cluster = holding([1]);
  cluster.lose('a');
  cluster.join('b');
  cluster.dispatch();
  cluster.join('a');
  assert.deepEqual(cluster.results('a', [1]),
    [['to-manager', 'b', { type: 'drop', ids: [1] }], ['forward', 'a', 1], LOAD]);
  assert.equal(cluster.held('b'), 0);
  assert.deepEqual(cluster.results('b', [1]), [LOAD]);
});

test('the failure of a try that was given up does not end the next one', () => {
  const cluster = holding([1]);
  cluster.lose('a');
  cluster.join('b');
  cluster.dispatch();
  cluster.join('a');
  for (const status of [STATUS.failed, STATUS.retryable, STATUS.workerLost]) {
    assert.deepEqual(cluster.results('a', [1], status), [LOAD]);
  }
  assert.deepEqual(cluster.results('b', [1]), [['forward', 'b', 1], LOAD]);
});

test('a task that was tried elsewhere meanwhile is not given back for an older try', () => {
  const cluster = holding([1], 1);
  cluster.lose('a');
  cluster.join('b');
  cluster.dispatch();
  cluster.results('b', [1], STATUS.retryable);
  const effects = cluster.join('a', { held: [1] });
  assert.deepEqual(effects[1], ['to-manager', 'a', { type: 'drop', ids: [1] }]);
  assert.equal(cluster.dispatch().length, 1);
});

test('a result of a manager that never had the task is passed over', () => {
  const cluster = holding([1]);
  cluster.join('b');
  cluster.submit([2, 3]);
  cluster.dispatch();
  for (const status of Object.values(STATUS)) assert.deepEqual(cluster.results('b', [1, 3], status), [LOAD]);
  assert.deepEqual([cluster.held('a'), cluster.held('b'), cluster.state.tasks.waiting], [1, 1, 1]);
});

test('a waiting task is cancelled at once, a held one by its manager, an unknown one by nobody', () => {
  const cluster = holding([1]);
  cluster.submit([2, 3]);
  assert.deepEqual(cluster.cancel(1, 2, 99), [
    ['settle', 'TASK_CANCELLED', 2], LOAD, ['to-manager', 'a', { type: 'cancel', ids: [1] }],
  ]);
  assert.deepEqual(cluster.results('a', [1], STATUS.failed), [['forward', 'a', 1], LOAD]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 3]]);
  assert.equal(cluster.state.cancelled.size, 0);
  assert.deepEqual(cluster.cancel(1, 2), []);
});

test('a cancelled task is not tried again, however it comes back', () => {
  const ways: ((cluster: Cluster) => unknown[])[] = [
    (cluster) => cluster.returned('a', 1),
    (cluster) => cluster.results('a', [1], STATUS.retryable),
    (cluster) => cluster.lose('a'),
    (cluster) => cluster.say('a', { type: 'drained' }),
    (cluster) => cluster.join('a', { held: [] }),
  ];
  for (const way of ways) {
    const cluster = holding([1], 5);
    cluster.cancel(1);
    const settled = way(cluster).filter((effect) => (effect as string[])[0] === 'settle');
    assert.deepEqual(settled, [['settle', 'TASK_CANCELLED', 1]], String(way));
    assert.deepEqual([cluster.state.tasks.waiting, cluster.state.tasks.held, cluster.state.cancelled.size], [0, 0, 0]);
  }
});

test('a manager that comes back is told again what was cancelled', () => {
  const cluster = holding([1]);
  cluster.cancel(1);
  cluster.gone('a');
  const effects = cluster.join('a', { held: [1] });
  assert.deepEqual(effects[1], ['to-manager', 'a', { type: 'cancel', ids: [1] }]);
});

test('fail-waiting ends what waits and nothing else', () => {
  const cluster = holding([1]);
  cluster.submit([2, 3]);
  const failure = { code: 'BLOCKS_FAILED', name: 'ComputeError', message: 'every block failed' } as const;
  assert.deepEqual(cluster.client({ type: 'fail-waiting', failure }), [['settle', 'BLOCKS_FAILED', 2, 3], LOAD]);
  assert.deepEqual(cluster.client({ type: 'fail-waiting', failure }), []);
  assert.deepEqual(cluster.results('a', [1]), [['forward', 'a', 1], LOAD]);
});

test('whoever asks where a task is learns what it waits for', () => {
  const cluster = new Cluster();
  cluster.submit([1]);
  assert.deepEqual(cluster.place(1), { at: 'waiting', reason: 'no manager has connected yet' });
  cluster.join('a', { endsAtMs: 5000 });
  cluster.submit([2], { minRemainingMs: 60_000 });
  cluster.dispatch();
  cluster.submit([3]);
  assert.deepEqual(cluster.place(1), { at: 'manager', manager: 'a', node: 'node' });
  assert.deepEqual(cluster.place(2), { at: 'waiting', reason: 'it needs a free slot in a block with 60 s left' });
  assert.deepEqual(cluster.place(3), { at: 'waiting', reason: '2 tasks wait for 0 free slots' });
  assert.deepEqual(cluster.place(99), { at: 'unknown' });
});

test('a task that a replaced interchange claims keeps its retries', () => {
  const cluster = new Cluster(true);
  cluster.submit([1], { retries: 2 });
  cluster.join('a', { held: [1] });
  cluster.client({ type: 'resumed', managers: ['a' as ManagerId] });
  // The third try, of which this interchange knows nothing.
  assert.deepEqual(cluster.results('a', [1], STATUS.retryable, 3), [['forward', 'a', 1], LOAD]);
});
