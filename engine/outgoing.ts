// Tasks on their way out: those of one kind that are submitted in one go become one batch.

import { encodeTaskColumns, newTaskColumns } from '../src/common/columns.ts';
import { ComputeError } from '../src/common/errors.ts';
import type { Hops, Kind, TaskBatch, TaskId } from '../src/common/protocol.ts';
import type { SentBatch } from './pending.ts';
import type { Frame } from './socket.ts';

/** A batch is closed at this size, and sent. Large enough that the message costs nothing, small enough to flow. */
const BATCH_TASKS_MAX = 1024;
const BATCH_BYTES_MAX = 1024 * 1024;
const FIRST_BYTES = 4096;

export class Outgoing {
  readonly #onBatch: (batch: SentBatch) => void;
  #kind: Kind | undefined;
  #first = 0;
  #count = 0;
  #submittedAtMs = 0;
  #sizes = new Uint32Array(BATCH_TASKS_MAX);
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  constructor(onBatch: (batch: SentBatch) => void) {
    this.#onBatch = onBatch;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** `now` is asked for only where a batch begins. Kinds are compared by identity. */
  add(id: TaskId, kind: Kind, bytes: Uint8Array, buffers: readonly Uint8Array[], now: () => number): void {
    if (buffers.length > 0) {
      this.flush();
      this.#onBatch({
        kind, first: id, count: 1, submittedAtMs: now(), sizes: Uint32Array.of(bytes.length),
        payload: new Uint8Array(bytes), buffers, open: 1,
      });
      return;
    }
    const full = this.#count === BATCH_TASKS_MAX || this.#used + bytes.length > BATCH_BYTES_MAX;
    if (kind !== this.#kind || full) this.flush();
    if (this.#count === 0) {
      this.#kind = kind;
      this.#first = id;
      this.#submittedAtMs = now();
    }
    if (this.#used + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#sizes[this.#count++] = bytes.length;
  }

  flush(): void {
    const kind = this.#kind;
    if (this.#count === 0 || kind === undefined) return;
    const batch: SentBatch = {
      kind,
      first: this.#first,
      count: this.#count,
      submittedAtMs: this.#submittedAtMs,
      sizes: this.#sizes.slice(0, this.#count),
      payload: this.#bytes.subarray(0, this.#used),
      buffers: [],
      open: this.#count,
    };
    this.#count = 0;
    // The next batch will be about as large: memory is asked for once, and what stays open holds no more than it fills.
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, Math.min(this.#used, BATCH_BYTES_MAX)));
    this.#used = 0;
    this.#onBatch(batch);
  }

  #grow(need: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#used + need));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }
}

/** Throws PAYLOAD_TOO_LARGE. */
export function checkSize(bytes: Uint8Array, buffers: readonly Uint8Array[], bytesMax: number): void {
  let size = bytes.length;
  for (const buffer of buffers) size += buffer.length;
  if (size <= bytesMax) return;
  throw new ComputeError('PAYLOAD_TOO_LARGE',
    `the arguments have ${size} bytes and payload_bytes_max is ${bytesMax}: pass less, or the path of a file`);
}

/** The header and frames of a batch; of a batch that is sent again, only those tasks that are still open. */
export function batchFrames(
  batch: SentBatch, now: number, isOpen?: (id: number) => boolean,
): { header: TaskBatch; frames: Frame[] } {
  const { count, columns, payload } = isOpen === undefined ? whole(batch) : stillOpen(batch, isOpen);
  const hops: Hops = {
    submittedAtMs: batch.submittedAtMs, sentAtMs: now, queuedAtMs: 0, dispatchedAtMs: 0, receivedAtMs: 0,
  };
  const header: TaskBatch = { kind: batch.kind, count, attempt: 1, buffers: batch.buffers.length, hops };
  return { header, frames: [columns, payload, ...batch.buffers] };
}

interface Part {
  readonly count: number;
  readonly columns: Frame;
  readonly payload: Frame;
}

function whole({ first, count, sizes, payload }: SentBatch): Part {
  const columns = newTaskColumns(count);
  for (let i = 0; i < count; i++) columns.ids[i] = first + i;
  columns.sizes.set(sizes);
  return { count, columns: columns.frame, payload };
}

function stillOpen({ first, sizes, payload }: SentBatch, isOpen: (id: number) => boolean): Part {
  const parts: Frame[] = [];
  const ids: number[] = [];
  const kept: number[] = [];
  let offset = 0;
  sizes.forEach((size, i) => {
    if (isOpen(first + i)) {
      ids.push(first + i);
      kept.push(size);
      parts.push(payload.subarray(offset, offset + size));
    }
    offset += size;
  });
  const columns = encodeTaskColumns(Float64Array.from(ids), Uint32Array.from(kept));
  return { count: ids.length, columns, payload: Buffer.concat(parts) };
}
