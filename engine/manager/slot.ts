// One slot: the assignment that its worker is at, and what became of each task of it.
//
// Idle until `start`; busy until the pool's answer has come and every task of the assignment is accounted for: finished
// (collected), failed by us (killed), or never started (handed back as segments). Results are collected while the
// worker goes on, so a short task that stands before a long one is not kept waiting by it.

import { encodeFailure, encodePayload } from '../../src/common/payload.ts';
import { newResultColumns } from '../../src/common/columns.ts';
import { ComputeError } from '../../src/common/errors.ts';
import {
  STATUS, type Assignment, type LargeOutcome, type Place, type ResultBatch, type TaskId,
} from '../../src/common/protocol.ts';
import { PAYLOAD_BYTES_MAX, SLOT_BYTES, SLOT_STATE, SlotMemory } from '../../src/common/slot-memory.ts';
import type { Frame } from '../socket.ts';
import { bytesOf, type Segment } from './line.ts';

export interface Collected {
  readonly header: ResultBatch;
  readonly frames: readonly Frame[];
  readonly ids: Float64Array;
  /** Mean run time, ms. */
  readonly meanMs: number;
  /** Mean size of an outcome. */
  readonly meanBytes: number;
}

/** A slot and what its task occupies beside it. */
export interface Seat {
  readonly slot: Slot;
  readonly place: Place;
  readonly others: readonly Slot[];
  readonly nodes: readonly number[];
}

export class Slot {
  readonly index: number;
  memory = new SlotMemory(new SharedArrayBuffer(SLOT_BYTES));
  segment: Segment | undefined;
  /** What its task occupies beside it. */
  seat: Seat | undefined;
  /** Tasks before this one are accounted for. */
  #cursor = 0;
  #outcomeAt = 0;
  /** A finished task whose outcome comes with the answer. */
  #largeAt: number | undefined;
  /** We ended the thread ourselves. */
  ended = false;
  /** Checks the running task's time; one per assignment. */
  timer: NodeJS.Timeout | undefined;

  constructor(index: number) {
    this.index = index;
  }

  /** Takes the tasks on and returns what the worker gets. */
  start(segment: Segment, now: number): Assignment {
    const { kind, from, to, sizes, payload, offset, buffers } = segment;
    const { memory } = this;
    this.segment = segment;
    this.#cursor = 0;
    this.#outcomeAt = 0;
    this.#largeAt = undefined;
    memory.arm(to - from, now);
    let bytes = 0;
    for (let i = from; i < to; i++) {
      const size = sizes[i] ?? 0;
      memory.payloadSize[i - from] = size;
      bytes += size;
    }
    const assignment: Assignment = this.seat === undefined
      ? { fn: kind.fn, count: to - from, timeoutMs: kind.timeoutMs }
      : { fn: kind.fn, count: to - from, timeoutMs: kind.timeoutMs, place: this.seat.place };
    const body = payload.subarray(offset, offset + bytes);
    if (buffers.length === 0 && bytes <= PAYLOAD_BYTES_MAX) {
      memory.payload.set(body);
      return assignment;
    }
    // What is moved must be ours alone: a whole frame is, a part of a frame is copied.
    return { ...assignment, moved: { payload: owned(body), buffers: buffers.map(owned) } };
  }

  /** Whether the task's bytes left with the assignment: then it cannot be given to another slot. */
  get moved(): boolean {
    return this.segment !== undefined && (this.segment.buffers.length > 0 || bytesOf(this.segment) > PAYLOAD_BYTES_MAX);
  }

