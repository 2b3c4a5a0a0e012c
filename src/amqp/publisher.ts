// Publishing that is known to have arrived. A message is the broker's when the broker has confirmed it; until then it
// is ours and is sent again on every new channel, so that it may arrive twice but never not at all. Receivers tell
// duplicates by the message id.
//
// What is always true: a message is in exactly one of `#waiting` (not sent on the present channel) and `#sent` (by the
// channel's delivery tag), and leaves both when its promise settles.

import { randomUUID } from 'node:crypto';
import { ComputeError } from '../common/errors.ts';
import { KeptChannel, type ChannelDeps } from './channel.ts';
import type { ConfirmChannel, Connection } from './connection.ts';
import { Line } from './line.ts';

export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string | boolean | readonly string[]>>;
  /** Whole seconds since 1970. */
  readonly timestampS?: number;
  /** After this long in a queue the broker drops it. */
  readonly expirationMs?: number;
  /** Default: one of the publisher's own. The same message keeps its id however often it is sent. */
  readonly messageId?: string;
}

export interface PublisherOptions {
  /** Messages sent and not yet confirmed. Default 1,000. */
  readonly inFlightMax?: number;
  /** Bytes of bodies that wait or are under way; past that `publish` refuses. Default 256 MiB. */
  readonly bytesMax?: number;
}

const IN_FLIGHT_MAX = 1_000;
const BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of bodies sent and not confirmed: the rest waits here, where it can still be withdrawn. */
const IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024;

interface Entry {
  readonly message: Outgoing;
  readonly messageId: string;
  readonly settle: (error?: ComputeError) => void;
  returned: string | undefined;
  settled: boolean;
}

export class Publisher implements AsyncDisposable {
  readonly #kept: KeptChannel<ConfirmChannel>;
  readonly #log: ChannelDeps['log'];
  readonly #clock: ChannelDeps['clock'];
  readonly #inFlightMax: number;
  readonly #bytesMax: number;
  readonly #idPrefix = randomUUID();
  #ids = 0;
  #waiting = new Line<Entry>();
  #sent = new Map<number, Entry>();
  #sentBytes = 0;
  #bytes = 0;
  #channel: ConfirmChannel | undefined;
  #nextTag = 1;
  #drained = true;
  #blocked = false;
  /** So many messages were under way when the broker closed the channel over one of them: they go one by one. */
  #suspects = 0;
  #ended: ComputeError | undefined;
  #idle: (() => void)[] = [];

