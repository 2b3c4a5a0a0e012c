// The header frame of the two messages that carry tasks and results, in fixed fields instead of MessagePack: they are
// most of the traffic, and one task at a time is mostly the time it takes to read and write headers.
//
//   version (1), 0xc1 (no MessagePack value begins so), what (1), zero (1), batches (uint32), window (float64)
//   each batch: fixed fields as below, then one short text: the function's id, or the manager's
//
// Little-endian. What does not fit this form (definitions along with tasks, long names) goes as MessagePack.

import { ComputeError } from './errors.ts';
import type { FunctionId, Hops, Kind, ManagerId, ResultBatch, TaskBatch } from './protocol.ts';

export const BATCH_MARK = 0xc1;
const TASKS = 1;
const RESULTS = 2;
const HEAD_BYTES = 16;
const HOPS_BYTES = 5 * 8;
const TASK_BYTES = 4 * 4 + HOPS_BYTES + 3 * 8;
const RESULT_BYTES = 5 * 4 + HOPS_BYTES + 3 * 8;
const TEXT_BYTES_MAX = 255;

/** A message with nothing but batches. */
export type BatchMessage =
  | { readonly type: 'tasks'; readonly batches: readonly TaskBatch[] }
  | { readonly type: 'results'; readonly window?: number; readonly batches: readonly ResultBatch[] };

/** Whether the message has this form, and its texts fit. */
export function isBatchMessage(message: object): message is BatchMessage {
  if (!('type' in message) || !('batches' in message) || 'functions' in message) return false;
  return message.type === 'tasks' || message.type === 'results';
}

/** Undefined where a text is too long for this form. */
export function encodeBatchHeader(message: BatchMessage, version: number): Buffer | undefined {
  let size = HEAD_BYTES;
  for (const batch of message.batches) {
    const text = 'kind' in batch ? batch.kind.fn : batch.manager ?? '';
    if (text.length > TEXT_BYTES_MAX) return undefined;
    size += ('kind' in batch ? TASK_BYTES : RESULT_BYTES) + 1 + text.length;
  }
  const writer = new Writer(Buffer.allocUnsafe(size));
  writer.byte(version);
  writer.byte(BATCH_MARK);
  writer.byte(message.type === 'tasks' ? TASKS : RESULTS);
  writer.byte(0);
  writer.uint(message.batches.length);
  writer.float(message.type === 'results' ? message.window : undefined);
  if (message.type === 'tasks') for (const batch of message.batches) writeTasks(writer, batch);
  else for (const batch of message.batches) writeResults(writer, batch);
  return writer.frame;
}

/** Throws BAD_MESSAGE for a frame that is not whole. `frame` begins with the version and the mark. */
export function decodeBatchHeader(frame: Uint8Array): BatchMessage {
  const reader = new Reader(frame);
  reader.at = 2;
  const what = reader.byte();
  reader.byte();
  const count = reader.uint();
  const window = reader.float();
  // A batch takes room in the frame: a count that cannot be true is not believed.
  if (count * TASK_BYTES > frame.length) throw broken(frame);
  let message: BatchMessage;
  if (what === TASKS) {
    const batches: TaskBatch[] = [];
    for (let i = 0; i < count; i++) batches.push(readTasks(reader));
    message = { type: 'tasks', batches };
  } else if (what === RESULTS) {
    const batches: ResultBatch[] = [];
    for (let i = 0; i < count; i++) batches.push(readResults(reader));
    message = window === undefined ? { type: 'results', batches } : { type: 'results', window, batches };
  } else {
    throw broken(frame);
  }
  if (reader.at !== frame.length) throw broken(frame);
  return message;
}

function writeTasks(writer: Writer, { kind, count, attempt, buffers, hops }: TaskBatch): void {
  writer.uint(count);
  writer.uint(attempt);
  writer.uint(buffers);
  writer.uint(kind.retries);
  writeHops(writer, hops);
  writer.float(kind.timeoutMs);
  writer.float(kind.minRemainingMs);
  writer.float(kind.priority);
  writer.text(kind.fn);
}