  /** What finished since the last time. */
  collect(now: number): Collected | undefined {
    const { segment, memory } = this;
    if (segment === undefined) return undefined;
    const count = segment.to - segment.from;
    const done: number[] = [];
    let bytes = 0;
    let failures = false;
    for (; this.#cursor < count; this.#cursor++) {
      const at = this.#cursor;
      const state = memory.state(at);
      if (state === SLOT_STATE.done) {
        const size = memory.size[at] ?? 0;
        if (size === 0) {
          this.#largeAt = at;
          continue;
        }
        bytes += size;
        failures ||= memory.status[at] !== STATUS.ok;
        done.push(at);
      } else if (state !== SLOT_STATE.recalled && state !== SLOT_STATE.killed) {
        break;
      }
    }
    if (done.length === 0) return undefined;
    const outcomes = memory.data.slice(this.#outcomeAt, this.#outcomeAt + bytes);
    this.#outcomeAt += bytes;
    return this.#batch(done, [outcomes], failures, now);
  }

  /** The outcome that did not fit. */
  collectLarge(large: LargeOutcome, now: number): Collected {
    this.#largeAt = undefined;
    this.memory.size[large.index] = large.bytes.length;
    const failures = this.memory.status[large.index] !== STATUS.ok;
    return this.#batch([large.index], [large.bytes, ...large.buffers], failures, now);
  }

  /**
   * Decides that the running task failed, unless it finished just now. Undefined when it finished, or none was running.
   */
  failRunning(error: ComputeError, status: number, now: number): Collected | undefined {
    const at = this.running();
    return at === undefined || !this.memory.kill(at) ? undefined : this.#failed(at, error, status, now);
  }

  /** The thread ended with a large outcome on the way: that task has none. */
  failLarge(error: ComputeError, status: number, now: number): Collected | undefined {
    const at = this.#largeAt;
    this.#largeAt = undefined;
    return at === undefined ? undefined : this.#failed(at, error, status, now);
  }

  #failed(at: number, error: ComputeError, status: number, now: number): Collected {
    // A task that was killed has no run time of its own: it ran until now.
    this.memory.run[at] = Math.max(0, now - (this.memory.base[0] ?? now) - (this.memory.started[at] ?? 0));
    this.memory.status[at] = status;
    const outcome = encodePayload(encodeFailure(error, error.code, error.details)).bytes;
    this.memory.size[at] = outcome.length;
    return this.#batch([at], [outcome], true, now);
  }

  /** The position of the task that runs now. */
  running(): number | undefined {
    const { segment } = this;
    if (segment === undefined) return undefined;
    for (let at = this.#cursor; at < segment.to - segment.from; at++) {
      const state = this.memory.state(at);
      if (state === SLOT_STATE.running) return at;
      if (state === SLOT_STATE.queued) return undefined;
    }
    return undefined;
  }

  /** When the running task started, epoch ms. */
  runningSince(): number | undefined {
    const at = this.running();
    return at === undefined ? undefined : (this.memory.base[0] ?? 0) + (this.memory.started[at] ?? 0);
  }

  idAt(at: number): TaskId {
    return (this.segment?.ids[this.segment.from + at] ?? 0) as TaskId; // within the segment
  }

  /** Takes tasks back that have not started, from the end; `wanted` limits which, `max` how many. */
  recall(max: number, wanted?: (id: TaskId) => boolean): Segment[] {
    const { segment } = this;
    if (segment === undefined || this.moved) return []; // what was moved cannot come back
    const back: Segment[] = [];
    let taken = 0;
    let { offset } = segment;
    for (let i = segment.from; i < segment.to; i++) offset += segment.sizes[i] ?? 0;
    for (let at = segment.to - segment.from - 1; at >= this.#cursor && taken < max; at--) {
      const index = segment.from + at;
      offset -= segment.sizes[index] ?? 0;
      if (wanted !== undefined && !wanted(this.idAt(at))) continue;
      if (!this.memory.recall(at)) {
        if (this.memory.state(at) === SLOT_STATE.recalled) continue;
        break;
      }
      taken++;
      const last = back[0];
      if (last !== undefined && last.from === index + 1) {
        last.from = index;
        last.offset = offset;
      } else {
        back.unshift({ ...segment, from: index, to: index + 1, offset });
      }
    }
    return back;
  }

