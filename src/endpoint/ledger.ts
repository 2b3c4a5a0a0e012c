// What this endpoint has promised, on disk: tasks that it took from the broker, and results that the broker does not
// have yet. One file that only grows, and is written anew when most of it is over. Many records are one write and one
// sync, a moment after the first of them; what is over by then is never written.

import { join } from 'node:path';
import { backOffMs } from '../amqp/back-off.ts';
import { Recent } from '../amqp/recent.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { LedgerFile } from './ledger-file.ts';
import { LedgerIndex, type Place } from './ledger-index.ts';
import { leaveOut, LedgerQueue, type Waiting } from './ledger-queue.ts';
import { encodeRecord, type LedgerRecord } from './ledger-record.ts';

export interface LedgerOptions {
  readonly directory: string;
  /** So much of the file may be over before it is written anew. Default 64 MiB. */
  readonly deadBytesMax?: number;
}

export interface LedgerDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/** A message some of whose tasks have no result. */
export interface Unfinished {
  readonly ids: readonly string[];
  readonly content: Uint8Array;
}

/** A message in its record. */
interface Acceptance {
  readonly waiting: Waiting;
  /** Of its tasks, those that are not over. */
  left: number;
}

const FILE = 'ledger';
const DEAD_BYTES_MAX = 64 * 1024 * 1024;
/** Most tasks of a quiet moment are over by then; and nobody waits for a record, but the broker for its message. */
const WRITE_DELAY_MS = 10;
/** Tasks that are over are remembered: their messages may come once more. */
const REMEMBERED = 100_000;

export class Ledger {
  readonly #file: LedgerFile;
  readonly #deps: LedgerDeps;
  readonly #deadBytesMax: number;
  readonly #index = new LedgerIndex();
  readonly #over = new Recent(REMEMBERED);
  readonly #queue = new LedgerQueue();
  /** By their tasks, until these are over. */
  readonly #acceptances = new Map<string, Acceptance>();
  /** Results on their way into the file. */
  readonly #results = new Map<string, Waiting>();
  #hurry = new AbortController();
  #writing: Promise<void> | undefined;
  #closed = false;
  #compactAtBytes = 0;

  private constructor(file: LedgerFile, { deadBytesMax = DEAD_BYTES_MAX }: LedgerOptions, deps: LedgerDeps) {
    this.#file = file;
    this.#deps = deps;
    this.#deadBytesMax = deadBytesMax;
  }

