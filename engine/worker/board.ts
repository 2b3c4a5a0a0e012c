// The memory in which a Python interpreter notes what it does, so that it can be read after its death: a file without a
// name that the interpreter maps and we read. Laid out as in python/switchyard_worker/board.py.

import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ASSIGNMENT_TASKS_MAX, OUTCOME_BYTES_MAX } from '../../src/common/slot-memory.ts';

const TABLE_AT = 32;
const ROW_BYTES = 24;
const DATA_AT = 8192;
const RUNNING_AT = 4;
const STARTED_AT = 8;
const DONE_AT = 16;
const LIMIT_AT = 20;
const NO_LIMIT = 0xffff_ffff;
/** Memory, where the system shows it as a folder. */
const MEMORY_FOLDER = '/dev/shm';

/** How far the interpreter is with a chunk. */
export interface Progress {
  readonly chunk: number;
  /** Position of the task that runs; undefined before the first. */
  readonly running: number | undefined;
  readonly runningSinceMs: number;
  /** Tasks with outcomes. */
  readonly done: number;
}

export interface Row {
  readonly startedMs: number;
  readonly runMs: number;
  readonly size: number;
}

export class Board {
  /** The interpreter inherits it. */
  readonly fd: number;
  readonly #head = Buffer.alloc(TABLE_AT);
  readonly #rows = Buffer.alloc(ROW_BYTES * ASSIGNMENT_TASKS_MAX);
  readonly #word = Buffer.alloc(4);
  #limited = true;

  constructor() {
    const folder = existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
    const path = join(folder, `switchyard-board-${randomUUID()}`);
    this.fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    ftruncateSync(this.fd, DATA_AT + OUTCOME_BYTES_MAX);
  }

  /** The interpreter starts no task of the chunk from this position on. */
  limit(position: number): void {
    this.#word.writeUInt32LE(position);
    writeSync(this.fd, this.#word, 0, 4, LIMIT_AT);
    this.#limited = position !== NO_LIMIT;
  }

  lift(): void {
    if (this.#limited) this.limit(NO_LIMIT);
  }

  progress(): Progress {
    const head = this.#head;
    readSync(this.fd, head, 0, TABLE_AT, 0);
    const running = head.readUInt32LE(RUNNING_AT);
    return {
      chunk: head.readUInt32LE(0), running: running === 0 ? undefined : running - 1,
      runningSinceMs: head.readDoubleLE(STARTED_AT), done: head.readUInt32LE(DONE_AT),
    };
  }

  /** Of the tasks at these positions, which are done. */
  rows(from: number, to: number): Row[] {
    const rows = this.#rows;
    readSync(this.fd, rows, 0, (to - from) * ROW_BYTES, TABLE_AT + from * ROW_BYTES);
    return Array.from({ length: to - from }, (_, i) => ({
      startedMs: rows.readDoubleLE(i * ROW_BYTES), runMs: rows.readDoubleLE(i * ROW_BYTES + 8),
      size: rows.readUInt32LE(i * ROW_BYTES + 16),
    }));
  }

  /** Outcomes, back to back. */
  outcomes(offset: number, bytes: number): Uint8Array {
    const data = Buffer.allocUnsafe(bytes);
    if (bytes > 0) readSync(this.fd, data, 0, bytes, DATA_AT + offset);
    return data;
  }

  close(): void {
    closeSync(this.fd);
  }
}
