import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS } from '../../../../src/common/protocol.ts';
import type { BlockId, ManagerId } from '../../../../src/common/protocol.ts';
import { Cluster, joined, left, LOAD, REGISTERED, resultsOf } from './cluster.ts';

test('a manager that registers is answered, announced and gets tasks', () => {
  const cluster = new Cluster();
  assert.deepEqual(cluster.submit([1]), [LOAD]);
  assert.deepEqual(cluster.dispatch(), []);
  assert.deepEqual(cluster.join('a', { slots: 2 }), [['to-manager', 'a', REGISTERED], joined('a', { slots: 2 }), LOAD]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1]]);
  assert.deepEqual(cluster.dispatch(), []);
});

test('a manager of another version, or under another name, is refused, and nobody else', () => {
  const cluster = new Cluster();
  cluster.join('a');
  const refusals = [cluster.join('b', { version: 9 }), cluster.join('c', { manager: 'a' })];
  assert.deepEqual(refusals, [
    [['to-manager', 'b', { type: 'refused', reason: 'it speaks protocol version 9 and this interchange speaks 2: '
      + 'start both from the same installation' }]],
    [['to-manager', 'c', { type: 'refused', reason: 'it registers under a name that is not its own' }]],
  ]);
  cluster.submit([1, 2]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1]]);
  assert.deepEqual(cluster.say('b', { type: 'heartbeat' }), [['to-manager', 'b', { type: 'register-again' }]]);
});

test('a manager whose connection broke gets nothing, and is lost when it does not come back in time', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.submit([1, 2]);
  cluster.dispatch();
  assert.deepEqual(cluster.gone('a'), [['wake', 1000]]);
  cluster.submit([3]);
  assert.deepEqual(cluster.dispatch(), []);
  assert.deepEqual(cluster.pass(999), []);
  assert.deepEqual(cluster.pass(1), [left('a', 'disconnected', 2), LOAD]);
  assert.deepEqual(cluster.gone('a'), []);
  cluster.join('b', { slots: 3 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1, 2, 3]]);
});

test('a broken connection that is reported again and again does not put the loss off', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.gone('a');
  cluster.pass(600);
  cluster.gone('a');
  assert.deepEqual(cluster.pass(400), [left('a', 'disconnected', 0), LOAD]);
});

test('a manager that comes back in time keeps its tasks, and loses what was on the way', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 3 });
  cluster.submit([1, 2, 3]);
  cluster.dispatch();
  cluster.gone('a');
  cluster.pass(900);
  assert.deepEqual(cluster.join('a', { slots: 3, held: [1] }), [['to-manager', 'a', REGISTERED], LOAD]);
  assert.equal(cluster.held('a'), 1);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2, 3]]);
  assert.deepEqual(cluster.pass(5000), []);
  assert.equal(cluster.state.strikes.size, 0);
});

test('definitions are sent again after a registration: those on the way may have been lost', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.state.managers.byPeer.get('a')?.functions.add('f' as never);
  cluster.join('a');
  assert.equal(cluster.state.managers.byPeer.get('a')?.functions.size, 0);
});

test('results that a registration brings along count before what it holds', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 3 });
  cluster.submit([1, 2, 3], { retries: 1 });
  cluster.dispatch();
  const results = [resultsOf([1]), resultsOf([2], STATUS.retryable)];
  assert.deepEqual(cluster.join('a', { slots: 3, held: [3], results }), [
    ['to-manager', 'a', REGISTERED], ['forward', 'a', 1], LOAD, LOAD,
  ]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2]]);
  // The same again changes nothing: that try is over.
  cluster.join('a', { slots: 3, held: [3], results });
  assert.equal(cluster.state.tasks.batchOf(2)?.attempt, 2);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2]]);
});

test('a silent manager is lost; one that still speaks is not', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.join('b');
  cluster.submit([1, 2]);
  cluster.dispatch();
  cluster.pass(100_000);
  assert.deepEqual(cluster.say('b', { type: 'heartbeat' }), [['to-manager', 'b', { type: 'heartbeat' }]]);
  assert.deepEqual(cluster.pass(21_000), [left('a', 'silent', 1), LOAD]);
});

test('a sleep of the interchange is nobody\'s silence', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.join('b');
  cluster.gone('b');
  cluster.pass(500);
  cluster.now += 3_600_000;
  assert.deepEqual(cluster.pass(500), []);
  cluster.say('a', { type: 'heartbeat' });
  assert.deepEqual(cluster.pass(1000), [left('b', 'disconnected', 0), LOAD]);
});

test('nor is a sleep before its first tick', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.now += 3_600_000;
  assert.deepEqual(cluster.pass(500), []);
});

