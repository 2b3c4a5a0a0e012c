// The columns frame of a batch: what differs from task to task, one typed array after the other, so that no hop spends
// time on a single task. Wide elements come first: each column is aligned if the frame is. Little-endian, as every
// machine is that Node runs on in this field.

import assert from 'node:assert/strict';
import { ComputeError } from './errors.ts';

/** The columns of a TaskBatch, in the order of the frame. */
export interface TaskColumns {
  readonly ids: Float64Array;
  /** Payload bytes of each task. */
  readonly sizes: Uint32Array;
}

/** The columns of a ResultBatch, in the order of the frame. */
export interface ResultColumns {
  readonly ids: Float64Array;
  /** When the run began, after the batch's `startedAtMs`. */
  readonly startedMs: Float32Array;
  readonly runMs: Float32Array;
  /** Bytes of each outcome. */
  readonly sizes: Uint32Array;
  /** One of STATUS for each. */
  readonly status: Uint8Array;
}

const TASK_BYTES = 8 + 4;
const RESULT_BYTES = 8 + 4 + 4 + 4 + 1;

export function encodeTaskColumns(ids: Float64Array, sizes: Uint32Array): Uint8Array {
  return concat(ids.length, [ids, sizes]);
}

/** Views on the frame where it is aligned, else on a copy. Throws BAD_MESSAGE unless it has exactly `count` rows. */
export function decodeTaskColumns(frame: Uint8Array, count: number): TaskColumns {
  const { buffer, byteOffset } = aligned(frame, count, TASK_BYTES);
  return {
    ids: new Float64Array(buffer, byteOffset, count),
    sizes: new Uint32Array(buffer, byteOffset + 8 * count, count),
  };
}

export function encodeResultColumns(columns: ResultColumns): Uint8Array {
  const { ids, startedMs, runMs, sizes, status } = columns;
  return concat(ids.length, [ids, startedMs, runMs, sizes, status]);
}

/** Views on the frame where it is aligned, else on a copy. Throws BAD_MESSAGE unless it has exactly `count` rows. */
export function decodeResultColumns(frame: Uint8Array, count: number): ResultColumns {
  const { buffer, byteOffset } = aligned(frame, count, RESULT_BYTES);
  return {
    ids: new Float64Array(buffer, byteOffset, count),
    startedMs: new Float32Array(buffer, byteOffset + 8 * count, count),
    runMs: new Float32Array(buffer, byteOffset + 12 * count, count),
    sizes: new Uint32Array(buffer, byteOffset + 16 * count, count),
    status: new Uint8Array(buffer, byteOffset + 20 * count, count),
  };
}

/** An empty frame of so many rows and the columns on it, to be filled in place: nothing is copied then. */
export function newTaskColumns(count: number): TaskColumns & { readonly frame: Uint8Array } {
  const frame = new Uint8Array(count * TASK_BYTES);
  const { ids, sizes } = decodeTaskColumns(frame, count);
  return { frame, ids, sizes };
}

/** As newTaskColumns. */
export function newResultColumns(count: number): ResultColumns & { readonly frame: Uint8Array } {
  const frame = new Uint8Array(count * RESULT_BYTES);
  const { ids, startedMs, runMs, sizes, status } = decodeResultColumns(frame, count);
  return { frame, ids, startedMs, runMs, sizes, status };
}

type Column = Float64Array | Float32Array | Uint32Array | Uint8Array;

function concat(count: number, columns: readonly Column[]): Uint8Array {
  const frame = new Uint8Array(columns.reduce((bytes, column) => bytes + column.byteLength, 0));
  let offset = 0;
  for (const column of columns) {
    assert.equal(column.length, count, 'columns of one batch have one length');
    frame.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  return frame;
}

function aligned(frame: Uint8Array, count: number, rowBytes: number): Uint8Array {
  if (!Number.isSafeInteger(count) || count < 0 || frame.length !== count * rowBytes) {
    throw new ComputeError('BAD_MESSAGE',
      `a columns frame of ${frame.length} bytes came for ${count} rows of ${rowBytes} bytes`);
  }
  return frame.byteOffset % 8 === 0 ? frame : new Uint8Array(frame);
}
