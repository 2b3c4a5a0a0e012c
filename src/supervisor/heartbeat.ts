// Signs of life of the multi-user endpoint itself: at each connection to the broker, each period, and a last one that
// says that there will be no other.

import type { Connection, Session } from '../amqp/connection.ts';
import { encodeMessage } from '../amqp/messages.ts';
import type { Publisher } from '../amqp/publisher.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';

export interface HeartbeatDeps {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface HeartbeatConfig {
  readonly endpointId: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly periodS: number;
}

export class Heartbeat implements Session {
  readonly #deps: HeartbeatDeps;
  readonly #config: HeartbeatConfig;
  #sending = false;
  #ends: (() => void)[] = [];

  constructor(deps: HeartbeatDeps, config: HeartbeatConfig) {
    this.#deps = deps;
    this.#config = config;
  }

  start(): void {
    const { connection, clock } = this.#deps;
    const { periodS } = this.#config;
    this.#ends = [clock.every(periodS * 1000, () => this.#beat()), connection.attach(this)];
  }

  onOpen(): void {
    this.#beat();
  }

  onLost(): void { /* the next connection brings the next sign */ }

  onEnd(): void { /* whoever reads commands hears of it as well */ }

  /** Says that it goes; waits for the broker to have it, so long and no longer. */
  async close(waitMs: number): Promise<void> {
    if (this.#ends.length === 0) return;
    for (const end of this.#ends.splice(0)) end();
    this.#sending = false;
    const sent = await this.#send(0, waitMs);
    if (!sent) this.#deps.log.warn('Unable to send final heartbeat');
  }

  #beat(): void {
    const { periodS } = this.#config;
    if (this.#deps.connection.isOpen) void this.#send(periodS, periodS * 1000);
  }

  /** One at a time: signs that wait for a broker are worth nothing when it comes. */
  async #send(periodS: number, waitMs: number): Promise<boolean> {
    if (this.#sending) return false;
    this.#sending = true;
    const { endpointId, exchange, routingKey } = this.#config;
    const state = { heartbeat_period: periodS };
    const body = encodeMessage({ type: 'ep_status_report', endpointId, state, taskStatuses: {} });
    const enough = new AbortController();
    void this.#deps.clock.sleep(waitMs, enough.signal).then(() => enough.abort());
    try {
      await this.#deps.publisher.publish({ exchange, routingKey, body }, enough.signal);
      return true;
    } catch (err) {
      this.#deps.log.debug({ err }, 'heartbeat was not sent');
      return false;
    } finally {
      enough.abort();
      this.#sending = false;
    }
  }
}
