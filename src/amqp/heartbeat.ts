// Status reports, of an endpoint or of what starts endpoints: one at each connection to the broker, which is how the
// service learns that we are here, one each period, and a last one that says that we go.

import type { Clock } from '../common/clock.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Connection, Session } from './connection.ts';
import { encodeMessage } from './messages.ts';
import type { Publisher } from './publisher.ts';

export interface HeartbeatDeps {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly log: Logger;
  readonly clock: Clock;
  readonly report: () => JsonObject;
  /** The one that says that we go. */
  readonly lastReport: () => JsonObject;
  /** After each periodic report, while there is a connection. */
  readonly onBeat?: () => void;
  readonly onConnected?: () => void;
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
    this.#ends = [clock.every(this.#config.periodS * 1000, () => this.#beat()), connection.attach(this)];
  }

  onOpen(): void {
    this.#deps.onConnected?.();
    void this.#send(this.#deps.report(), this.#config.periodS * 1000);
  }

  onLost(): void { /* the next connection brings the next report */ }

  onEnd(): void { /* whoever reads a queue hears of it as well */ }

  /** Says that we go; waits for the broker to have it, so long and no longer. Whether it has. */
  async close(waitMs: number): Promise<boolean> {
    for (const end of this.#ends.splice(0)) end();
    this.#sending = false;
    return await this.#send(this.#deps.lastReport(), waitMs);
  }

  #beat(): void {
    if (!this.#deps.connection.isOpen) return;
    void this.#send(this.#deps.report(), this.#config.periodS * 1000);
    this.#deps.onBeat?.();
  }

  /** One at a time: reports that wait for a broker are worth nothing when it comes. */
  async #send(state: JsonObject, waitMs: number): Promise<boolean> {
    if (this.#sending) return false;
    this.#sending = true;
    const { endpointId, exchange, routingKey } = this.#config;
    const body = encodeMessage({ type: 'ep_status_report', endpointId, state, taskStatuses: {} });
    const enough = new AbortController();
    void this.#deps.clock.sleep(waitMs, enough.signal).then(() => enough.abort());
    try {
      await this.#deps.publisher.publish({ exchange, routingKey, body }, enough.signal);
      return true;
    } catch (err) {
      this.#deps.log.debug({ err }, 'report was not sent');
      return false;
    } finally {
      enough.abort();
      this.#sending = false;
    }
  }
}
