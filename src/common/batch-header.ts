// The header frame of the two messages that carry tasks and results, in fixed fields instead of MessagePack: they are
// most of the traffic, and one task at a time is mostly the time it takes to read and write headers.
//
//   version (1), 0xc1 (no MessagePack value begins so), what (1), zero (1), batches (uint32), window (float64)
//   each batch: fixed fields, a float64 each, as below; then one short text, the function's id or the manager's: its
//   length (1) and its characters, up to a multiple of 8
//
// Little-endian. What does not fit this form (definitions along with tasks, footprints, long names) goes as
// MessagePack.

import { ComputeError } from './errors.ts';
import type { FunctionId, Hops, Kind, ManagerId, ResultBatch, TaskBatch } from './protocol.ts';

export const BATCH_MARK = 0xc1;
const TASKS = 1;
const RESULTS = 2;
const HEAD_BYTES = 16;
const TASK_FIELDS = 12;
const RESULT_FIELDS = 13;
const TEXT_BYTES_MAX = 255;

/** Where hops begin among the fields, and the hops that the interchange adds: they can be written into a header. */
const HOPS_AT = 4;
const QUEUED_AT = HOPS_AT + 2;
const DISPATCHED_AT = HOPS_AT + 3;
const FORWARDED_AT = 12;

/** A message with nothing but batches. */
export type BatchMessage =
  | { readonly type: 'tasks'; readonly batches: readonly TaskBatch[] }
  | { readonly type: 'results'; readonly window?: number; readonly batches: readonly ResultBatch[] };

/** Whether the message has this form, and its texts fit. */
export function isBatchMessage(message: object): message is BatchMessage {
  if (!('type' in message) || !('batches' in message) || 'functions' in message) return false;
  return message.type === 'tasks' || message.type === 'results';
}

/** Undefined where a text is too long for this form, or a task has a footprint. */
export function encodeBatchHeader(message: BatchMessage, version: number): Buffer | undefined {
  let size = HEAD_BYTES;
  for (const batch of message.batches) {
    const text = 'kind' in batch ? batch.kind.fn : batch.manager ?? '';
    if (text.length > TEXT_BYTES_MAX || ('kind' in batch && batch.kind.footprint !== undefined)) return undefined;
    size += 8 * ('kind' in batch ? TASK_FIELDS : RESULT_FIELDS) + textBytes(text.length);
  }
  const frame = Buffer.allocUnsafeSlow(size);
  const fields = new Float64Array(frame.buffer);
  frame[0] = version;
  frame[1] = BATCH_MARK;
  frame[2] = message.type === 'tasks' ? TASKS : RESULTS;
  frame[3] = 0;
  frame.writeUInt32LE(message.batches.length, 4);
  fields[1] = message.type === 'results' ? message.window ?? Number.NaN : Number.NaN;
  let at = HEAD_BYTES / 8;
  if (message.type === 'tasks') for (const batch of message.batches) at = writeTasks(frame, fields, at, batch);
  else for (const batch of message.batches) at = writeResults(frame, fields, at, batch);
  return frame;
}

/** Throws BAD_MESSAGE for a frame that is not whole. `frame` begins with the version and the mark. */
export function decodeBatchHeader(frame: Uint8Array): BatchMessage {
  // Where it is not aligned, a copy is.
  const { buffer, byteOffset, length } = frame.byteOffset % 8 === 0 ? frame : new Uint8Array(frame);
  if (length < HEAD_BYTES || length % 8 !== 0) throw broken(frame);
  const fields = new Float64Array(buffer, byteOffset, length / 8);
  const count = new DataView(buffer, byteOffset, length).getUint32(4, true);
  const what = frame[2];
  const window = fields[1];
  // A batch takes room in the frame: a count that cannot be true is not believed.
  if (count * 8 * TASK_FIELDS > length) throw broken(frame);
  const reader: Reader = { frame, fields, at: HEAD_BYTES / 8 };
  let message: BatchMessage;
  if (what === TASKS) {
    const batches: TaskBatch[] = [];
    for (let i = 0; i < count; i++) batches.push(readTasks(reader));
    message = { type: 'tasks', batches };
  } else if (what === RESULTS) {
    const batches: ResultBatch[] = [];
    for (let i = 0; i < count; i++) batches.push(readResults(reader));
    message = window === undefined || Number.isNaN(window)
      ? { type: 'results', batches } : { type: 'results', window, batches };
  } else {
    throw broken(frame);
  }
  if (reader.at !== fields.length) throw broken(frame);
  return message;
}

/** Writes down in the header of a single batch of tasks when it was queued and dispatched. */
export function stampDispatched(frame: Uint8Array, queuedAtMs: number, dispatchedAtMs: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  view.setFloat64(HEAD_BYTES + 8 * QUEUED_AT, queuedAtMs, true);
  view.setFloat64(HEAD_BYTES + 8 * DISPATCHED_AT, dispatchedAtMs, true);
}

/** Writes down in the header of a single batch of results when it was passed on. */
export function stampForwarded(frame: Uint8Array, forwardedAtMs: number): void {
  new DataView(frame.buffer, frame.byteOffset, frame.length)
    .setFloat64(HEAD_BYTES + 8 * FORWARDED_AT, forwardedAtMs, true);
}

