import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Room } from '../../../src/service/room.ts';

function room(free: number): { room: Room; disk: { free: number; looks: number }; later: (ms: number) => void } {
  const disk = { free, looks: 0 };
  let nowMs = 0;
  const freeBytes = (): Promise<number> => {
    disk.looks++;
    return Promise.resolve(disk.free);
  };
  return { room: new Room({ freeBytes, clock: { now: () => nowMs } }), disk, later: (ms) => { nowMs += ms; } };
}

test('what was taken counts until the disk is looked at again', async () => {
  const { room: one, disk, later } = room(100);
  assert.deepEqual([await one.take(30, 10), await one.take(30, 10), await one.take(30, 10)], [true, true, true]);
  assert.equal(disk.looks, 1);
  later(1000);
  assert.equal(await one.take(80, 10), true);
  assert.equal(disk.looks, 2);
});

test('nobody is refused what the disk has, and nobody gets what it has not', async () => {
  const { room: one, disk } = room(100);
  assert.equal(await one.take(80, 10), true);
  assert.equal(await one.take(80, 10), true, 'it was looked at: nothing of the first is written yet');
  disk.free = 15;
  assert.equal(await one.take(80, 10), false);
  assert.equal(await one.take(5, 10), true);
  assert.equal(await one.take(6, 10), false);
});

test('a disk that others have filled is seen soon', async () => {
  const { room: one, disk, later } = room(1000);
  assert.equal(await one.take(1, 0), true);
  disk.free = 0;
  later(100);
  assert.equal(await one.take(1, 0), false);
});
