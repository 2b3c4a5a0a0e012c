// The broker's management API: users and what they may. Everything here may be repeated without harm.

import { parseBrokerUrl } from '../amqp/url.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { invalid } from '../common/schema.ts';

export interface BrokerDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/** Three patterns on names of queues and exchanges, and of routing keys where an exchange has topics. */
export interface Rights {
  readonly write: string;
  readonly read: string;
  /** Which routing keys may be published, by exchange. */
  readonly topics: Readonly<Record<string, string>>;
  readonly connectionsMax: number;
  readonly channelsMax: number;
}

const REQUEST_MS = 10_000;
const CLOSE_TRIES = 10;
const CLOSE_PAUSE_MS = 100;
/** No name matches it. */
const NOTHING = '^$';

export class BrokerAdmin {
  readonly #base: URL;
  readonly #authorization: string;
  readonly #vhost: string;
  readonly #log: BrokerDeps['log'];
  readonly #clock: BrokerDeps['clock'];

  constructor(managementUrl: string, brokerUrl: string, { log, clock }: BrokerDeps) {
    const url = parseManagementUrl(managementUrl);
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    this.#authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    url.username = '';
    url.password = '';
    this.#base = url;
    this.#vhost = encodeURIComponent(parseBrokerUrl(brokerUrl).vhost);
    this.#log = log;
    this.#clock = clock;
  }

  /** Makes sure that the API answers and that we may use it. */
  async check(): Promise<void> {
    // Only an administrator may list users' rights.
    await this.#request('GET', `vhosts/${this.#vhost}/permissions`);
  }

  /** Makes the user, or changes the password of the one that is there; then gives exactly these rights. */
  async grant(username: string, password: string, rights: Rights): Promise<void> {
    const user = encodeURIComponent(username);
    const { write, read, topics, connectionsMax, channelsMax } = rights;
    await this.#request('PUT', `users/${user}`, { password, tags: '' });
    await Promise.all([
      ...Object.entries(topics).map(([exchange, pattern]) => this.#request(
        'PUT', `topic-permissions/${this.#vhost}/${user}`, { exchange, write: pattern, read: NOTHING },
      )),
      this.#request('PUT', `user-limits/${user}/max-connections`, { value: connectionsMax }),
      this.#request('PUT', `user-limits/${user}/max-channels`, { value: channelsMax }),
    ]);
    // Last: a user is let in only with all of its limits in place.
    await this.#request('PUT', `permissions/${this.#vhost}/${user}`, { configure: NOTHING, write, read });
  }

  /** Deletes the user and closes its connections. */
  async withdraw(username: string): Promise<void> {
    const user = encodeURIComponent(username);
    await this.#request('DELETE', `users/${user}`, undefined, [404]);
    // The broker closes them by itself as well, and fails to when both happen at once.
    for (let left = CLOSE_TRIES; ; left--) {
      try {
        await this.#request('DELETE', `connections/username/${user}`, undefined, [404]);
        break;
      } catch (error) {
        if (left === 0 || !(error instanceof ComputeError) || error.details['status'] !== 500) throw error;
        await this.#clock.sleep(CLOSE_PAUSE_MS);
      }
    }
    this.#log.info({ user: username }, 'broker user withdrawn');
  }

  async #request(
    method: string, path: string, body?: Readonly<Record<string, unknown>>, alsoFine: readonly number[] = [],
  ): Promise<void> {
    let status: number;
    try {
      const response = await fetch(new URL(`api/${path}`, this.#base), {
        method,
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      status = response.status;
      await response.body?.cancel();
    } catch (cause) {
      throw new ComputeError('BROKER_UNREACHABLE', `the broker's management API at ${this.#base.host} does not answer; `
        + 'is the plugin enabled (rabbitmq-plugins enable rabbitmq_management)?', { cause });
    }
    if (status < 300 || alsoFine.includes(status)) return;
    const advice = status === 401 || status === 403
      ? ': the service needs a user there that is tagged administrator, and its password' : '';
    throw new ComputeError('BROKER_REFUSED', `the broker's management API at ${this.#base.host} answers ${status} to `
      + `${method} ${decodeURIComponent(path)}${advice}`, { details: { status } });
  }
}

function parseManagementUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.endsWith('/') ? text : `${text}/`);
  } catch {
    throw invalid(['management_url: not a URL; expected http://user:password@host:15672']);
  }
  if (!/^https?:$/.test(url.protocol)) throw invalid([`management_url: expected http or https, found ${url.protocol}`]);
  return url;
}
