// Results for tasks that no worker ran.

import { encodeResultColumns } from '../../src/common/columns.ts';
import type { ComputeError } from '../../src/common/errors.ts';
import { encodeFailure, encodePayload } from '../../src/common/payload.ts';
import { STATUS, type ResultBatch } from '../../src/common/protocol.ts';
import type { Frame } from '../socket.ts';
import type { Segment } from './line.ts';

export interface Made {
  readonly header: ResultBatch;
  readonly frames: readonly Frame[];
}

export function failAll(
  ids: readonly number[], segment: Segment, error: ComputeError, status: number, now: number,
): Made {
  return made(ids, segment, encodePayload(encodeFailure(error, error.code, error.details)).bytes, status, now);
}

/** The answer of the scheduler-only mode: done, with undefined for a result. */
export function acknowledgeAll(segment: Segment, now: number): Made {
  return made([...segment.ids.subarray(segment.from, segment.to)], segment, NOTHING, STATUS.ok, now);
}

const NOTHING = encodePayload(undefined).bytes;

/** The same outcome for each of them. */
function made(ids: readonly number[], segment: Segment, outcome: Uint8Array, status: number, now: number): Made {
  const count = ids.length;
  const body = new Uint8Array(count * outcome.length);
  for (let i = 0; i < count; i++) body.set(outcome, i * outcome.length);
  const columns = encodeResultColumns({
    ids: Float64Array.from(ids),
    startedMs: new Float32Array(count),
    runMs: new Float32Array(count),
    sizes: new Uint32Array(count).fill(outcome.length),
    status: new Uint8Array(count).fill(status),
  });
  const header: ResultBatch = {
    count, attempt: segment.attempt, buffers: 0, failures: status !== STATUS.ok, worker: 0,
    startedAtMs: now, returnedAtMs: now, hops: segment.hops,
  };
  return { header, frames: [columns, body] };
}
