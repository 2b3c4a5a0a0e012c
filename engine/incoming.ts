// Results come in: each is handed to whoever waits for it, once.

import { decodeResultColumns } from '../src/common/columns.ts';
import { ComputeError } from '../src/common/errors.ts';
import { STATUS, type FromInterchange, type ResultBatch } from '../src/common/protocol.ts';
import type { Arrived, Pending } from './pending.ts';
import type { Frame } from './socket.ts';

/** Returns how many tasks settled. Results of tasks that settled before are passed over. */
export function settleResults(
  pending: Pending, headers: readonly ResultBatch[], frames: readonly Frame[], now: number,
): number {
  let settled = 0;
  let frame = 1;
  for (const header of headers) {
    const columnFrame = frames[frame];
    const outcomes = frames[frame + 1];
    if (columnFrame === undefined || outcomes === undefined) {
      throw new ComputeError('BAD_MESSAGE', 'read results without their frames');
    }
    const { ids, startedMs, runMs, sizes, status } = decodeResultColumns(columnFrame, header.count);
    const buffers = frames.slice(frame + 2, frame + 2 + header.buffers);
    frame += 2 + header.buffers;
    const arrived: Arrived = { header, startedMs, runMs, buffers, settledAtMs: now };
    const runs = new Runs(pending);
    let offset = 0;
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? 0;
      const end = offset + (sizes[at] ?? 0);
      const sink = pending.take(id);
      if (sink !== undefined) {
        settled++;
        runs.add(id);
        sink.onOutcome(status[at] === STATUS.ok, outcomes.subarray(offset, end), arrived, at);
      }
      offset = end;
    }
    runs.end();
  }
  return settled;
}

export function settleEnded(
  pending: Pending, message: Extract<FromInterchange, { type: 'ended' }>, frames: readonly Frame[], now: number,
): number {
  const frame = frames[1];
  if (frame === undefined || frame.length !== message.count * 8) {
    throw new ComputeError('BAD_MESSAGE', 'read ended tasks without ids');
  }
  const runs = new Runs(pending);
  let settled = 0;
  for (const id of new Float64Array(new Uint8Array(frame).buffer)) {
    const sink = pending.take(id);
    if (sink === undefined) continue;
    settled++;
    runs.add(id);
    sink.onFailure(message.failure, now);
  }
  runs.end();
  return settled;
}

/** Gathers consecutive ids, so that their batch is looked up once. */
class Runs {
  readonly #pending: Pending;
  #first = 0;
  #count = 0;

  constructor(pending: Pending) {
    this.#pending = pending;
  }

  add(id: number): void {
    if (id !== this.#first + this.#count) {
      this.end();
      this.#first = id;
    }
    this.#count++;
  }

  end(): void {
    if (this.#count > 0) this.#pending.release(this.#first, this.#count);
    this.#count = 0;
  }
}
