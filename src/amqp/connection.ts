// One connection to the broker that is kept: opened, watched, and opened again when it breaks.

import { connect, type ChannelModel } from 'amqplib';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { backOffMs } from './back-off.ts';
import { connectFailure } from './connect-failure.ts';
import { parseBrokerUrl, type BrokerAddress } from './url.ts';

// For the files of this room alone: publishers and consumers speak on channels.
export type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';

export interface ConnectionOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps`. Secret: it is never logged as a whole. */
  readonly url: string;
  /** What the broker's list of connections shows. */
  readonly name: string;
  /** How often each side says that it is there; twice that in silence is a loss. Default 10 s. */
  readonly heartbeatS?: number;
  /** How long one attempt may take, from the first packet to an open connection. Default 10 s. */
  readonly handshakeMs?: number;
  /** How long `open` goes on trying when nothing answers: 0, the default, is one attempt. */
  readonly patienceMs?: number;
  /** A certificate authority beside the usual ones, in PEM. */
  readonly ca?: string;
}

export interface ConnectionDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/** What lives on a connection and has to be set up again on each new one. None of these may throw. */
export interface Session {
  onOpen(model: ChannelModel): void;
  /** The connection broke; another will be opened. */
  onLost(cause: ComputeError): void;
  /** There will be no other connection: the broker refuses us for good, or we closed. */
  onEnd(cause: ComputeError): void;
  /** The broker takes no messages for now (`blocked`), or does again. */
  onBlocked?(blocked: boolean): void;
}

const HEARTBEAT_S = 10;
const HANDSHAKE_MS = 10_000;
const CLOSE_MS = 2_000;
/** A connection that lasted this long proves the broker well: the next attempt starts without a wait. */
const STABLE_MS = 10_000;

/**
 * A broker that let us in before and now does not may be starting, with its users or virtual hosts not yet there.
 * After so many refusals in a row it is believed.
 */
const REFUSALS_MAX = 3;

/**
 * Opens with `open`, reconnects by itself until `close`. A broker that blocks a connection stops reading from it
 * altogether, acknowledgements included: publish on one connection and consume on another.
 */
export class Connection implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #address: BrokerAddress;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #sessions = new Set<Session>();
  readonly #closing = new AbortController();
  #model: ChannelModel | undefined;
  /** Ends the present connection's socket, whatever it is doing. */
  #cut: AbortController | undefined;
  #blocked = false;
  #running: Promise<void> | undefined;
  #ended: ComputeError | undefined;

  constructor(options: ConnectionOptions, { log, clock }: ConnectionDeps) {
    this.#options = options;
    this.#address = parseBrokerUrl(options.url);
    this.#log = log.child({ broker: this.#address.shown, connection: options.name });
    this.#clock = clock;
  }

  /** Where this leads, without the password. */
  get shown(): string {
    return this.#address.shown;
  }

  get isOpen(): boolean {
    return this.#model !== undefined;
  }

  /** The broker has said that it takes no messages: it is out of memory or disk. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Why there will be no connection any more, once that is so. */
  get ended(): ComputeError | undefined {
    return this.#ended;
  }

  /**
   * Resolves with the first connection. Rejects with BROKER_REFUSED when the broker knows these credentials or this
   * virtual host not, and with BROKER_UNREACHABLE when nothing answered within `patienceMs`.
   */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running ??= this.#run(resolve, reject);
    });
  }

  /** Sets `session` up on the connection that there is, and on all that follow. */
  attach(session: Session): () => void {
    this.#sessions.add(session);
    if (this.#ended !== undefined) session.onEnd(this.#ended);
    else if (this.#model !== undefined) {
      if (this.#blocked) session.onBlocked?.(true);
      session.onOpen(this.#model);
    }
    return () => this.#sessions.delete(session);
  }

  /** In order, within some seconds; what hangs is cut off. Safe to call twice. */
  async close(): Promise<void> {
    this.#end(new ComputeError('BROKER_UNREACHABLE', `the connection to ${this.shown} was closed`));
    this.#closing.abort();
    const model = this.#model;
    if (model !== undefined) {
      const closed = model.close().catch(() => { /* it broke in the same moment, which closes it as well */ });
      await Promise.race([closed, this.#clock.sleep(CLOSE_MS)]);
    }
    this.#cut?.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(opened: () => void, failed: (error: ComputeError) => void): Promise<void> {
    const patientUntil = this.#clock.now() + (this.#options.patienceMs ?? 0);
    let everOpen = false;
    let refusals = 0;
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      const since = this.#clock.now();
      const lost = await this.#once(() => {
        everOpen = true;
        refusals = 0;
        opened();
      });
      if (this.#closing.signal.aborted) break;
      if (lost.code === 'BROKER_REFUSED') refusals++;
      const outOfPatience = !everOpen && this.#clock.now() >= patientUntil;
      if (refusals >= (everOpen ? REFUSALS_MAX : 1) || outOfPatience) {
        this.#end(lost);
        failed(lost);
        return;
      }
      if (everOpen && this.#clock.now() - since > STABLE_MS) attempt = 0;
      const ms = backOffMs(attempt);
      // A broker that is away for a night must not fill the log.
      const level = Number.isInteger(Math.log2(attempt + 1)) ? 'warn' : 'debug';
      this.#log[level]({ err: lost, attempt: attempt + 1, ms: Math.round(ms) }, 'broker was not there, trying again');
      await this.#clock.sleep(ms, this.#closing.signal);
    }
    failed(this.#ended ?? new ComputeError('BROKER_UNREACHABLE', `the connection to ${this.shown} was closed`));
  }

  /** One connection from its attempt to its end; what ended it. */
  async #once(onOpen: () => void): Promise<ComputeError> {
    const cut = new AbortController();
    this.#cut = cut;
    let model: ChannelModel;
    try {
      model = await this.#handshake(cut);
      // Cut off in the same moment, it will report no end.
      cut.signal.throwIfAborted();
    } catch (cause) {
      return connectFailure(cause, this.#address);
    }
    return new Promise((resolve) => {
      let reason: unknown;
      model.on('error', (err) => { reason = err; });
      model.on('close', (err) => {
        const lost = this.#lossOf(reason ?? err);
        this.#model = undefined;
        // The other end may be standing still, and then would not hear that we end the connection in order.
        cut.abort();
        this.#setBlocked(false);
        for (const session of this.#sessions) session.onLost(lost);
        resolve(lost);
      });
      model.on('blocked', (why) => {
        this.#log.warn({ why }, 'broker blocked publishing');
        this.#setBlocked(true);
      });
      model.on('unblocked', () => {
        this.#log.info('broker takes messages again');
        this.#setBlocked(false);
      });
      this.#model = model;
      this.#log.info('broker connected');
      onOpen();
      for (const session of this.#sessions) session.onOpen(model);
    });
  }

  async #handshake(cut: AbortController): Promise<ChannelModel> {
    const ms = this.#options.handshakeMs ?? HANDSHAKE_MS;
    const { protocol, hostname, port, username, password, vhost } = this.#address;
    const to = { protocol, hostname, port, username, password, vhost: encodeURIComponent(vhost) };
    const socketOptions = {
      // Without it small writes wait for the acknowledgement of the previous packet: 44 ms a confirm.
      noDelay: true,
      keepAlive: true,
      signal: cut.signal,
      clientProperties: { connection_name: this.#options.name },
      ...this.#options.ca === undefined ? {} : { ca: this.#options.ca },
    };
    // A broker that is stopped still has its connections accepted, by the kernel: only a deadline of ours ends that.
    const timer = setTimeout(() => cut.abort(), ms);
    try {
      return await connect({ ...to, heartbeat: this.#options.heartbeatS ?? HEARTBEAT_S }, socketOptions);
    } finally {
      clearTimeout(timer);
    }
  }

  #lossOf(cause: unknown): ComputeError {
    return new ComputeError('BROKER_UNREACHABLE', `the connection to ${this.shown} broke`, { cause });
  }

  #setBlocked(blocked: boolean): void {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    for (const session of this.#sessions) session.onBlocked?.(blocked);
  }

  #end(cause: ComputeError): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    for (const session of this.#sessions) session.onEnd(cause);
  }
}
