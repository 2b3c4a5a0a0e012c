// Taking messages from one queue, each acknowledged by itself. What was not acknowledged when a channel broke comes
// again on the next; what the broker sends twice, and we still have in hand or have finished, is not handed over twice.

import { ComputeError } from '../common/errors.ts';
import { KeptChannel, type ChannelDeps } from './channel.ts';
import type { Channel, Connection, ConsumeMessage } from './connection.ts';
import { Recent } from './recent.ts';

export interface Delivery {
  readonly body: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly contentType: string | undefined;
  readonly messageId: string | undefined;
  /** Seconds since 1970. */
  readonly timestampS: number | undefined;
  readonly redelivered: boolean;
  /** It is done with: the broker may forget it. */
  ack(): void;
  /** It cannot be used. With `requeue` another try is made, perhaps by another consumer. */
  reject(options: { readonly requeue: boolean }): void;
}

export interface ConsumerOptions {
  readonly queue: string;
  /** How many messages may be in hand at once. */
  readonly prefetch: number;
  /** No second consumer beside this one. */
  readonly exclusive?: boolean;
  /**
   * How long a queue may be refused to us until we believe it, default 5 s. Of an exclusive consumer that was killed
   * the broker learns late, and refuses the queue to the next until then. A queue that is not there has no such
   * consumer: asked for exclusively, and for the first time, that is believed at once.
   */
  readonly refusedMsMax?: number;
  /** Must not throw; every delivery has to be acknowledged or rejected sooner or later. */
  readonly onMessage: (delivery: Delivery) => void;
}

/** So many ids of finished messages are remembered. */
const REMEMBERED = 16_384;
const REFUSED_MS_MAX = 5_000;
/** The broker's reply code for a queue that is not there. */
const NOT_FOUND = 404;

interface InHand {
  channel: Channel;
  message: ConsumeMessage;
}

export class Consumer implements AsyncDisposable {
  readonly #options: ConsumerOptions;
  readonly #kept: KeptChannel<Channel>;
  readonly #deps: ChannelDeps;
  readonly #connection: Connection;
  readonly #done = new Recent(REMEMBERED);
  readonly #inHand = new Map<string, InHand>();
  #channel: Channel | undefined;
  #tag: string | undefined;
  #refusedSinceMs: number | undefined;
  #everReady = false;
  #cancelling = false;
  #duplicates = 0;
  #open = 0;
  readonly #ready = new Outcome();
  readonly #ended = new Outcome();
  #quiet: (() => void)[] = [];

