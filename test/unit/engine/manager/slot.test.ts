import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Slot, type Collected } from '../../../../engine/manager/slot.ts';
import type { Segment } from '../../../../engine/manager/line.ts';
import { decodeResultColumns } from '../../../../src/common/columns.ts';
import { ComputeError } from '../../../../src/common/errors.ts';
import { STATUS } from '../../../../src/common/protocol.ts';
import {
  OUTCOME_BYTES_MAX, PAYLOAD_BYTES_MAX, SLOT_BYTES, SLOT_STATE, SlotMemory,
} from '../../../../src/common/slot-memory.ts';
import { segmentOf, tasksOf } from './segments.ts';

const LOST = new ComputeError('WORKER_LOST', 'the worker ended');

/** The worker's side, one step at a time, on the same memory. */
class Worker {
  readonly memory: SlotMemory;
  readonly count: number;
  #at = 0;
  #running: number | undefined;

  constructor(memory: SharedArrayBuffer, count: number) {
    this.memory = new SlotMemory(memory);
    this.count = count;
  }

  /** Claims the next task, or finishes the one it runs. False when there is nothing left to do. */
  step(status: number = STATUS.ok): boolean {
    const at = this.#running;
    if (at !== undefined) {
      this.#running = undefined;
      this.memory.status[at] = status;
      this.memory.put(at, Uint8Array.of(at + 1, 0xee));
      if (this.memory.finish(at)) return true;
      this.#at = this.count; // given up: the thread is being ended
      return false;
    }
    while (this.#at < this.count) {
      const next = this.#at++;
      if (!this.memory.claim(next)) continue;
      this.#running = next;
      this.memory.started[next] = next;
      return true;
    }
    return false;
  }
}

function started(ids: readonly number[]): { slot: Slot; worker: Worker } {
  const slot = new Slot(0);
  slot.start(segmentOf(ids), 1000);
  return { slot, worker: new Worker(slot.memory.shared, ids.length) };
}

function idsOf(collected: Collected | undefined): number[] {
  if (collected === undefined) return [];
  const [columns, body] = collected.frames;
  assert.ok(columns && body);
  const { ids, sizes } = decodeResultColumns(columns, collected.header.count);
  assert.equal(sizes.reduce((sum, size) => sum + size, 0), body.length);
  return [...ids];
}

const recalledIds = (segments: readonly Segment[]): number[] => segments.flatMap(tasksOf).map(({ id }) => id);

test('results are collected while the worker goes on, each once', () => {
  const { slot, worker } = started([11, 12, 13]);
  assert.deepEqual(idsOf(slot.collect(0)), []);
  for (let i = 0; i < 3; i++) worker.step();
  assert.deepEqual(idsOf(slot.collect(0)), [11]);
  assert.equal(slot.idAt(slot.running() ?? -1), 12);
  assert.equal(slot.runningSince(), 1001);
  for (let i = 0; i < 3; i++) worker.step(STATUS.retryable);
  const rest = slot.collect(5);
  assert.deepEqual([idsOf(rest), rest?.header.failures, rest?.header.returnedAtMs], [[12, 13], true, 5]);
  assert.deepEqual([...rest?.frames[1] ?? []], [2, 0xee, 3, 0xee]);
  assert.deepEqual([slot.collect(0), slot.ids()], [undefined, []]);
});

test('tasks are taken back from the end, with their payloads, and never one that runs', () => {
  const { slot, worker } = started([1, 2, 3, 4, 5]);
  worker.step();
  assert.deepEqual(slot.queued(), 4);
  assert.deepEqual(recalledIds(slot.recall(2)), [4, 5]);
  assert.deepEqual(recalledIds(slot.recall(Infinity, (id) => id === 2)), [2]);
  assert.deepEqual(recalledIds(slot.recall(Infinity)), [3]);
  assert.deepEqual([recalledIds(slot.recall(Infinity)), slot.ids()], [[], [1]]);
  worker.step();
  assert.deepEqual([worker.step(), idsOf(slot.collect(0))], [false, [1]]);
});

test('a task that takes the thread down fails, the ones before count, the ones behind come back', () => {
  const { slot, worker } = started([1, 2, 3]);
  for (let i = 0; i < 3; i++) worker.step();
  assert.deepEqual(idsOf(slot.collect(0)), [1]);
  const failed = slot.failRunning(LOST, STATUS.workerLost, 1500);
  assert.deepEqual([idsOf(failed), failed?.header.failures], [[2], true]);
  const { status, runMs } = decodeResultColumns(failed?.frames[0] ?? new Uint8Array(0), 1);
  assert.deepEqual([status[0], runMs[0]], [STATUS.workerLost, 499]);
  assert.deepEqual(recalledIds(slot.recall(Infinity)), [3]);
  assert.equal(slot.failRunning(LOST, STATUS.workerLost, 0), undefined);
});

