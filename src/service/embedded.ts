// The PostgreSQL inside of the service: its thread, and what happens when that ends.

import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import type { Database, DatabaseOptions, Value } from './database.ts';
import { Room } from './room.ts';
import { storageError, storageFull } from './storage-error.ts';

/** To the thread. */
export type Question =
  | {
    readonly type: 'query'; readonly id: number; readonly sql: string; readonly values: readonly Value[];
    /** Some measure of what it writes. */
    readonly bytes: number;
  }
  | { readonly type: 'script'; readonly id: number; readonly sql: string }
  | { readonly type: 'tidy' | 'close'; readonly id: number };

/** From the thread. */
export type Answer =
  | { readonly type: 'open' }
  | { readonly type: 'rows'; readonly id: number; readonly rows: readonly unknown[] }
  | { readonly type: 'failed'; readonly id: number; readonly code: string | null; readonly message: string };

type Asked = Question extends infer Q ? Q extends Question ? Omit<Q, 'id'> : never : never;

interface Waiting {
  readonly resolve: (rows: readonly unknown[]) => void;
  readonly reject: (error: ComputeError) => void;
}

const THREAD = new URL('./embedded/main.js', import.meta.url);
/** A row is kept twice for a while, in the log and in its table, and both have indexes and page images. */
const BYTES_PER_BYTE = 4;

/** What is always true: `#thread` is open, or will be asked for with the next question. */
export class EmbeddedDatabase implements Database {
  readonly #directory: string;
  readonly #reserveBytes: number;
  readonly #log: Logger;
  readonly #room: Room;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Promise<Worker> | undefined;
  #asked = 0;
  #closed: Promise<void> | undefined;

  private constructor({ directory, reserveBytes }: DatabaseOptions, log: Logger) {
    this.#directory = join(directory, 'database');
    this.#reserveBytes = reserveBytes;
    this.#log = log;
    const freeBytes = async (): Promise<number> => {
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize;
    };
    this.#room = new Room({ freeBytes, clock: systemClock });
  }

  static async open(options: DatabaseOptions, log: Logger): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(options, log);
    await mkdir(database.#directory, { recursive: true, mode: 0o700 });
    await database.reserve(0);
    await database.#opened();
    return database;
  }

  async query<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    // The statement says what it selects.
    return await this.#ask({ type: 'query', sql, values, bytes: sizeOf(values) }) as Row[];
  }

  async script(sql: string): Promise<void> {
    await this.#ask({ type: 'script', sql });
  }

  async tidy(): Promise<void> {
    await this.#ask({ type: 'tidy' });
  }

  /** PostgreSQL stops altogether when its log does not fit any more: it must never come to that. */
  async reserve(bytes: number): Promise<void> {
    if (!await this.#room.take(BYTES_PER_BYTE * bytes, this.#reserveBytes)) throw storageFull();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const opened = this.#thread;
    if (opened === undefined) return;
    const thread = await opened;
    try {
      await this.#ask({ type: 'close' });
    } finally {
      this.#thread = undefined;
      await thread.terminate();
    }
  }

  async #ask(question: Asked): Promise<readonly unknown[]> {
    const thread = await this.#opened();
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve, reject });
      thread.postMessage({ ...question, id }, []);
    });
  }

  #opened(): Promise<Worker> {
    this.#thread ??= this.#open();
    return this.#thread;
  }

  #open(): Promise<Worker> {
    const thread = new Worker(THREAD, { workerData: { directory: this.#directory }, name: 'database' });
    return new Promise((resolve, reject) => {
      let reason: unknown;
      thread.on('message', (answer: Answer) => {
        if (answer.type === 'open') resolve(thread);
        else this.#onAnswer(answer);
      });
      thread.on('error', (err) => { reason = err; });
      thread.on('exit', (code) => {
        this.#thread = undefined;
        const cause = reason ?? new Error(`the database's thread ended with ${code}`);
        reject(new ComputeError('START_FAILED', `cannot open the database in ${this.#directory}`, { cause }));
        if (this.#waiting.size > 0) this.#log.error({ err: cause }, 'database ended and will be opened again');
        for (const { reject: fail } of this.#waiting.values()) fail(storageError(cause));
        this.#waiting.clear();
      });
    });
  }

  #onAnswer(answer: Exclude<Answer, { type: 'open' }>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.type === 'rows') waiting?.resolve(answer.rows);
    else waiting?.reject(storageError(Object.assign(new Error(answer.message), { code: answer.code })));
  }
}

function sizeOf(values: readonly Value[]): number {
  let bytes = 0;
  for (const value of values) {
    if (typeof value === 'string') bytes += value.length;
    else if (Array.isArray(value)) for (const one of value) bytes += typeof one === 'string' ? one.length + 32 : 16;
  }
  return bytes;
}