  constructor(connection: Connection, deps: ChannelDeps, options: ConsumerOptions) {
    this.#options = options;
    this.#connection = connection;
    this.#deps = deps;
    this.#kept = new KeptChannel<Channel>(connection, {
      open: (model) => model.createChannel(),
      onOpen: (channel) => this.#subscribe(channel),
      onLost: (cause) => this.#onLost(cause),
      onEnd: (cause) => this.#end(cause),
    }, deps);
    this.#kept.start();
  }

  /** Resolves when the broker delivers to us for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when cancelled; rejects with BROKER_REFUSED when the queue is not there or not ours, for good. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Messages that came again although they were finished or in hand. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** No further deliveries; waits for those in hand, at most `waitMs`; the rest goes back to the queue. */
  async close(waitMs = 10_000): Promise<void> {
    const enough = new AbortController();
    await Promise.race([this.#drain(), this.#deps.clock.sleep(waitMs, enough.signal)]);
    enough.abort();
    await this.#kept.close();
    this.#channel = undefined;
    this.#ended.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(): Promise<void> {
    const isFirst = !this.#cancelling;
    this.#cancelling = true;
    if (isFirst && this.#channel !== undefined && this.#tag !== undefined) {
      await this.#channel.cancel(this.#tag).catch(() => { /* the channel broke: nothing comes on it any more */ });
    }
    if (this.#open === 0 || this.#channel === undefined) return;
    await new Promise<void>((resolve) => { this.#quiet.push(resolve); });
  }

  async #subscribe(channel: Channel): Promise<void> {
    const { queue, prefetch, exclusive = false } = this.#options;
    await channel.prefetch(prefetch);
    if (this.#cancelling) return;
    this.#channel = channel;
    const { consumerTag } = await channel.consume(queue, (message) => {
      // Without a message: the broker has deleted the queue. Asking again tells whether it is there.
      if (message === null) void channel.close().catch(() => { /* closed is what it should be */ });
      else this.#onMessage(channel, message);
    }, { exclusive });
    this.#tag = consumerTag;
    this.#refusedSinceMs = undefined;
    this.#everReady = true;
    this.#ready.resolve();
  }

  #onLost(cause: ComputeError): void {
    this.#channel = undefined;
    this.#tag = undefined;
    this.#open = 0;
    this.#settleQuiet();
    if (cause.code !== 'BROKER_REFUSED') return;
    const now = this.#deps.clock.now();
    this.#refusedSinceMs ??= now;
    const { queue, exclusive = false, refusedMsMax = REFUSED_MS_MAX } = this.#options;
    const isMissing = exclusive && !this.#everReady && cause.details['code'] === NOT_FOUND;
    if (!isMissing && now - this.#refusedSinceMs < refusedMsMax) return;
    this.#end(new ComputeError('BROKER_REFUSED',
      `the broker at ${this.#connection.shown} does not let us read queue ${queue}`, { cause }));
    void this.#kept.close();
  }

  #end(cause: ComputeError): void {
    this.#channel = undefined;
    this.#settleQuiet();
    this.#ready.reject(cause);
    if (this.#cancelling) this.#ended.resolve();
    else this.#ended.reject(cause);
  }

  #onMessage(channel: Channel, message: ConsumeMessage): void {
    const id = identityOf(message);
    this.#open++;
    if (id !== undefined) {
      if (this.#done.has(id)) {
        this.#duplicate(id);
        this.#settle({ channel, message }, (to) => to.ack(message));
        return;
      }
      const before = this.#inHand.get(id);
      if (before !== undefined) {
        // The first is still worked on; its answer will be given to this delivery, which is the one that is open.
        this.#duplicate(id);
        if (before.channel === channel) this.#settle({ ...before }, (to) => to.ack(before.message));
        before.channel = channel;
        before.message = message;
        return;
      }
    }
    const inHand: InHand = { channel, message };
    if (id !== undefined) this.#inHand.set(id, inHand);
    this.#options.onMessage(this.#deliveryOf(inHand, id));
  }

  #deliveryOf(inHand: InHand, id: string | undefined): Delivery {
    const { content, fields, properties } = inHand.message;
    let answered = false;
    const answer = (done: boolean, how: (channel: Channel, message: ConsumeMessage) => void): void => {
      if (answered) return;
      answered = true;
      if (id !== undefined) {
        this.#inHand.delete(id);
        if (done) this.#done.add(id);
      }
      this.#settle(inHand, (channel) => how(channel, inHand.message));
    };
    const { contentType, messageId, timestamp }: Readonly<Record<'contentType' | 'messageId' | 'timestamp', unknown>> =
      properties;
    return {
      body: content, exchange: fields.exchange, routingKey: fields.routingKey, headers: properties.headers ?? {},
      contentType: typeof contentType === 'string' ? contentType : undefined,
      timestampS: typeof timestamp === 'number' ? timestamp : undefined,
      messageId: typeof messageId === 'string' ? messageId : undefined, redelivered: fields.redelivered,
      ack: () => answer(true, (channel, message) => channel.ack(message)),
      reject: ({ requeue }) => answer(!requeue, (channel, message) => channel.reject(message, requeue)),
    };
  }

  /** Answers a delivery if its channel is still the present one; else the broker has taken it back already. */
  #settle(inHand: InHand, how: (channel: Channel) => void): void {
    if (inHand.channel !== this.#channel) return;
    this.#open--;
    try {
      how(inHand.channel);
    } catch {
      // The channel is closing: the broker takes back what it has no answer for.
    }
    this.#settleQuiet();
  }

  #duplicate(id: string): void {
    this.#duplicates++;
    this.#deps.log.debug({ queue: this.#options.queue, message: id }, 'message came again and was dropped');
  }

  #settleQuiet(): void {
    if (this.#open > 0 && this.#channel !== undefined) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }
}

/** With the routing key, which the broker checks: nobody can make another's message look like one that was there. */
function identityOf({ fields, properties }: ConsumeMessage): string | undefined {
  const id: unknown = properties.messageId;
  return typeof id === 'string' && id !== '' ? `${fields.routingKey} ${id}` : undefined;
}

/** A promise that others settle. Nobody has to await it. */
class Outcome {
  readonly promise: Promise<void>;
  resolve: () => void = () => {};
  reject: (error: ComputeError) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => { /* whoever wants to know awaits it */ });
  }
}
