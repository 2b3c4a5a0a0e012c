import assert from 'node:assert/strict';
import test from 'node:test';
import { FailedStarts } from '../../../src/supervisor/failed-starts.ts';
import { StartSlots } from '../../../src/supervisor/start-slots.ts';
import { settle } from '../../fakes/clock.ts';

const limits = { atOnce: 4, waiting: 10, waitingPerUser: 5 };

test('no more come up at once than may, in the order in which they were asked for', async () => {
  const slots = new StartSlots(limits);
  const began: string[] = [];
  const releases: (() => void)[] = [];
  const take = (uid: number, name: string): void => {
    void slots.take(uid)?.then((release) => {
      began.push(name);
      releases.push(release);
    });
  };
  for (const [uid, name] of [[1, 'a'], [1, 'b'], [1, 'c'], [2, 'd'], [3, 'e'], [3, 'f'], [2, 'g']] as const) {
    take(uid, name);
  }
  await settle();
  assert.deepEqual(began, ['a', 'b', 'd', 'e'], 'nobody takes more than half');
  releases[2]?.();
  releases[2]?.();
  await settle();
  assert.deepEqual(began, ['a', 'b', 'd', 'e', 'f'], 'one was given back, and only one');
  releases[0]?.();
  await settle();
  assert.deepEqual(began.at(-1), 'c');
});

test('those who wait are not without number', async () => {
  const slots = new StartSlots({ ...limits, atOnce: 2, waiting: 6 });
  const taken = [1, 1, 1, 1, 1, 1, 1].map((uid) => slots.take(uid));
  assert.deepEqual(taken.map((one) => one !== undefined), [true, true, true, true, true, true, false],
    'one has begun, five of a user wait');
  assert.ok(slots.take(2) !== undefined);
  await settle();
  assert.ok(slots.take(3) !== undefined);
  assert.ok(slots.take(4) === undefined);
});

test('what failed three times in a row is left alone for a while, and longer after each time', () => {
  const failed = new FailedStarts();
  for (const at of [0, 1, 2]) {
    assert.equal(failed.refusal('a', at), undefined);
    failed.failed('a', `failure ${at}`, at);
  }
  assert.equal(failed.refusal('a', 4_000), 'failure 2');
  assert.equal(failed.refusal('b', 4_000), undefined);
  assert.equal(failed.refusal('a', 5_002), undefined);
  failed.failed('a', 'again', 6_000);
  assert.equal(failed.refusal('a', 15_999), 'again');
  assert.equal(failed.refusal('a', 16_000), undefined);
  for (let i = 0; i < 20; i++) failed.failed('a', 'again', 20_000);
  assert.equal(failed.refusal('a', 50_000), undefined, 'who mended it waits half a minute at most');
  failed.succeeded('a');
  failed.failed('a', 'new', 50_000);
  assert.equal(failed.refusal('a', 50_000), undefined);
});
