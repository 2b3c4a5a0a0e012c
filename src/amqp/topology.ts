// Declares and deletes what names.ts describes. The service alone has the right to.

import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { KeptChannel } from './channel.ts';
import type { Channel, Connection } from './connection.ts';
import type { Declaration, QueueDeclaration } from './names.ts';

const WAIT_MS = 20_000;

export class Topology implements AsyncDisposable {
  readonly #kept: KeptChannel<Channel>;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #waiting: ((channel: Channel) => void)[] = [];
  /** One request after the other: a refused one takes the channel with it, and must not take others along. */
  #last: Promise<unknown> = Promise.resolve();
  #refusal: ComputeError | undefined;

  constructor(connection: Connection, deps: { readonly log: Logger; readonly clock: Clock }) {
    this.#connection = connection;
    this.#clock = deps.clock;
    this.#kept = new KeptChannel<Channel>(connection, {
      open: (model) => model.createChannel(),
      onOpen: (channel) => { for (const go of this.#waiting.splice(0)) go(channel); },
      onLost: (cause) => { this.#refusal = cause; },
      onEnd: (cause) => { this.#refusal = cause; },
    }, deps);
    this.#kept.start();
  }

  /**
   * Makes sure that all of it is there. Waits for a connection, some seconds; then BROKER_UNREACHABLE. BROKER_REFUSED
   * when something of that name is there and is different, or when we may not.
   */
  declare(declarations: readonly Declaration[]): Promise<void> {
    return this.#request('declare what it needs', async (channel) => {
      for (const one of declarations) await declareOn(channel, one);
    });
  }

  /** Deletes queues with what is in them. Those that are not there are as wanted already. */
  deleteQueues(names: readonly string[]): Promise<void> {
    return this.#request('delete queues', async (channel) => {
      for (const name of names) await channel.deleteQueue(name);
    });
  }

  /** The queue stays, with what is in it. Bindings that are not there are as wanted already. */
  unbind({ name, bindings }: QueueDeclaration): Promise<void> {
    return this.#request('change where a queue gets messages from', async (channel) => {
      for (const { exchange, routingKey } of bindings) await channel.unbindQueue(name, exchange, routingKey);
    });
  }

  /** Drops what waits in a queue, and has not been handed to anybody. */
  purge(queue: string): Promise<void> {
    return this.#request('empty a queue', async (channel) => { await channel.purgeQueue(queue); });
  }

  /** How many messages wait in a queue and how many read it; undefined when it is not there. */
  async inspect(queue: string): Promise<{ readonly messages: number; readonly consumers: number } | undefined> {
    try {
      return await this.#request('look at a queue', async (channel) => {
        const { messageCount, consumerCount } = await channel.checkQueue(queue);
        return { messages: messageCount, consumers: consumerCount };
      });
    } catch (error) {
      if (error instanceof ComputeError && error.details['code'] === 404) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#kept.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #request<T>(what: string, run: (channel: Channel) => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      const channel = await this.#ready();
      try {
        return await run(channel);
      } catch (cause) {
        const code = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
        throw new ComputeError(code === undefined ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED',
          `the broker at ${this.#connection.shown} did not let the service ${what}`, { cause, details: { code } });
      }
    });
    this.#last = done.catch(() => { /* whoever asked is told */ });
    return done;
  }

  async #ready(): Promise<Channel> {
    if (this.#connection.ended !== undefined) throw this.#connection.ended;
    if (this.#kept.channel !== undefined) return this.#kept.channel;
    const enough = new AbortController();
    const channel = await Promise.race([
      new Promise<Channel>((resolve) => { this.#waiting.push(resolve); }),
      this.#clock.sleep(WAIT_MS, enough.signal),
    ]);
    enough.abort();
    if (channel !== undefined) return channel;
    throw new ComputeError('BROKER_UNREACHABLE', `no broker answered at ${this.#connection.shown} in time`,
      { cause: this.#refusal });
  }
}

async function declareOn(channel: Channel, one: Declaration): Promise<void> {
  if (one.type === 'exchange') {
    await channel.assertExchange(one.name, one.kind, { durable: true });
    return;
  }
  await channel.assertQueue(one.name, { durable: true, arguments: one.arguments });
  for (const { exchange, routingKey } of one.bindings) await channel.bindQueue(one.name, exchange, routingKey);
}