test('a manager that leaves as planned is not charged for, and what it still holds goes elsewhere', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.submit([1, 2]);
  cluster.dispatch();
  assert.deepEqual(cluster.say('a', { type: 'draining' }), [LOAD]);
  assert.deepEqual(cluster.returned('a', 2), [LOAD]);
  cluster.submit([3]);
  assert.deepEqual(cluster.dispatch(), []);
  assert.deepEqual(cluster.say('a', { type: 'drained' }), [left('a', 'drained', 1), LOAD]);
  assert.equal(cluster.state.strikes.size, 0);
  assert.deepEqual(cluster.say('a', { type: 'heartbeat' }), [['to-manager', 'a', { type: 'register-again' }]]);
  cluster.join('b', { slots: 3 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1, 2, 3]]);
});

test('drained blocks get no more tasks, whoever of them comes later, and are told once', () => {
  const cluster = new Cluster();
  cluster.join('a', { block: '0' });
  cluster.join('b', { block: '1' });
  const order = { type: 'drain-blocks', blocks: ['0' as BlockId] } as const;
  assert.deepEqual(cluster.client(order), [['to-manager', 'a', { type: 'drain' }]]);
  assert.deepEqual(cluster.client(order), []);
  assert.deepEqual(cluster.join('late', { block: '0' }), [
    ['to-manager', 'late', REGISTERED], ['to-manager', 'late', { type: 'drain' }], joined('late', { draining: true }),
    LOAD,
  ]);
  cluster.submit([1, 2]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1]]);
});

test('a manager that drains says so when it registers, and is not given tasks to hand back', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 0, draining: true });
  cluster.submit([1]);
  assert.deepEqual(cluster.dispatch(), []);
});

test('stop reaches every manager and ends the interchange', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.join('b');
  assert.deepEqual(cluster.client({ type: 'stop' }), [
    ['to-manager', 'a', { type: 'stop' }], ['to-manager', 'b', { type: 'stop' }], ['exit'],
  ]);
});

test('a replaced interchange gives nothing out until everybody is back', () => {
  const cluster = new Cluster(true);
  assert.deepEqual(cluster.join('a', { slots: 2, held: [1, 9] }), []);
  assert.deepEqual(cluster.say('b', { type: 'heartbeat' }), []);
  cluster.submit([1, 2, 3]);
  assert.deepEqual(cluster.dispatch(), []);
  // 1 is claimed for a; 9 has ended, and a is told to drop it.
  assert.deepEqual(cluster.client({ type: 'resumed', managers: ['a', 'b'] as ManagerId[] }), [
    ['to-manager', 'a', REGISTERED], ['to-manager', 'a', { type: 'drop', ids: [9] }],
    joined('a', { slots: 2, held: 1 }), LOAD, ['wake', 1000],
  ]);
  assert.deepEqual(cluster.dispatch(), []);
  cluster.join('b', { slots: 1, held: [3] });
  assert.equal(cluster.state.recovery, undefined);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 2]]);
});

test('a replaced interchange waits no longer than the grace, and no time for nobody', () => {
  const nobody = new Cluster(true);
  nobody.client({ type: 'resumed', managers: [] });
  assert.equal(nobody.state.recovery, undefined);
  const cluster = new Cluster(true);
  cluster.submit([1]);
  cluster.join('new');
  cluster.client({ type: 'resumed', managers: ['a' as ManagerId] });
  cluster.pass(999);
  assert.deepEqual(cluster.dispatch(), []);
  cluster.pass(1);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'new', 1]]);
  // Late, and told to drop what runs elsewhere by now.
  assert.deepEqual(cluster.join('a', { held: [1] }).slice(0, 2),
    [['to-manager', 'a', REGISTERED], ['to-manager', 'a', { type: 'drop', ids: [1] }]]);
});

test('a registration whose sender has gone again is not kept for later', () => {
  const cluster = new Cluster(true);
  cluster.join('a');
  cluster.gone('a');
  assert.deepEqual(cluster.client({ type: 'resumed', managers: [] }), [['wake', 1000]]);
  assert.equal(cluster.state.managers.byPeer.size, 0);
});

test('nobody claims tasks that it was never given', () => {
  const cluster = new Cluster();
  cluster.submit([1, 2]);
  assert.deepEqual(cluster.join('a', { held: [1, 2, 7] }), [
    ['to-manager', 'a', REGISTERED], ['to-manager', 'a', { type: 'drop', ids: [1, 2, 7] }], joined('a'), LOAD,
  ]);
  assert.equal(cluster.held('a'), 0);
});
