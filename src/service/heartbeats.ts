// Reports of endpoints → who is there.

import type { Delivery } from '../amqp/consumer.ts';
import { decodeMessage } from '../amqp/messages.ts';
import { publishedWith } from '../amqp/names.ts';
import type { Clock } from '../common/clock.ts';
import { isJsonObject, parseJson } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { Batcher, isAboutValues } from './batcher.ts';
import type { Presence } from './presence.ts';
import type { EndpointStore, StoredPresence } from './store/endpoints.ts';
import type { UserEndpoints } from './user-endpoints.ts';

export interface HeartbeatDeps {
  readonly store: EndpointStore;
  readonly presence: Presence;
  readonly userEndpoints: UserEndpoints;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Heartbeats {
  readonly #deps: HeartbeatDeps;
  readonly #writes: Batcher<StoredPresence, undefined>;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
    this.#writes = new Batcher({
      write: async (all) => {
        // Of two reports of one endpoint in one write, the later counts.
        await deps.store.putPresences([...new Map(all.map((one) => [one.id, one])).values()]);
        return all.map(() => undefined);
      },
      sizeOf: ({ report }) => report.length, itemsMax: 500, sizeMax: 4 * 1024 * 1024, isItemsFault: isAboutValues,
    });
  }

  /** What was known before the service was restarted. */
  async restore(): Promise<void> {
    for (const { id, seenS, untilS, report } of await this.#deps.store.presences()) {
      const state = parseJson(report);
      this.#deps.presence.restore(id, seenS, untilS, isJsonObject(state) ? state : {});
    }
  }

  onDelivery(delivery: Delivery): void {
    // One that is lost is followed by another: it is acknowledged before anything comes of it.
    delivery.ack();
    this.#take(delivery).catch((err: unknown) => this.#deps.log.warn({ err }, 'report could not be acted on'));
  }

  async close(): Promise<void> {
    await this.#writes.idle();
  }

  async #take({ body, routingKey }: Delivery): Promise<void> {
    const { presence, userEndpoints, clock, log } = this.#deps;
    const sender = publishedWith(routingKey)?.endpoint;
    const report = decodeMessage(body);
    if (report.type !== 'ep_status_report' || report.endpointId !== sender) {
      const why = report.type === 'refused' ? report.text : 'it is about another endpoint';
      log.warn({ endpoint: sender, why }, 'report could not be used');
      return;
    }
    const nowS = clock.now() / 1000;
    const wasOnline = presence.isOnline(sender, nowS);
    const { sign, stored } = presence.report(report, nowS);
    if (sign.type === 'error') log.info({ endpoint: sender, why: sign.text }, 'endpoint failed');
    await Promise.all([this.#writes.add(stored), userEndpoints.onSign(sender, sign, wasOnline)]);
  }
}
