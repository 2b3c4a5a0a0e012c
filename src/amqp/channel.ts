// One channel that is kept on a connection: opened on each new connection, and again when the broker closes it alone,
// which is how it refuses a single request.

import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { backOffMs } from './back-off.ts';
import type { Channel, ChannelModel, Connection, Session } from './connection.ts';

export interface ChannelUser<C extends Channel> {
  open(model: ChannelModel): Promise<C>;
  /** The channel is there. What this throws closes it, and another is tried. */
  onOpen(channel: C): Promise<void> | void;
  /** The channel is gone with all that was under way on it. BROKER_REFUSED: the broker did not like what was asked. */
  onLost(cause: ComputeError): void;
  onEnd(cause: ComputeError): void;
  onBlocked?(blocked: boolean): void;
}

export interface ChannelDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

const CLOSE_MS = 2_000;

/** The codes with which a broker closes a channel because of what was asked on it, and would do so again. */
const REFUSALS: ReadonlySet<unknown> = new Set([311, 403, 404, 405, 406, 540]);

export class KeptChannel<C extends Channel> implements Session {
  readonly #connection: Connection;
  readonly #user: ChannelUser<C>;
  readonly #deps: ChannelDeps;
  readonly #closing = new AbortController();
  #channel: C | undefined;
  #model: ChannelModel | undefined;
  #opening: Promise<void> = Promise.resolve();
  #attempt = 0;
  #detach: (() => void) | undefined;

  constructor(connection: Connection, user: ChannelUser<C>, deps: ChannelDeps) {
    this.#connection = connection;
    this.#user = user;
    this.#deps = deps;
  }

  get channel(): C | undefined {
    return this.#channel;
  }

  start(): void {
    this.#detach ??= this.#connection.attach(this);
  }

  onOpen(model: ChannelModel): void {
    this.#model = model;
    this.#attempt = 0;
    this.#opening = this.#open(model);
  }

  onLost(cause: ComputeError): void {
    this.#model = undefined;
    this.#lose(cause);
  }

  onEnd(cause: ComputeError): void {
    this.#user.onEnd(cause);
  }

  onBlocked(blocked: boolean): void {
    this.#user.onBlocked?.(blocked);
  }

  /** Closes the channel in order. Safe to call twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#detach?.();
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined) {
      const closed = channel.close().catch(() => { /* it was closed in the same moment from the other end */ });
      await Promise.race([closed, this.#deps.clock.sleep(CLOSE_MS)]);
    }
    await this.#opening;
  }

  async #open(model: ChannelModel): Promise<void> {
    const { log } = this.#deps;
    let channel: C;
    try {
      channel = await this.#user.open(model);
    } catch {
      return; // the connection broke meanwhile: the next one opens a channel
    }
    if (this.#model !== model || this.#closing.signal.aborted) {
      await channel.close().catch(() => { /* gone with its connection */ });
      return;
    }
    let reason: unknown;
    channel.on('error', (err) => { reason = err; });
    channel.on('close', () => {
      if (this.#model !== model || this.#closing.signal.aborted) return;
      this.#lose(lossOf(reason, this.#connection.shown));
      this.#opening = this.#again(model);
    });
    this.#channel = channel;
    try {
      await this.#user.onOpen(channel);
      this.#attempt = 0;
    } catch (err) {
      log.debug({ err }, 'channel was not set up');
      await channel.close().catch(() => { /* what failed has closed it already */ });
    }
  }

  async #again(model: ChannelModel): Promise<void> {
    await this.#deps.clock.sleep(backOffMs(this.#attempt++), this.#closing.signal);
    if (this.#model === model && !this.#closing.signal.aborted) await this.#open(model);
  }

  #lose(cause: ComputeError): void {
    if (this.#channel === undefined) return;
    this.#channel = undefined;
    this.#user.onLost(cause);
  }
}

function lossOf(cause: unknown, shown: string): ComputeError {
  const code = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return REFUSALS.has(code)
    ? new ComputeError('BROKER_REFUSED', `the broker at ${shown} refused a request`, { cause, details: { code } })
    : new ComputeError('BROKER_UNREACHABLE', `the broker at ${shown} closed a channel`, { cause });
}
