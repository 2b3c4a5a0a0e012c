// Blocks whose end the scheduler has told, and managers that go with them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockId } from '../../../../src/common/protocol.ts';
import { Cluster, LOAD, left } from './cluster.ts';

const ends = (cluster: Cluster, endsAtMs: number, block = '0'): unknown[] =>
  cluster.client({ type: 'block-ends', ends: [{ block: block as BlockId, endsAtMs }] });
/** Time passes while every manager says that it is there. */
function pass(cluster: Cluster, ms: number): unknown[] {
  const effects: unknown[] = [];
  for (let rest = ms; rest > 0; rest -= 60_000) {
    for (const peer of cluster.state.managers.byPeer.keys()) cluster.say(peer, { type: 'heartbeat' });
    effects.push(...cluster.pass(Math.min(rest, 60_000)));
  }
  return effects;
}
const drained = (effects: readonly unknown[], ...peers: string[]): void =>
  assert.deepEqual(effects.filter((one) => Array.isArray(one) && one[0] === 'to-manager'),
    peers.map((peer) => ['to-manager', peer, { type: 'drain' }]));

for (const [leftMs, marginMs] of [[3_600_000, 60_000], [600_000, 30_000], [60_000, 5_000]] as const) {
  test(`a block with ${leftMs / 1000} s left is drained ${marginMs / 1000} s before its end, once`, () => {
    const cluster = new Cluster();
    cluster.join('a');
    cluster.join('b', { block: '1' });
    ends(cluster, leftMs);
    drained(pass(cluster, leftMs - marginMs - 1));
    drained(pass(cluster, 1), 'a');
    drained(pass(cluster, 3000));
  });
}

test('the load says that a block is drained, so that another one can be asked for', () => {
  const cluster = new Cluster();
  cluster.join('a');
  assert.deepEqual(ends(cluster, 5_000), [['to-manager', 'a', { type: 'drain' }], LOAD]);
});

test('a manager that comes to a block whose time is up is told to drain', () => {
  const cluster = new Cluster();
  ends(cluster, 4_000);
  const effects = cluster.join('a');
  assert.deepEqual(effects[1], ['to-manager', 'a', { type: 'drain' }]);
  cluster.submit([1]);
  assert.deepEqual(cluster.dispatch(), []);
});

test('a scheduler that extends a job is believed', () => {
  const cluster = new Cluster();
  cluster.join('a');
  ends(cluster, 60_000);
  pass(cluster, 50_000);
  ends(cluster, 600_000);
  drained(pass(cluster, 500_000));
});

test('a task starts only where it can finish: by the scheduler\'s word, or by the manager\'s own', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.join('b', { slots: 2, block: '1', endsAtMs: 90_000 });
  ends(cluster, 100_000);
  cluster.submit([1, 2, 3, 4], { minRemainingMs: 95_000 });
  cluster.submit([5], { minRemainingMs: 100_001 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1, 2]]);
  assert.match((cluster.place(5) as { reason: string }).reason, /a block with 100.001 s left/);
});

test('a task that says how long it needs never stands in a line: its time would run out there', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 100 });
  ends(cluster, 1_000_000);
  cluster.submit([1, 2, 3, 4], { minRemainingMs: 1000 });
  cluster.submit([5, 6]);
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'a', 1, 2, 5, 6]]);
  assert.equal(cluster.held('a'), 4);
  cluster.results('a', [1]);
  assert.deepEqual(cluster.dispatch(), [], 'two still run or stand in line before it');
});

const strikes = (cluster: Cluster, id: number): unknown => cluster.state.strikes.get(id as never);

test('what runs when the walltime ends goes elsewhere, and is not held against the task, however often', () => {
  const cluster = new Cluster();
  cluster.submit([1]);
  for (let n = 0; n < 5; n += 1) {
    cluster.join(`m${n}`, { block: String(n) });
    assert.deepEqual(cluster.dispatch(), [['dispatch', `m${n}`, 1]]);
    ends(cluster, cluster.now + 70_000, String(n));
    pass(cluster, 69_000);
    const effects = cluster.lose(`m${n}`);
    assert.deepEqual(effects.filter((one) => (one as unknown[])[0] === 'settle'), []);
    assert.deepEqual(strikes(cluster, 1), { kills: 0, suspect: false, lostWith: `m${n}` });
  }
});

test('a manager that was told to leave and is killed before it could hand back leaves no suspects', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.submit([1]);
  cluster.dispatch();
  cluster.say('a', { type: 'draining' });
  assert.deepEqual(cluster.lose('a'), [left('a', 'disconnected', 1), LOAD]);
  assert.deepEqual(strikes(cluster, 1), { kills: 0, suspect: false, lostWith: 'a' });
  cluster.join('b', { slots: 1, window: 5 });
  assert.deepEqual(cluster.dispatch(), [['dispatch', 'b', 1]]);
});

test('a manager that is lost long before its block ends is a loss like any other', () => {
  const cluster = new Cluster();
  cluster.join('a');
  cluster.submit([1]);
  cluster.dispatch();
  ends(cluster, 3_600_000);
  cluster.lose('a');
  assert.deepEqual(strikes(cluster, 1), { kills: 0, suspect: true, lostWith: 'a' });
});