function writeTasks(frame: Buffer, fields: Float64Array, at: number, batch: TaskBatch): number {
  const { kind } = batch;
  fields[at] = batch.count;
  fields[at + 1] = batch.attempt;
  fields[at + 2] = batch.buffers;
  fields[at + 3] = kind.retries;
  writeHops(fields, at + HOPS_AT, batch.hops);
  fields[at + 9] = kind.timeoutMs;
  fields[at + 10] = kind.minRemainingMs;
  fields[at + 11] = kind.priority ?? Number.NaN;
  return writeText(frame, at + TASK_FIELDS, kind.fn);
}

function readTasks(reader: Reader): TaskBatch {
  const { fields, at } = reader;
  const end = at + TASK_FIELDS;
  if (end > fields.length) throw broken(reader.frame);
  const priority = field(fields, at + 11);
  reader.at = end;
  const fn = readText(reader) as FunctionId; // checked where it is looked up
  const timeoutMs = field(fields, at + 9);
  const retries = field(fields, at + 3);
  const minRemainingMs = field(fields, at + 10);
  const kind: Kind = Number.isNaN(priority)
    ? { fn, timeoutMs, retries, minRemainingMs } : { fn, timeoutMs, retries, minRemainingMs, priority };
  return {
    kind, count: field(fields, at), attempt: field(fields, at + 1), buffers: field(fields, at + 2),
    hops: readHops(fields, at + HOPS_AT),
  };
}

function writeResults(frame: Buffer, fields: Float64Array, at: number, batch: ResultBatch): number {
  fields[at] = batch.count;
  fields[at + 1] = batch.attempt;
  fields[at + 2] = batch.buffers;
  fields[at + 3] = batch.worker;
  writeHops(fields, at + HOPS_AT, batch.hops);
  fields[at + 9] = batch.startedAtMs;
  fields[at + 10] = batch.returnedAtMs;
  fields[at + 11] = batch.failures ? 1 : 0;
  fields[at + FORWARDED_AT] = batch.forwardedAtMs ?? Number.NaN;
  return writeText(frame, at + RESULT_FIELDS, batch.manager ?? '');
}

function readResults(reader: Reader): ResultBatch {
  const { fields, at } = reader;
  const end = at + RESULT_FIELDS;
  if (end > fields.length) throw broken(reader.frame);
  reader.at = end;
  const manager = readText(reader) as ManagerId; // compared with whoever sent it, or the interchange's own word
  const count = field(fields, at);
  const attempt = field(fields, at + 1);
  const buffers = field(fields, at + 2);
  const worker = field(fields, at + 3);
  const hops = readHops(fields, at + HOPS_AT);
  const startedAtMs = field(fields, at + 9);
  const returnedAtMs = field(fields, at + 10);
  const failures = field(fields, at + 11) !== 0;
  const forwardedAtMs = field(fields, at + FORWARDED_AT);
  const batch = { count, attempt, buffers, failures, worker, startedAtMs, returnedAtMs, hops };
  if (!Number.isNaN(forwardedAtMs)) {
    return { count, attempt, buffers, failures, worker, startedAtMs, returnedAtMs, hops, manager, forwardedAtMs };
  }
  if (manager === '') return batch;
  return { count, attempt, buffers, failures, worker, startedAtMs, returnedAtMs, hops, manager };
}

function writeHops(fields: Float64Array, at: number, hops: Hops): void {
  fields[at] = hops.submittedAtMs;
  fields[at + 1] = hops.sentAtMs;
  fields[at + 2] = hops.queuedAtMs;
  fields[at + 3] = hops.dispatchedAtMs;
  fields[at + 4] = hops.receivedAtMs;
}

function readHops(fields: Float64Array, at: number): Hops {
  return {
    submittedAtMs: field(fields, at),
    sentAtMs: field(fields, at + 1),
    queuedAtMs: field(fields, at + 2),
    dispatchedAtMs: field(fields, at + 3),
    receivedAtMs: field(fields, at + 4),
  };
}

interface Reader {
  readonly frame: Uint8Array;
  readonly fields: Float64Array;
  /** Counted in fields of eight bytes. */
  at: number;
}

/** Within the frame: the caller has looked. */
function field(fields: Float64Array, at: number): number {
  return fields[at] ?? Number.NaN;
}

function textBytes(length: number): number {
  return Math.ceil((1 + length) / 8) * 8;
}

function writeText(frame: Buffer, at: number, text: string): number {
  const start = 8 * at;
  const end = start + textBytes(text.length);
  frame.fill(0, start, end);
  frame[start] = text.length;
  frame.write(text, start + 1, 'latin1');
  return end / 8;
}

function readText(reader: Reader): string {
  const start = 8 * reader.at;
  const length = reader.frame[start];
  if (length === undefined) throw broken(reader.frame);
  const end = start + textBytes(length);
  if (end > reader.frame.length) throw broken(reader.frame);
  reader.at = end / 8;
  return Buffer.prototype.latin1Slice.call(reader.frame, start + 1, start + 1 + length);
}

function broken(frame: Uint8Array): ComputeError {
  return new ComputeError('BAD_MESSAGE', `a header of ${frame.length} bytes came that is not whole`);
}