  /** With what an earlier process has left. Throws STORAGE_FAILED. */
  static async open(options: LedgerOptions, deps: LedgerDeps): Promise<Ledger> {
    const path = join(options.directory, FILE);
    try {
      const file = await LedgerFile.open(path);
      const ledger = new Ledger(file, options, deps);
      const cut = await file.replay(({ record, at, length }) => ledger.#replay(record, { at, length }));
      if (cut > 0) deps.log.warn({ bytes: cut }, 'ledger ended within a record, which was cut off');
      return ledger;
    } catch (cause) {
      throw new ComputeError('STORAGE_FAILED', `the endpoint's ledger ${path} could not be opened: is the directory `
        + 'writable, and is there space?', { cause });
    }
  }

  /** It is open, or was not long ago: its message came again. */
  has(id: string): boolean {
    return this.#index.has(id) || this.#over.has(id);
  }

  get unsettled(): number {
    return this.#index.unsettled;
  }

  get unconfirmed(): number {
    return this.#index.unconfirmed;
  }

  /** Bytes of messages with tasks that have no result, and of results. */
  get openBytes(): number {
    return this.#index.liveBytes;
  }

  /** Tasks that came in one message. Resolves when they are on the disk, or over: the broker may forget the message. */
  accept(ids: readonly string[], content: Uint8Array): Promise<void> {
    const bytes = encodeRecord({ type: 'accepted', ids, content });
    const message = this.#index.accepted(ids, { at: -1, length: bytes.length });
    return new Promise((resolve) => {
      const waiting = this.#put(bytes, true, (at) => {
        message.at = at;
        resolve();
      });
      const acceptance = { waiting, left: ids.length };
      for (const id of ids) this.#acceptances.set(id, acceptance);
    });
  }

  /** A task has a result. `contentOf` is asked for it when it is to be written, which may be never. */
  settle(id: string, contentOf: () => Uint8Array): void {
    this.#index.settled(id);
    const bytes = (): Buffer => encodeRecord({ type: 'settled', id, content: contentOf() });
    const waiting = this.#put(bytes, true, (at, length) => {
      if (this.#results.get(id) !== waiting) return;
      this.#results.delete(id);
      this.#index.settled(id, { at, length });
    });
    this.#results.set(id, waiting);
  }

  /** The broker has the results of these. */
  confirm(ids: readonly string[]): void {
    for (const id of ids) {
      const waiting = this.#results.get(id);
      if (waiting !== undefined) leaveOut(waiting);
      this.#results.delete(id);
      this.#over.add(id);
    }
    this.#index.confirmed(ids);
    const known = ids.filter((id) => !this.#isForgotten(id));
    if (known.length === 0) return;
    // Lost, it makes a result come twice, which nobody minds: it waits for no disk.
    const bytes = encodeRecord({ type: 'confirmed', ids: known });
    this.#put(bytes, false, () => { /* nothing waits for it */ });
  }

  /** Resolves when all that was said so far is on the disk. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#put(undefined, true, () => resolve());
      this.#hurry.abort();
    });
  }

  /** What has to run again, in the order in which it came. */
  async * unfinished(): AsyncGenerator<Unfinished> {
    for (const message of this.#index.messages()) {
      if (message.unsettled === 0) continue;
      const { record } = await this.#file.read(message);
      if (record.type !== 'accepted') continue;
      const ids = record.ids.filter((id) => this.#index.isUnsettled(id));
      yield { ids, content: record.content };
    }
  }

  /** Tasks whose results have to be sent again. */
  settledIds(): readonly string[] {
    return this.#index.settledIds();
  }

  /** A result that is not confirmed, out of the file; undefined for one that is not there (yet, or any more). */
  async resultOf(id: string): Promise<Uint8Array | undefined> {
    const place = this.#index.resultOf(id);
    if (place === undefined) return undefined;
    const { record } = await this.#file.read(place);
    return record.type === 'settled' ? record.content : undefined;
  }

  /** Bytes of a result in the file. */
  sizeOf(id: string): number {
    return this.#index.resultOf(id)?.length ?? 0;
  }

  /** True when this result is in the file: memory may forget it. */
  holds(id: string): boolean {
    return this.#index.resultOf(id) !== undefined;
  }

  /** Writes what is left, unless the disk does not take it within `waitMs`. */
  async close(waitMs: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([this.flushed(), this.#deps.clock.sleep(waitMs, enough.signal)]);
    enough.abort();
    this.#closed = true;
    await this.#writing;
    if (this.#index.unsettled + this.#index.unconfirmed === 0 && this.#queue.isEmpty) await this.#file.clear();
    await this.#file.close();
  }

  #replay(record: LedgerRecord, place: Place): void {
    switch (record.type) {
      case 'accepted': this.#index.accepted(record.ids, place); break;
      case 'settled': this.#index.settled(record.id, place); break;
      case 'confirmed':
        this.#index.confirmed(record.ids);
        for (const id of record.ids) this.#over.add(id);
        break;
    }
  }

  /** Whether this was the last open task of a message that is not in the file, and now never will be. */
  #isForgotten(id: string): boolean {
    const acceptance = this.#acceptances.get(id);
    this.#acceptances.delete(id);
    if (acceptance === undefined || --acceptance.left > 0 || !leaveOut(acceptance.waiting)) return false;
    acceptance.waiting.onWritten(-1, 0);
    return true;
  }

  #put(...record: Parameters<LedgerQueue['put']>): Waiting {
    const waiting = this.#queue.put(...record);
    this.#writing ??= this.#write();
    return waiting;
  }

  async #write(): Promise<void> {
    for (let attempt = 0; !this.#queue.isEmpty && !this.#closed;) {
      await this.#deps.clock.sleep(WRITE_DELAY_MS, this.#hurry.signal);
      this.#hurry = new AbortController();
      const taken = this.#queue.take();
      try {
        const at = await this.#file.append(taken.map(({ bytes }) => bytes), taken.some(({ one }) => one.sync));
        let offset = at;
        for (const { one, bytes } of taken) {
          one.onWritten(offset, bytes.length);
          offset += bytes.length;
        }
        attempt = 0;
        await this.#compact();
      } catch (err) {
        this.#queue.putBack(taken);
        const ms = backOffMs(attempt++);
        // A disk that is full for a night must not fill the log as well.
        const level = Number.isInteger(Math.log2(attempt)) ? 'error' : 'debug';
        this.#deps.log[level]({ err, attempt, ms: Math.round(ms) }, 'ledger could not be written, trying again');
        await this.#deps.clock.sleep(ms);
      }
    }
    this.#writing = undefined;
  }

  async #compact(): Promise<void> {
    const dead = this.#file.size - this.#index.liveBytes;
    if (dead < this.#deadBytesMax || dead < this.#index.liveBytes || this.#file.size < this.#compactAtBytes) return;
    const before = this.#file.size;
    try {
      await this.#file.rewrite(this.#index);
      this.#compactAtBytes = 0;
      this.#deps.log.debug({ bytes: this.#file.size, before }, 'ledger written anew');
    } catch (err) {
      this.#compactAtBytes = before + this.#deadBytesMax;
      this.#deps.log.warn({ err }, 'ledger could not be written anew and grows on');
    }
  }
}
