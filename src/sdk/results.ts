// The stream of one task group's results: read as they come, over a connection that is opened again when it breaks,
// with fresh credentials where the old ones are refused.

import { backOffMs } from '../amqp/back-off.ts';
import { Connection } from '../amqp/connection.ts';
import { Consumer } from '../amqp/consumer.ts';
import { decodeMessage, type ResultMessage } from '../amqp/messages.ts';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { silentLog } from '../common/log.ts';
import type { ResultStream } from './answers.ts';
import type { Client } from './client.ts';

export interface ResultsOptions {
  readonly client: Client;
  readonly onResults: (results: readonly ResultMessage[]) => void;
  /** Results may have been missed. */
  readonly onGap: () => void;
}

/** Messages in hand; each may have hundreds of results. */
const PREFETCH = 128;
/** For as long as nobody says that it is in vain. */
const PATIENCE_MS = 3_600_000;

export class Results {
  readonly #options: ResultsOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  /** Asked for early: the way to the broker does not depend on the group. */
  #access: Promise<ResultStream> | undefined;
  #connection: Connection | undefined;
  #reading = false;
  #opened = 0;
  /** Messages that are no results: nobody of ours sends them. */
  #unreadable = 0;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  get isReading(): boolean {
    return this.#reading;
  }

  /** How often it was opened again. */
  get reconnects(): number {
    return Math.max(0, this.#opened - 1);
  }

  get unreadable(): number {
    return this.#unreadable;
  }

  prepare(): void {
    this.#access ??= this.#ask();
    this.#access.catch(() => { this.#access = undefined; });
  }

  /** Once the group is known, and its queue is there. */
  open(group: string): void {
    this.#running ??= this.#run(group);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection?.close();
    await this.#running;
  }

  #ask(): Promise<ResultStream> {
    return this.#options.client.resultStream({ patienceMs: PATIENCE_MS, signal: this.#closing.signal });
  }

  async #run(group: string): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const since = this.#opened;
      await this.#read(group).catch(async (error: unknown) => {
        // A queue that nobody used for long is gone: whoever asks for the group gets another.
        const isGone = error instanceof ComputeError && error.code === 'BROKER_REFUSED';
        if (isGone && !signal.aborted) await this.#options.client.taskGroup(group).catch(() => { /* next time */ });
      });
      this.#reading = false;
      this.#access = undefined;
      if (this.#opened > since) attempt = 0;
      await systemClock.sleep(backOffMs(attempt), signal);
    }
  }

  /** Until the connection ends for good. */
  async #read(group: string): Promise<void> {
    const { queuePrefix, connectionUrl } = await (this.#access ?? this.#ask());
    const deps = { log: silentLog, clock: systemClock };
    await using connection = new Connection({ url: connectionUrl, name: 'switchyard results' }, deps);
    this.#connection = connection;
    if (this.#closing.signal.aborted) return;
    await connection.open();
    connection.attach({
      onOpen: () => {
        this.#reading = true;
        if (++this.#opened > 1) this.#options.onGap();
      },
      onLost: () => { this.#reading = false; },
      onEnd: () => { this.#reading = false; },
    });
    await using consumer = new Consumer(connection, deps, {
      queue: queuePrefix + group, prefetch: PREFETCH,
      onMessage: (delivery) => {
        this.#take(delivery.body);
        delivery.ack();
      },
    });
    await consumer.ended;
  }

  #take(body: Buffer): void {
    const message = decodeMessage(body);
    if (message.type === 'result') this.#options.onResults([message]);
    else if (message.type === 'result_bundle') this.#options.onResults(message.results);
    else this.#unreadable++;
  }
}
