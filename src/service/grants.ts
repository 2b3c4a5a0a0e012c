// Who may do what at the broker: an endpoint reads its own two queues and publishes under its own two routing keys; a
// user of the SDK reads the result streams of its own task groups. Nobody but the service declares, binds or deletes.

import { createHmac, randomBytes } from 'node:crypto';
import { HEARTBEATS, heartbeatKey, resultKey, RESULTS, streamPrefix } from '../amqp/names.ts';
import { endpointQueues, registeredQueues, type EndpointQueues, type RegisteredQueues } from '../amqp/queue-info.ts';
import { brokerUrl } from '../amqp/url.ts';
import type { BrokerAdmin, Rights } from './broker-admin.ts';

export interface GrantOptions {
  /** The broker as others reach it, without a user. */
  readonly publicUrl: string;
  readonly secret: Uint8Array;
}

export interface StreamAccess {
  /** The SDK puts a task group's id behind it. */
  readonly queuePrefix: string;
  readonly connectionUrl: string;
}

/** A user's processes all share one password, and each asks for it before it connects. */
const STREAM_PASSWORD_MS = 60 * 60_000;
/** Of each kind, so many are remembered. */
const GRANTED_MAX = 20_000;
const UUID = '[0-9a-f-]{36}';

export class Grants {
  readonly #admin: BrokerAdmin;
  readonly #options: GrantOptions;
  readonly #endpoints = new Map<string, Promise<void>>();
  readonly #streams = new Map<string, { readonly untilMs: number; readonly access: Promise<StreamAccess> }>();

  constructor(admin: BrokerAdmin, options: GrantOptions) {
    this.#admin = admin;
    this.#options = options;
  }

  /** For the answer to a registration. `salt` as in `child`. */
  async manager(endpointId: string, salt: string): Promise<RegisteredQueues> {
    const rights = endpointRights(endpointId, '(tasks|commands)');
    return registeredQueues(endpointId, await this.#endpoint(endpointId, salt, rights));
  }

  /**
   * For a start command. The same id and salt get the same password again, so that an agent that runs is not cut off;
   * a new salt, after `withdraw`, gets another. The salt is no secret; it is stored with the endpoint.
   */
  async child(endpointId: string, salt: string): Promise<EndpointQueues> {
    return endpointQueues(endpointId, await this.#endpoint(endpointId, salt, endpointRights(endpointId, 'tasks')));
  }

  /** A salt for a new endpoint, or for one whose credentials were withdrawn. */
  freshSalt(): string {
    return randomBytes(16).toString('hex');
  }

  /** The endpoint's user is gone, its connections are closed, and its next attempt is refused. */
  async withdraw(endpointId: string): Promise<void> {
    for (const key of this.#endpoints.keys()) if (key.startsWith(`${endpointId} `)) this.#endpoints.delete(key);
    await this.#admin.withdraw(endpointUser(endpointId));
  }

  /** Open connections stay when the password changes, which it does every hour. */
  stream(identityId: string, nowMs: number): Promise<StreamAccess> {
    const known = this.#streams.get(identityId);
    if (known !== undefined && nowMs < known.untilMs) return known.access;
    const access = this.#grantStream(identityId);
    this.#streams.set(identityId, { untilMs: nowMs + STREAM_PASSWORD_MS, access });
    forgetOldest(this.#streams);
    access.catch(() => this.#streams.delete(identityId));
    return access;
  }

  async withdrawStream(identityId: string): Promise<void> {
    this.#streams.delete(identityId);
    await this.#admin.withdraw(streamUser(identityId));
  }

  /** What was granted is granted again when next asked for: the broker may have lost it. */
  forget(): void {
    this.#endpoints.clear();
    this.#streams.clear();
  }

  async #endpoint(endpointId: string, salt: string, rights: Rights): Promise<string> {
    const username = endpointUser(endpointId);
    const password = createHmac('sha256', this.#options.secret).update(`endpoint ${endpointId} ${salt}`)
      .digest('base64url');
    const key = `${endpointId} ${salt}`;
    let granted = this.#endpoints.get(key);
    if (granted === undefined) {
      granted = this.#admin.grant(username, password, rights);
      this.#endpoints.set(key, granted);
      forgetOldest(this.#endpoints);
      granted.catch(() => this.#endpoints.delete(key));
    }
    await granted;
    return brokerUrl(this.#options.publicUrl, { username, password });
  }

  async #grantStream(identityId: string): Promise<StreamAccess> {
    const username = streamUser(identityId);
    const password = randomBytes(32).toString('base64url');
    await this.#admin.grant(username, password, streamRights(identityId));
    return {
      queuePrefix: streamPrefix(identityId),
      connectionUrl: brokerUrl(this.#options.publicUrl, { username, password }),
    };
  }
}

/** What was forgotten is granted again, which changes nothing but an SDK's password. */
function forgetOldest(granted: Map<string, unknown>): void {
  const [oldest] = granted.keys();
  if (granted.size > GRANTED_MAX && oldest !== undefined) granted.delete(oldest);
}

function endpointUser(endpointId: string): string {
  return `endpoint.${endpointId}`;
}

function streamUser(identityId: string): string {
  return `identity.${identityId}`;
}

/** Purging and getting count as reading, so these rights have to end at the endpoint's own `queues`. */
function endpointRights(endpointId: string, queues: 'tasks' | '(tasks|commands)'): Rights {
  return {
    read: `^${literal(endpointId)}\\.${queues}$`,
    write: `^(${RESULTS}|${HEARTBEATS})$`,
    topics: {
      [RESULTS]: `^${literal(resultKey(endpointId))}(\\.${UUID})?$`,
      [HEARTBEATS]: `^${literal(heartbeatKey(endpointId))}$`,
    },
    connectionsMax: 16, channelsMax: 64,
  };
}

function streamRights(identityId: string): Rights {
  return {
    read: `^${literal(streamPrefix(identityId))}`, write: '^$', topics: {}, connectionsMax: 256, channelsMax: 512,
  };
}

function literal(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, '\\$&');
}