function readTasks(reader: Reader): TaskBatch {
  const count = reader.uint();
  const attempt = reader.uint();
  const buffers = reader.uint();
  const retries = reader.uint();
  const hops = readHops(reader);
  const timeoutMs = reader.float() ?? 0;
  const minRemainingMs = reader.float() ?? 0;
  const priority = reader.float();
  const fn = reader.text() as FunctionId; // checked where it is looked up
  const kind: Kind = priority === undefined
    ? { fn, timeoutMs, retries, minRemainingMs } : { fn, timeoutMs, retries, minRemainingMs, priority };
  return { kind, count, attempt, buffers, hops };
}

function writeResults(writer: Writer, batch: ResultBatch): void {
  writer.uint(batch.count);
  writer.uint(batch.attempt);
  writer.uint(batch.buffers);
  writer.uint(batch.worker);
  writer.uint(batch.failures ? 1 : 0);
  writeHops(writer, batch.hops);
  writer.float(batch.startedAtMs);
  writer.float(batch.returnedAtMs);
  writer.float(batch.forwardedAtMs);
  writer.text(batch.manager ?? '');
}

function readResults(reader: Reader): ResultBatch {
  const count = reader.uint();
  const attempt = reader.uint();
  const buffers = reader.uint();
  const worker = reader.uint();
  const failures = reader.uint() !== 0;
  const hops = readHops(reader);
  const startedAtMs = reader.float() ?? 0;
  const returnedAtMs = reader.float() ?? 0;
  const forwardedAtMs = reader.float();
  const manager = reader.text() as ManagerId; // the interchange's own word for it
  const batch = { count, attempt, buffers, failures, worker, startedAtMs, returnedAtMs, hops };
  if (forwardedAtMs === undefined) return manager === '' ? batch : { ...batch, manager };
  return { ...batch, manager, forwardedAtMs };
}

function writeHops(writer: Writer, hops: Hops): void {
  writer.float(hops.submittedAtMs);
  writer.float(hops.sentAtMs);
  writer.float(hops.queuedAtMs);
  writer.float(hops.dispatchedAtMs);
  writer.float(hops.receivedAtMs);
}

function readHops(reader: Reader): Hops {
  return {
    submittedAtMs: reader.float() ?? 0,
    sentAtMs: reader.float() ?? 0,
    queuedAtMs: reader.float() ?? 0,
    dispatchedAtMs: reader.float() ?? 0,
    receivedAtMs: reader.float() ?? 0,
  };
}

class Writer {
  readonly frame: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(frame: Buffer) {
    this.frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  }

  byte(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  uint(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** undefined is written as NaN. */
  float(value: number | undefined): void {
    this.#view.setFloat64(this.#at, value ?? Number.NaN, true);
    this.#at += 8;
  }

  text(value: string): void {
    this.byte(value.length);
    this.frame.write(value, this.#at, 'latin1');
    this.#at += value.length;
  }
}

class Reader {
  at = 0;
  readonly #frame: Uint8Array;
  readonly #view: DataView;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  }

  byte(): number {
    return this.#view.getUint8(this.#step(1));
  }

  uint(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  float(): number | undefined {
    const value = this.#view.getFloat64(this.#step(8), true);
    return Number.isNaN(value) ? undefined : value;
  }

  text(): string {
    const length = this.byte();
    const start = this.#step(length);
    return Buffer.prototype.latin1Slice.call(this.#frame, start, start + length);
  }

  #step(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    if (this.at > this.#frame.length) throw broken(this.#frame);
    return start;
  }
}

function broken(frame: Uint8Array): ComputeError {
  return new ComputeError('BAD_MESSAGE', `a header of ${frame.length} bytes came that is not whole`);
}