test('an outcome too large for the memory comes with the answer, or is lost with the thread', () => {
  for (const arrives of [true, false]) {
    const { slot, worker } = started([1, 2]);
    worker.step();
    worker.memory.size[0] = 0;
    worker.memory.finish(0);
    assert.equal(slot.collect(0), undefined);
    assert.deepEqual(slot.ids(), [1, 2]);
    const end = arrives
      ? slot.collectLarge({ index: 0, bytes: new Uint8Array(OUTCOME_BYTES_MAX + 1), buffers: [new Uint8Array(7)] }, 0)
      : slot.failLarge(LOST, STATUS.workerLost, 0);
    assert.deepEqual([end?.ids, end?.header.buffers, end?.header.failures],
      [Float64Array.of(1), arrives ? 1 : 0, !arrives]);
    assert.deepEqual([slot.ids(), slot.failLarge(LOST, STATUS.failed, 0)], [[2], undefined]);
  }
});

test('a payload larger than the memory is moved, and then it cannot come back', () => {
  const slot = new Slot(0);
  const assignment = slot.start(segmentOf([1], [PAYLOAD_BYTES_MAX + 1]), 0);
  assert.equal(assignment.moved?.payload.length, PAYLOAD_BYTES_MAX + 1);
  assert.deepEqual([slot.moved, slot.recall(Infinity)], [true, []]);
});

test('after a lost thread the slot has memory that no old thread can touch', () => {
  const { slot, worker } = started([1]);
  worker.step();
  const old = slot.memory.shared;
  slot.clear(true);
  slot.start(segmentOf([2]), 0);
  worker.step();
  assert.equal(slot.memory.state(0), SLOT_STATE.queued);
  assert.notEqual(slot.memory.shared, old);
});

test('every interleaving of worker and manager decides each task exactly once', () => {
  const act = fc.oneof(
    fc.constantFrom('work' as const, 'work' as const, 'work' as const, 'collect' as const, 'fail' as const),
    fc.record({ recall: fc.integer({ min: 1, max: 3 }) }), fc.record({ drop: fc.integer({ min: 1, max: 8 }) }),
  );
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.array(act, { maxLength: 40 }), (count, acts) => {
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const { slot, worker } = started(ids);
    const decided: number[] = [];
    let ended = false;
    for (const one of acts) {
      if (one === 'work') ended ||= !worker.step();
      else if (one === 'collect') decided.push(...idsOf(slot.collect(0)));
      else if (one === 'fail') decided.push(...idsOf(slot.failRunning(LOST, STATUS.failed, 0)));
      else if ('recall' in one) decided.push(...recalledIds(slot.recall(one.recall)));
      else decided.push(...recalledIds(slot.recall(1, (id) => id === one.drop)));
    }
    // The thread comes to its end, or is ended; then everything is accounted for.
    while (!ended) ended = !worker.step();
    decided.push(...idsOf(slot.collect(0)), ...recalledIds(slot.recall(Infinity)));
    assert.deepEqual(decided.toSorted((a, b) => a - b), ids);
    assert.deepEqual(slot.ids().filter((id) => !decided.includes(id)), []);
  }), { numRuns: 500 });
});

test('of two that want a task one gets it, in every order', () => {
  const moves = {
    claim: (memory: SlotMemory) => memory.claim(0), recall: (memory: SlotMemory) => memory.recall(0),
    finish: (memory: SlotMemory) => memory.finish(0), kill: (memory: SlotMemory) => memory.kill(0),
  };
  const names = Object.keys(moves) as (keyof typeof moves)[]; // of the object above
  const orders = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 });
  fc.assert(fc.property(orders, (order) => {
    const memory = new SlotMemory(new SharedArrayBuffer(SLOT_BYTES));
    memory.arm(1, 0);
    const won = order.filter((name) => moves[name](memory));
    const possible: string[] = ['', 'claim', 'recall', 'claim,finish', 'claim,kill'];
    assert.ok(possible.includes(won.join()), `${order.join()} let ${won.join()} win`);
  }), { numRuns: 500 });
});
