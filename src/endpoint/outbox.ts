// Results on their way to the broker. What is ready together travels together; what the broker has confirmed is over;
// what waits for it too long in too large a number waits on the disk.

import { backOffMs } from '../amqp/back-off.ts';
import { BUNDLE_CHARS_MAX, BUNDLE_TASKS_MAX, bundled } from '../amqp/bundles.ts';
import { Line } from '../amqp/line.ts';
import { decodeMessage, encodeMessage, type ResultMessage } from '../amqp/messages.ts';
import { straightKey } from '../amqp/names.ts';
import type { Publisher } from '../amqp/publisher.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import type { Ledger } from './ledger.ts';

export interface OutboxDeps {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly exchange: string;
  readonly routingKey: string;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly clock: Clock;
  /** Some are over: there is room for more. */
  readonly onConfirmed: () => void;
}

interface Entry {
  readonly taskId: string;
  /** undefined: it is in the ledger alone. */
  readonly message: ResultMessage | undefined;
  readonly chars: number;
  /** The task group to whose stream it can go straight. */
  readonly straightTo: string | undefined;
}

/** Messages under way: enough to keep a broker busy, few enough that what comes meanwhile is put together. */
const IN_FLIGHT_MAX = 8;
/** Characters of results that wait in memory. */
const MEMORY_CHARS_MAX = 64 * 1024 * 1024;
const DETAILS_CHARS = 300;

export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #memoryCharsMax: number;
  readonly #closing = new AbortController();
  readonly #waiting = new Line<Entry>();
  readonly #sending = new Set<Promise<void>>();
  #memoryChars = 0;
  #swept = 0;
  #scheduled = false;
  /** Our rights at the broker are of a time when nothing went straight. */
  #mayNotGoStraight = false;
  #idle: (() => void)[] = [];
  /** Results that the broker has. */
  forwarded = 0;

  constructor(deps: OutboxDeps, { memoryCharsMax = MEMORY_CHARS_MAX } = {}) {
    this.#deps = deps;
    this.#memoryCharsMax = memoryCharsMax;
  }

  get pending(): number {
    return this.#waiting.size + this.#sending.size;
  }

  /** It is the ledger's from now on, and leaves with what else is ready in this turn. */
  add(message: ResultMessage, straightTo?: string): void {
    const entry: Entry = { taskId: message.taskId, message, chars: message.data.length + DETAILS_CHARS, straightTo };
    this.#deps.ledger.settle(message.taskId, () => encodeMessage(message));
    this.#memoryChars += entry.chars;
    this.#waiting.push(entry);
    this.#schedule();
    if (this.#memoryChars > this.#memoryCharsMax + this.#swept) this.#sweep();
  }

  /** Results that an earlier process could not send. */
  resend(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const chars = this.#deps.ledger.sizeOf(taskId);
      this.#waiting.push({ taskId, message: undefined, chars, straightTo: undefined });
    }
    this.#schedule();
  }

  /** Waits until the broker has all, at most `waitMs`. The ledger has the rest. */
  async close(waitMs: number): Promise<void> {
    if (this.pending > 0) {
      const enough = new AbortController();
      const idle = new Promise<void>((resolve) => { this.#idle.push(resolve); });
      await Promise.race([idle, this.#deps.clock.sleep(waitMs, enough.signal)]);
      enough.abort();
    }
    this.#closing.abort();
    await Promise.all(this.#sending);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.size > 0 && this.#sending.size < IN_FLIGHT_MAX && !this.#closing.signal.aborted) {
      const together = bundled(this.#take(), ({ straightTo }) => straightTo ?? '', ({ chars }) => chars);
      for (const entries of together) this.#start(entries);
    }
  }

  #start(entries: readonly Entry[]): void {
    const sent = this.#send(entries).finally(() => {
      this.#sending.delete(sent);
      this.#pump();
      if (this.pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
    this.#sending.add(sent);
  }

  #take(): Entry[] {
    const taken: Entry[] = [];
    let chars = 0;
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      chars += next.chars;
      if (taken.length > 0 && (chars > BUNDLE_CHARS_MAX || taken.length >= BUNDLE_TASKS_MAX)) break;
      taken.push(next);
      this.#waiting.shift();
    }
    return taken;
  }

  /** Goes on until the broker has them or the endpoint ends. Entries of one stream, or of none. */
  async #send(entries: readonly Entry[]): Promise<void> {
    const { routingKey, log, clock } = this.#deps;
    const straightTo = this.#mayNotGoStraight ? undefined : entries[0]?.straightTo;
    let key = straightTo === undefined ? routingKey : straightKey(routingKey, straightTo);
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      try {
        await this.#publish(entries, key);
        break;
      } catch (err) {
        if (this.#closing.signal.aborted) return;
        if (key !== routingKey) {
          // Its stream is full, for example: the service knows what to do then.
          log.info({ err, count: entries.length }, 'results go by way of the service');
          this.#mayNotGoStraight ||= err instanceof ComputeError && err.code === 'BROKER_REFUSED';
          key = routingKey;
          continue;
        }
        const ms = backOffMs(attempt);
        const level = Number.isInteger(Math.log2(attempt + 1)) ? 'warn' : 'debug';
        log[level]({ err, count: entries.length, ms: Math.round(ms) }, 'results could not be sent and will be again');
        await clock.sleep(ms, this.#closing.signal);
      }
    }
  }

  async #publish(entries: readonly Entry[], routingKey: string): Promise<void> {
    const { publisher, exchange, ledger, onConfirmed } = this.#deps;
    const messages: ResultMessage[] = [];
    for (const { taskId, message } of entries) {
      const found = message ?? await this.#load(taskId);
      if (found !== undefined) messages.push(found);
    }
    const [only] = messages;
    if (only !== undefined) {
      const body = encodeMessage(messages.length === 1 ? only : { type: 'result_bundle', results: messages });
      await publisher.publish({ exchange, routingKey, body }, this.#closing.signal);
    }
    this.forwarded += entries.length;
    for (const { message, chars } of entries) if (message !== undefined) this.#memoryChars -= chars;
    ledger.confirm(entries.map(({ taskId }) => taskId));
    onConfirmed();
  }

  async #load(taskId: string): Promise<ResultMessage | undefined> {
    const bytes = await this.#deps.ledger.resultOf(taskId);
    const message = bytes === undefined ? undefined : decodeMessage(bytes);
    if (message?.type === 'result') return message;
    // Written by us, with a checksum: there is no way to this that anybody knows.
    throw new ComputeError('STORAGE_FAILED', `the result of task ${taskId} is not in the ledger`);
  }

  /** Memory forgets what is on the disk, the last to leave first. */
  #sweep(): void {
    const all: Entry[] = [];
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) all.push(next);
    for (const [i, entry] of all.entries()) {
      if (entry.message === undefined || !this.#deps.ledger.holds(entry.taskId)) continue;
      this.#memoryChars -= entry.chars;
      all[i] = { ...entry, message: undefined };
    }
    this.#waiting.putBack(all);
    // What could not be forgotten is on its way to the disk: look again when there is much more.
    this.#swept = Math.max(0, this.#memoryChars - this.#memoryCharsMax) + this.#memoryCharsMax / 4;
  }
}