  constructor(connection: Connection, deps: ChannelDeps, options: PublisherOptions = {}) {
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#inFlightMax = options.inFlightMax ?? IN_FLIGHT_MAX;
    this.#bytesMax = options.bytesMax ?? BYTES_MAX;
    this.#kept = new KeptChannel<ConfirmChannel>(connection, {
      open: (model) => model.createConfirmChannel(),
      onOpen: (channel) => this.#onOpen(channel),
      onLost: (cause) => this.#onLost(cause),
      onEnd: (cause) => this.#onEnd(cause),
      onBlocked: (blocked) => {
        this.#blocked = blocked;
        this.#pump();
      },
    }, deps);
    this.#kept.start();
  }

  /** Messages that the broker has not confirmed yet. */
  get pending(): number {
    return this.#waiting.size + this.#sent.size;
  }

  /**
   * Resolves when the broker has the message in a queue. Rejects with PUBLISH_FAILED when no queue takes it
   * (`details.reason`: unroutable, refused, full) and BROKER_REFUSED when it may not be published there. While there is
   * no connection it waits; `signal` ends the wait, and then the message may or may not have arrived.
   */
  publish(message: Outgoing, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const error = this.#refusal(message);
      if (error !== undefined) {
        reject(error);
        return;
      }
      const entry: Entry = {
        message, messageId: message.messageId ?? `${this.#idPrefix}-${++this.#ids}`,
        returned: undefined, settled: false,
        settle: (failure) => {
          if (entry.settled) return;
          entry.settled = true;
          this.#bytes -= message.body.length;
          signal?.removeEventListener('abort', onAbort);
          if (failure === undefined) resolve();
          else reject(failure);
        },
      };
      const onAbort = (): void => entry.settle(
        new ComputeError('PUBLISH_FAILED', 'gave up waiting for the broker to confirm a message',
          { cause: signal?.reason, details: { reason: 'aborted' } }),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#bytes += message.body.length;
      this.#waiting.push(entry);
      if (signal?.aborted) onAbort();
      this.#pump();
    });
  }

  /** Waits until all is confirmed, at most `flushMs`, and fails what is not. Safe to call twice. */
  async close(flushMs = 10_000): Promise<void> {
    if (this.pending > 0 && this.#ended === undefined) {
      const idle = new Promise<void>((resolve) => { this.#idle.push(resolve); });
      const enough = new AbortController();
      await Promise.race([idle, this.#clock.sleep(flushMs, enough.signal)]);
      enough.abort();
    }
    this.#onEnd(new ComputeError('PUBLISH_FAILED', 'the publisher was closed before the broker confirmed a message',
      { details: { reason: 'closed' } }));
    await this.#kept.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal({ body }: Outgoing): ComputeError | undefined {
    if (this.#ended !== undefined) return this.#ended;
    if (this.#bytes + body.length <= this.#bytesMax || this.#bytes === 0) return undefined;
    return new ComputeError('PUBLISH_FAILED', 'more waits for the broker than may',
      { details: { reason: 'full', bytes: this.#bytes, bytesMax: this.#bytesMax } });
  }

  #onOpen(channel: ConfirmChannel): void {
    this.#channel = channel;
    this.#nextTag = 1;
    this.#drained = true;
    channel.on('ack', ({ deliveryTag, multiple }) => this.#onAnswer(deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => this.#onAnswer(deliveryTag, multiple, false));
    // The broker returns a message before it confirms it.
    channel.on('return', ({ fields, properties }) => {
      for (const entry of this.#sent.values()) {
        if (entry.messageId === properties.messageId) entry.returned = String(Reflect.get(fields, 'replyText'));
      }
    });
    channel.on('drain', () => {
      this.#drained = true;
      this.#pump();
    });
    this.#pump();
  }

  #onLost(cause: ComputeError): void {
    this.#channel = undefined;
    const unconfirmed = [...this.#sent.values()].filter((entry) => !entry.settled);
    this.#sent = new Map();
    this.#sentBytes = 0;
    if (cause.code === 'BROKER_REFUSED') {
      const [only, another] = unconfirmed;
      if (only !== undefined && another === undefined) {
        unconfirmed.length = 0;
        only.settle(new ComputeError('BROKER_REFUSED',
          `the broker refuses messages to exchange "${only.message.exchange}"`, { cause }));
      }
      this.#suspects = unconfirmed.length;
    }
    this.#waiting.putBack(unconfirmed);
    if (unconfirmed.length > 0) this.#log.info({ count: unconfirmed.length }, 'unconfirmed messages are sent again');
  }

  #onEnd(cause: ComputeError): void {
    this.#ended ??= cause;
    this.#channel = undefined;
    for (const entry of this.#sent.values()) entry.settle(cause);
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) entry.settle(cause);
    this.#sent.clear();
    this.#settleIdle();
  }

  #onAnswer(tag: number, multiple: boolean, ok: boolean): void {
    if (!multiple) this.#answer(tag, ok);
    else {
      // In the order of their tags, as a map keeps them.
      for (const sent of this.#sent.keys()) {
        if (sent > tag) break;
        this.#answer(sent, ok);
      }
    }
    this.#pump();
    this.#settleIdle();
  }

  #answer(tag: number, ok: boolean): void {
    const entry = this.#sent.get(tag);
    if (entry === undefined) return;
    this.#sent.delete(tag);
    this.#sentBytes -= entry.message.body.length;
    if (this.#suspects > 0) this.#suspects--;
    if (ok && entry.returned === undefined) entry.settle();
    else entry.settle(failureOf(entry));
  }

  #pump(): void {
    const inFlightMax = this.#suspects > 0 ? 1 : this.#inFlightMax;
    while (this.#channel !== undefined && !this.#blocked && this.#drained
      && this.#sent.size < inFlightMax && this.#sentBytes < IN_FLIGHT_BYTES_MAX) {
      const entry = this.#waiting.first;
      if (entry === undefined || (!entry.settled && !this.#send(this.#channel, entry))) return;
      this.#waiting.shift();
    }
  }

  /** False when the channel is closing: the message stays where it is, for the next. */
  #send(channel: ConfirmChannel, entry: Entry): boolean {
    const { exchange, routingKey, body } = entry.message;
    // The package wants a Buffer; this is one over the same bytes.
    const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    entry.returned = undefined;
    try {
      this.#drained = channel.publish(exchange, routingKey, content, propertiesOf(entry));
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'IllegalOperationError') return false;
      entry.settle(new ComputeError('PUBLISH_FAILED', 'a message could not be put into bytes',
        { cause, details: { reason: 'malformed' } }));
      return true;
    }
    this.#sent.set(this.#nextTag++, entry);
    this.#sentBytes += body.length;
    return true;
  }

  #settleIdle(): void {
    if (this.pending > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function propertiesOf({ message, messageId }: Entry): Parameters<ConfirmChannel['publish']>[3] {
  const { contentType, headers, timestampS, expirationMs } = message;
  return {
    mandatory: true, persistent: true, messageId,
    ...contentType === undefined ? {} : { contentType, contentEncoding: 'utf-8' },
    ...headers === undefined ? {} : { headers },
    ...timestampS === undefined ? {} : { timestamp: timestampS },
    ...expirationMs === undefined ? {} : { expiration: String(expirationMs) },
  };
}

function failureOf({ message, returned }: Entry): ComputeError {
  const { exchange, routingKey } = message;
  const reason = returned === undefined ? 'refused' : 'unroutable';
  const text = returned === undefined
    ? `the broker did not take a message for ${routingKey}: its queue is full, or cannot be written`
    : `no queue takes messages for ${routingKey}`;
  return new ComputeError('PUBLISH_FAILED', text, { details: { reason, exchange, routingKey } });
}
