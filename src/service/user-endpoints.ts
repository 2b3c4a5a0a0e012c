// A manager's user endpoints: one for each user, configuration and version of Python, started when there are tasks.

import { userEndpointName } from '../amqp/start-command.ts';
import type { Clock } from '../common/clock.ts';
import { formatJson, isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Courier } from './courier.ts';
import type { Grants } from './grants.ts';
import { idOf } from './ids.ts';
import type { Presence, Sign } from './presence.ts';
import { Refusal } from './refusal.ts';
import type { Store } from './store.ts';
import type { StoredEndpoint, UserEndpoint } from './store/endpoints.ts';
import type { Identity } from './store/identities.ts';

export interface UserEndpointDeps {
  readonly store: Store;
  readonly courier: Courier;
  readonly grants: Grants;
  readonly presence: Presence;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What decides which user endpoint a submission goes to. */
export interface Wish {
  readonly identity: Identity;
  readonly options: JsonObject;
  readonly runtime: JsonObject;
}

/** Clients give up after 60 s and ask again: they must have their answer before that. */
const CHECK_IN_MS = 40_000;
/** A running endpoint is told again, and so started again should it just be about to end: managers remember 30 s. */
const REMIND_MS = 5_000;

export class UserEndpoints {
  readonly #deps: UserEndpointDeps;
  readonly #told = new Map<string, number>();

  constructor(deps: UserEndpointDeps) {
    this.#deps = deps;
  }

  /**
   * The id of the user endpoint that serves this wish. It has checked in, or will find its tasks when it does. 422 with
   * the endpoint's own words when it could not start.
   */
  async target(manager: StoredEndpoint, wish: Wish): Promise<string> {
    const { presence, clock, courier, store, grants } = this.#deps;
    const id = childId(manager.id, wish);
    const known = await store.endpoints.child(id);
    const child = known ?? {
      id, manager: manager.id, identity: wish.identity.id, options: formatJson(wish.options),
      runtime: formatJson(wish.runtime), salt: grants.freshSalt(),
    };
    if (known === undefined) await store.endpoints.addChild(child, clock.now() / 1000);
    await courier.declareTasks(id);
    const nowS = clock.now() / 1000;
    if (presence.isOnline(id, nowS)) await this.#tell(child, wish.identity);
    // A manager that is away gets the order when it comes back; until then the tasks wait.
    else if (presence.isOnline(manager.id, nowS)) await this.#started(child, wish.identity);
    return id;
  }

  /** Where tasks wait, somebody has to be started. */
  async onSign(id: string, sign: Sign, wasOnline: boolean): Promise<void> {
    const { store, presence, clock } = this.#deps;
    const isManagersReturn = sign.type === 'online' && !wasOnline;
    if (isManagersReturn) {
      for (const child of await store.endpoints.children(id)) await this.#revive(child);
    } else if (sign.type === 'offline') {
      const child = await store.endpoints.child(id);
      if (child !== undefined && presence.isOnline(child.manager, clock.now() / 1000)) await this.#revive(child);
    }
  }

  async #revive(child: UserEndpoint): Promise<void> {
    const { store, presence, clock } = this.#deps;
    if (presence.isOnline(child.id, clock.now() / 1000) || !await store.results.hasOpenTasks(child.id)) return;
    const identity = await store.identities.byId(child.identity);
    if (identity !== undefined) await this.#tell(child, identity, true);
  }

  async #started(child: UserEndpoint, identity: Identity): Promise<void> {
    const enough = new AbortController();
    const sign = this.#deps.presence.next(child.id, enough.signal);
    try {
      await this.#tell(child, identity);
      await Promise.race([sign, this.#deps.clock.sleep(CHECK_IN_MS, enough.signal)]);
    } finally {
      enough.abort();
    }
    const came = await sign;
    if (came?.type !== 'error') return;
    throw new Refusal('SEMANTICALLY_INVALID', `Request payload failed validation: ${came.text}`, [child.manager]);
  }

  async #tell(child: UserEndpoint, identity: Identity, again = false): Promise<void> {
    const { courier, grants, clock, log } = this.#deps;
    const now = clock.now();
    if (!again && now - (this.#told.get(child.id) ?? -Infinity) < REMIND_MS) return;
    this.#told.set(child.id, now);
    const { id, manager, salt } = child;
    await courier.declareCommands(manager);
    await courier.publishCommand(manager, {
      username: identity.username, effectiveIdentity: identity.id, identitySet: [identityDocument(identity)],
      name: userEndpointName(manager, id), endpointId: id, args: [], queues: await grants.child(id, salt),
      userOptions: objectIn(child.options), userRuntime: objectIn(child.runtime),
    });
    log.debug({ endpoint: manager, child: id }, 'start command was sent');
  }
}

/** All that managers' mapping rules may ask for. */
export function identityDocument({ id, username, fullName, email }: Identity): JsonObject & {
  readonly sub: string; readonly id: string; readonly username: string;
} {
  return {
    sub: id, id, username, email, name: fullName, organization: null, identity_provider: null,
    identity_provider_display_name: 'Switchyard', identity_type: 'login', status: 'used',
  };
}

/**
 * The same for the same user, options, Python and SDK. What tells one computer of a user from another is left out: all
 * of them share an endpoint.
 */
export function childId(manager: string, { identity, options, runtime }: Wish): string {
  const python = isJsonObject(runtime['python']) ? runtime['python']['version_tuple'] : runtime['python_version'];
  const sdk = runtime['globus_compute_sdk_version'];
  return idOf({ manager, identity: identity.id, options, python: python ?? null, sdk: sdk ?? null });
}

function objectIn(text: string): JsonObject {
  const value: Json = parseJson(text);
  return isJsonObject(value) ? value : {};
}