  /** The worker is done with the assignment: takes back what it has not started, whether it had claimed it or not. */
  takeBack(): Segment[] {
    const { segment } = this;
    if (segment === undefined) return [];
    for (let at = this.#cursor; at < segment.to - segment.from; at++) this.memory.unclaim(at);
    return this.recall(Infinity);
  }

  /** Decides that tasks have no result that the worker has claimed and not come to. */
  giveUpClaimed(wanted: ReadonlySet<number>): TaskId[] {
    const { segment } = this;
    const running = this.running();
    if (segment === undefined || running === undefined) return [];
    const ids: TaskId[] = [];
    for (let at = running + 1; at < segment.to - segment.from; at++) {
      if (wanted.has(this.idAt(at)) && this.memory.kill(at)) ids.push(this.idAt(at));
    }
    return ids;
  }

  /** A task that was not started and whose bytes are with the worker: it has to be sent here again. */
  stranded(): TaskId[] {
    return this.moved && this.memory.state(0) === SLOT_STATE.queued ? [this.idAt(0)] : [];
  }

  /** Whether more than one task of the assignment is still to end. */
  get severalOpen(): boolean {
    const { segment } = this;
    let open = 0;
    for (let at = (segment?.to ?? 0) - (segment?.from ?? 0) - 1; at >= this.#cursor && open < 2; at--) {
      const state = this.memory.state(at);
      if (state === SLOT_STATE.queued || state === SLOT_STATE.running) open++;
    }
    return open > 1;
  }

  /** Tasks of the assignment that have not started. */
  queued(): number {
    const { segment } = this;
    if (segment === undefined) return 0;
    let count = 0;
    for (let at = segment.to - segment.from - 1; at >= this.#cursor; at--) {
      if (this.memory.state(at) === SLOT_STATE.queued) count++;
      else if (this.memory.state(at) !== SLOT_STATE.recalled) break;
    }
    return count;
  }

  /** Every id of the assignment that is not accounted for. */
  ids(): TaskId[] {
    const { segment } = this;
    if (segment === undefined) return [];
    const ids: TaskId[] = this.#largeAt === undefined ? [] : [this.idAt(this.#largeAt)];
    for (let at = this.#cursor; at < segment.to - segment.from; at++) {
      if (this.memory.state(at) !== SLOT_STATE.recalled) ids.push(this.idAt(at));
    }
    return ids;
  }

  /** The slot is free. `lost`: a thread may still be at the old memory, so the slot gets new one. */
  clear(lost: boolean): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.segment = undefined;
    if (!lost) return;
    this.memory = new SlotMemory(new SharedArrayBuffer(SLOT_BYTES));
  }

  #batch(at: readonly number[], bodies: readonly Frame[], failures: boolean, now: number): Collected {
    const { segment, memory } = this;
    if (segment === undefined) throw new Error('a slot without an assignment has no results');
    const { from, attempt, hops } = segment;
    const count = at.length;
    const { frame, ids, startedMs, runMs, sizes, status } = newResultColumns(count);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const index = at[i] ?? 0;
      ids[i] = segment.ids[from + index] ?? 0;
      startedMs[i] = memory.started[index] ?? 0;
      runMs[i] = memory.run[index] ?? 0;
      sizes[i] = memory.size[index] ?? 0;
      status[i] = memory.status[index] ?? 0;
      total += runMs[i] ?? 0;
    }
    const [body, ...buffers] = bodies;
    return {
      header: {
        count, attempt, buffers: buffers.length, failures, worker: this.index,
        startedAtMs: memory.base[0] ?? 0, returnedAtMs: now, hops,
      },
      frames: [frame, body ?? new Uint8Array(0), ...buffers],
      ids,
      meanMs: total / count,
      meanBytes: bodies.reduce((bytes, part) => bytes + part.length, 0) / count,
    };
  }
}

function owned(bytes: Uint8Array): Uint8Array {
  const whole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return whole ? bytes : new Uint8Array(bytes);
}
