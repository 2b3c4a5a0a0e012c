// Tells a user, through the service, why there is no user endpoint: as a report of that endpoint, with its credentials,
// over a connection that lasts as long as that takes. The service answers the waiting request with it.

import { Connection } from '../amqp/connection.ts';
import { encodeMessage } from '../amqp/messages.ts';
import { Publisher } from '../amqp/publisher.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { Notice } from './commands.ts';

export interface NoticesDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** In the place of the port in the broker's URLs. */
  readonly port: number | null;
}

const AT_ONCE = 8;
/** Who asks gives up after less than a minute, and who asks in vain asks again. */
const WAITING_MAX = 256;
const TIMEOUT_MS = 20_000;
const TEXT_CHARS_MAX = 8_000;
/** The field's: a report without a next one. */
const PERIOD_S = 3;

export class Notices {
  readonly #deps: NoticesDeps;
  readonly #waiting: Notice[] = [];
  readonly #sending = new Set<Promise<void>>();

  constructor(deps: NoticesDeps) {
    this.#deps = deps;
  }

  /** Returns at once. */
  send(notice: Notice): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#deps.log.warn({ endpoint: notice.endpointId }, 'notice was not sent: too many wait');
      return;
    }
    this.#waiting.push(notice);
    this.#next();
  }

  /** Sends what waits, for so long. */
  async close(withinMs: number): Promise<void> {
    const enough = new AbortController();
    const all = async (): Promise<void> => {
      while (this.#sending.size > 0) await Promise.all(this.#sending);
    };
    await Promise.race([all(), this.#deps.clock.sleep(withinMs, enough.signal)]);
    enough.abort();
    this.#waiting.length = 0;
  }

  #next(): void {
    while (this.#sending.size < AT_ONCE) {
      const notice = this.#waiting.shift();
      if (notice === undefined) return;
      const sending = this.#publish(notice).finally(() => {
        this.#sending.delete(sending);
        this.#next();
      });
      this.#sending.add(sending);
    }
  }

  async #publish({ endpointId, heartbeats, text }: Notice): Promise<void> {
    const { log, clock, port } = this.#deps;
    const enough = new AbortController();
    void clock.sleep(TIMEOUT_MS, enough.signal).then(() => enough.abort());
    let connection: Connection | undefined;
    let publisher: Publisher | undefined;
    try {
      const url = withPort(heartbeats.connection_url, port);
      connection = new Connection({ url, name: `notice of ${endpointId}`, patienceMs: TIMEOUT_MS }, this.#deps);
      await Promise.race([connection.open(), aborted(enough.signal)]);
      publisher = new Publisher(connection, this.#deps);
      const { exchange, routing_key: routingKey } = heartbeats.queue_publish_kwargs;
      const state = { error: text.slice(0, TEXT_CHARS_MAX), heartbeat_period: PERIOD_S };
      const body = encodeMessage({ type: 'ep_status_report', endpointId, state, taskStatuses: {} });
      await publisher.publish({ exchange, routingKey, body }, enough.signal);
      log.debug({ endpoint: endpointId }, 'notice was sent');
    } catch (err) {
      log.warn({ err, endpoint: endpointId }, 'Unable to send user endpoint start up failure');
    } finally {
      enough.abort();
      await publisher?.close(0);
      await connection?.close();
    }
  }
}

/** Where a site lets connections out by one port alone. */
export function withPort(url: string, port: number | null): string {
  if (port === null) return url;
  const to = new URL(url);
  to.port = String(port);
  return to.href;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the broker did not answer in time')), { once: true });
  });
}
