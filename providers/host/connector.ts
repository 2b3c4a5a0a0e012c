// Keeps one connection to a login node: opened when it is first needed, opened again when it broke. A host that does
// not answer is tried again and again, more and more slowly; one that refuses us is left alone for long, because sites
// lock out whoever knocks too often.

import type { Clock } from '../../src/common/clock.ts';
import type { ComputeError } from '../../src/common/errors.ts';
import type { SshChannel } from './channel.ts';
import { routeOf, type Surroundings } from './route.ts';
import { connect, type SshConnection } from './ssh.ts';
import { isSsh, notConnected, sshFailure } from './ssh-failures.ts';

const RETRY_MS = { first: 500, most: 30_000 };
const REFUSED_MS = { first: 30_000, most: 600_000 };

export interface ConnectorDeps {
  readonly clock: Clock;
  readonly here: Surroundings;
}

export class Connector {
  readonly #channel: SshChannel;
  readonly #deps: ConnectorDeps;
  readonly #closing = new AbortController();
  #connection: SshConnection | undefined;
  #opening: Promise<SshConnection> | undefined;
  /** Of the last attempt, until one succeeds. */
  #failure: ComputeError | undefined;
  #failures = 0;
  #notBeforeMs = -Infinity;

  constructor(channel: SshChannel, deps: ConnectorDeps) {
    this.#channel = channel;
    this.#deps = deps;
  }

  /** A connection that lives. Throws what is in the way: at once where somebody must change something, else in time. */
  async connected(signal: AbortSignal): Promise<SshConnection> {
    const { clock } = this.#deps;
    while (!signal.aborted && !this.#closing.signal.aborted) {
      if (this.#connection?.ended.aborted === false) return this.#connection;
      const restMs = this.#notBeforeMs - clock.now();
      if (restMs > 0) {
        if (this.#failure !== undefined && isSsh(this.#failure, 'refused')) throw this.#failure;
        await clock.sleep(restMs, AbortSignal.any([signal, this.#closing.signal]));
        continue;
      }
      this.#opening ??= this.#open().finally(() => { this.#opening = undefined; });
      const opened = await orAbort(this.#opening.catch((error: unknown) => error), signal);
      if (isSsh(opened, 'refused')) throw opened;
    }
    const name = this.#channel.hostname;
    if (this.#closing.signal.aborted) {
      throw sshFailure(`the connection to ${name} was closed`, undefined, { started: false });
    }
    throw this.#failure ?? sshFailure(`no connection to ${name} in time`, undefined, { started: false });
  }

  /** Ends the connection, and attempts at one. Safe to call again. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening?.catch(() => { /* said to whoever waits for it */ });
    await this.#connection?.close();
  }

  async #open(): Promise<SshConnection> {
    try {
      this.#connection = await follow(this.#channel, this.#deps.here, this.#closing.signal);
      this.#failure = undefined;
      this.#failures = 0;
      return this.#connection;
    } catch (error) {
      this.#failure = notConnected(this.#channel.hostname, error);
      const { first, most } = isSsh(this.#failure, 'refused') ? REFUSED_MS : RETRY_MS;
      const ms = Math.min(most, first * 2 ** this.#failures) * (0.75 + Math.random() / 2);
      this.#failures += 1;
      this.#notBeforeMs = this.#deps.clock.now() + ms;
      throw this.#failure;
    }
  }
}

/** Hop by hop to the login node. The files that say how are read anew each time: they may have been put right. */
async function follow(channel: SshChannel, here: Surroundings, signal: AbortSignal): Promise<SshConnection> {
  let last: SshConnection | undefined;
  for (const hop of await routeOf(channel, here)) {
    const via = last;
    try {
      last = await connect(hop, via, signal);
    } catch (error) {
      await via?.close();
      throw error;
    }
    // A hop is of no use without the next, and the next not without it.
    if (via === undefined) continue;
    const next = last;
    next.ended.addEventListener('abort', () => void via.close(), { once: true });
    via.ended.addEventListener('abort', () => next.drop(), { once: true });
  }
  if (last === undefined) throw new Error('a route has a hop');
  return last;
}

async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const over = new AbortController();
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: over.signal });
    if (signal.aborted) resolve(undefined);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}
