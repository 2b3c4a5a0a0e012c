// Slots whose worker claims several tasks at once, as it does for a Python interpreter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slot } from '../../../../engine/manager/slot.ts';
import { PAYLOAD_BYTES_MAX, SLOT_STATE } from '../../../../src/common/slot-memory.ts';
import { segmentOf, tasksOf } from './segments.ts';

function claimed(ids: readonly number[], count: number): Slot {
  const slot = new Slot(0);
  slot.start(segmentOf(ids), 1000);
  for (let i = 0; i < count; i++) slot.memory.claim(i);
  return slot;
}

const finish = (slot: Slot, at: number): void => {
  slot.memory.put(at, Uint8Array.of(1));
  slot.memory.finish(at);
};

test('what a worker leaves behind is taken back, whether it had claimed it or not', () => {
  const slot = claimed([11, 12, 13, 14], 3);
  finish(slot, 0);
  slot.memory.kill(1);
  assert.deepEqual([...slot.collect(0)?.ids ?? []], [11]);
  assert.deepEqual(slot.takeBack().flatMap(tasksOf).map(({ id }) => id), [13, 14]);
  assert.deepEqual(slot.takeBack(), []);
});

test('of claimed tasks the first that has not ended runs; the others can be given up', () => {
  const slot = claimed([11, 12, 13, 14], 4);
  finish(slot, 0);
  assert.equal(slot.running(), 1);
  assert.deepEqual(slot.giveUpClaimed(new Set([11, 12, 14])), [14]);
  assert.equal(slot.memory.state(3), SLOT_STATE.killed);
  assert.equal(slot.running(), 1);
});

test('results are looked for as long as more than one task is open', () => {
  const slot = claimed([11, 12, 13], 2);
  assert.equal(slot.severalOpen, true);
  finish(slot, 0);
  assert.equal(slot.severalOpen, true);
  slot.recall(1);
  assert.equal(slot.severalOpen, false);
});

test('a task whose bytes left with the assignment has to be sent again', () => {
  const slot = new Slot(0);
  const large = segmentOf([11]);
  const payload = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
  slot.start({ ...large, payload, sizes: Uint32Array.of(payload.length), offset: 0 }, 1000);
  slot.memory.claim(0);
  assert.deepEqual(slot.stranded(), []);
  assert.deepEqual(slot.takeBack(), []);
  assert.deepEqual(slot.stranded(), [11]);
});
