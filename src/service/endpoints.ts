// Endpoints: what a registration makes of them, who may see and use them, and their end.

import type { RegisterEndpoint } from '../common/api.ts';
import type { RegisteredQueues } from '../amqp/queue-info.ts';
import type { Clock } from '../common/clock.ts';
import { formatJson, isJsonObject, parseJson, type JsonObject } from '../common/json.ts';
import { Cache } from './cache.ts';
import type { Courier } from './courier.ts';
import type { Grants } from './grants.ts';
import type { Ending } from './ending.ts';
import { isDerivedId, newId } from './ids.ts';
import type { Policies } from './policies.ts';
import type { Presence } from './presence.ts';
import { endpointNotFound, Refusal } from './refusal.ts';
import type { Store } from './store.ts';
import type { StoredEndpoint, UserEndpoint } from './store/endpoints.ts';

export interface EndpointDeps {
  readonly store: Store;
  readonly courier: Courier;
  readonly grants: Grants;
  readonly policies: Policies;
  readonly presence: Presence;
  readonly ending: Ending;
  readonly clock: Clock;
}

const CACHED = 10_000;
/** How long nobody can register under an id that was locked. */
const LOCK_S = 15 * 60;

export class Endpoints {
  readonly #deps: EndpointDeps;
  readonly #cache = new Cache<StoredEndpoint>(CACHED);

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
  }

  /** 404 for what `user` may not know of. Public is what is listed: whoever knows the id of one for many may use it. */
  async visible(id: string, user: string): Promise<StoredEndpoint> {
    const endpoint = await this.#find(id);
    const isKnown = endpoint !== undefined && (isAdmin(endpoint, user) || endpoint.isPublic || endpoint.multiUser);
    if (!isKnown) throw endpointNotFound(id);
    return endpoint;
  }

  /** `user`'s own user endpoint, or one below an endpoint of his. undefined for every other id, whatever it is. */
  async userEndpoint(id: string, user: string): Promise<UserEndpoint | undefined> {
    const child = isDerivedId(id) ? await this.#deps.store.endpoints.child(id) : undefined;
    if (child === undefined || child.identity === user) return child;
    const manager = await this.#find(child.manager);
    return manager !== undefined && isAdmin(manager, user) ? child : undefined;
  }

  /** Those that `user` may see below an endpoint: all of one's own endpoint, one's own below another's. */
  async userEndpoints(id: string, user: string): Promise<UserEndpoint[]> {
    const manager = await this.visible(id, user);
    const children = await this.#deps.store.endpoints.children(id);
    return isAdmin(manager, user) ? children : children.filter(({ identity }) => identity === user);
  }

  /** 404, or 403 where it is public and serves its owner only. */
  async usable(id: string, user: string): Promise<StoredEndpoint> {
    const endpoint = await this.visible(id, user);
    if (endpoint.owner === user || endpoint.multiUser) return endpoint;
    throw new Refusal('ENDPOINT_ACCESS_FORBIDDEN', `Endpoint ${id} serves its owner only`, [id]);
  }

  async owned(id: string, user: string): Promise<StoredEndpoint> {
    const endpoint = await this.visible(id, user);
    if (isAdmin(endpoint, user)) return endpoint;
    throw new Refusal('ENDPOINT_ACCESS_FORBIDDEN', `Endpoint ${id} belongs to somebody else`, [id]);
  }

  list(user: string, role: 'owner' | 'any'): Promise<StoredEndpoint[]> {
    return this.#deps.store.endpoints.list(role === 'owner' ? user : null);
  }

  /** `id`: the one that the agent has from an earlier registration, or has chosen. */
  async register(
    body: RegisterEndpoint, id: string | undefined, user: string,
  ): Promise<RegisteredQueues & { readonly endpoint_id: string }> {
    const { store, courier, grants, policies, presence, clock } = this.#deps;
    const nowMs = clock.now();
    const before = id === undefined ? undefined : await this.#find(id);
    if (before !== undefined) refuseChange(before, body, user, nowMs / 1000);
    else if (id !== undefined && isDerivedId(id)) throw isUserEndpoints(id);
    const policy = body.authentication_policy?.toLowerCase();
    if (policy !== undefined) await policies.checkNamed(policy, user, body.high_assurance ?? false);
    const endpoint = described(body, {
      id: id ?? newId(nowMs), owner: user, salt: before?.salt ?? grants.freshSalt(),
    });
    if (!await store.endpoints.put(endpoint, nowMs / 1000)) throw alreadyRegistered(endpoint.id);
    this.#cache.delete(endpoint.id);
    // A manager that begins again: its first report is its return, and what it started before has gone.
    if (endpoint.templated) presence.forget(endpoint.id);
    await Promise.all([courier.declareTasks(endpoint.id), courier.declareCommands(endpoint.id)]);
    return { endpoint_id: endpoint.id, ...await grants.manager(endpoint.id, endpoint.salt) };
  }

  /** Ends the agent that runs, and keeps others from registering for a while. When that ends, in seconds. */
  async lock(id: string, user: string): Promise<number> {
    const { id: owned } = await this.owned(id, user);
    const untilS = this.#deps.clock.now() / 1000 + LOCK_S;
    await this.#lock(owned, untilS);
    return untilS;
  }

  /** Lets one register again, from the time on that this resolves to. Credentials from before the lock stay void. */
  async unlock(id: string, user: string): Promise<number> {
    const { id: owned } = await this.owned(id, user);
    const nowS = this.#deps.clock.now() / 1000;
    await this.#deps.store.endpoints.unlock(owned, nowS);
    this.#cache.delete(owned);
    return nowS;
  }

  /** Their owner is gone: nothing of his runs any more, or comes back. */
  async closeAllOf(owner: string): Promise<void> {
    for (const { id } of await this.#deps.store.endpoints.list(owner)) await this.#lock(id, 0);
  }

  /** With new salts, so that no credentials from before are ever good again. */
  async #lock(id: string, untilS: number): Promise<void> {
    const { store, grants, ending } = this.#deps;
    await store.endpoints.lock(id, untilS, grants.freshSalt());
    this.#cache.delete(id);
    for (const child of await store.endpoints.children(id)) await ending.cutOff(child.id);
    await ending.cutOff(id);
  }

  /** With its queues and credentials; its tasks fail. */
  async remove(id: string, user: string): Promise<void> {
    const { store, ending } = this.#deps;
    await this.owned(id, user);
    // Read before the rows go, which they do with their manager's.
    const children = (await store.endpoints.children(id)).map((child) => child.id);
    await store.endpoints.remove(id);
    this.#cache.delete(id);
    for (const one of [id, ...children]) await ending.end(one, `Endpoint ${id} was deleted before the task ran`);
  }

  async #find(id: string): Promise<StoredEndpoint | undefined> {
    const known = this.#cache.get(id) ?? await this.#deps.store.endpoints.find(id);
    if (known !== undefined) this.#cache.set(id, known);
    return known;
  }
}

function isAdmin({ owner, admins }: StoredEndpoint, user: string): boolean {
  return owner === user || admins.includes(user);
}

function refuseChange(before: StoredEndpoint, body: RegisterEndpoint, user: string, nowS: number): void {
  const { id } = before;
  if (before.owner !== user) throw alreadyRegistered(id);
  if (before.lockedUntilS > nowS) {
    const seconds = Math.ceil(before.lockedUntilS - nowS);
    throw new Refusal('RESOURCE_LOCKED', `Endpoint ${id} is locked for ${seconds} s more`, [id]);
  }
  if (before.multiUser !== (body.multi_user ?? false) || before.highAssurance !== (body.high_assurance ?? false)) {
    throw new Refusal('RESOURCE_CONFLICT',
      `Endpoint ${id} was registered with another multi_user or high_assurance, which cannot be changed`, [id]);
  }
}

function alreadyRegistered(id: string): Refusal {
  return new Refusal('ENDPOINT_ALREADY_REGISTERED', `Endpoint ${id} was already registered by a different user`, [id]);
}

/** Said of every id of this kind, so that nobody learns which of them there are. */
function isUserEndpoints(id: string): Refusal {
  return new Refusal('RESOURCE_CONFLICT', `Endpoint ${id} cannot be registered: ids of version 8 are those of user `
    + 'endpoints, which the service makes itself. Choose another id, or leave it to the service', [id]);
}

function described(
  body: RegisterEndpoint, { id, owner, salt }: Pick<StoredEndpoint, 'id' | 'owner' | 'salt'>,
): StoredEndpoint {
  const { metadata, allowed_functions: allowed } = body;
  const template = metadata['user_config_template'];
  const multiUser = body.multi_user ?? false;
  return {
    id, owner, salt, name: body.endpoint_name, displayName: body.display_name ?? null, multiUser,
    // An agent that serves one user says so nowhere else: it has a template, as all of the field's have.
    templated: multiUser || (typeof template === 'string' && template !== ''),
    isPublic: body.public ?? false, highAssurance: body.high_assurance ?? false, metadata: formatJson(metadata),
    // An empty one allows nothing.
    allowedFunctions: allowed?.map(lowerCase) ?? null,
    authenticationPolicy: body.authentication_policy?.toLowerCase() ?? null,
    subscription: body.subscription_uuid ?? null,
    admins: (body.admins ?? []).map(lowerCase), lockedUntilS: 0,
  };
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

/** Whether it has said that it reads several tasks in one message. */
export function takesBundles(endpoint: StoredEndpoint): boolean {
  return metadataOf(endpoint)['bundles'] === true;
}

/**
 * Whether a template can tell one version of Python or of an SDK from another. Where it cannot, who submits with two of
 * them has one user endpoint. A template that we do not know, or not all of, might.
 */
export function readsRuntime(endpoint: Pick<StoredEndpoint, 'metadata'>): boolean {
  const template = metadataOf(endpoint)['user_config_template'];
  if (typeof template !== 'string') return true;
  return /\b(?:user_runtime|_GC)\b|\{%[-+]?\s*(?:include|import|from|extends)\b/.test(template);
}

/** Read once for each row: it holds whole templates, and every submission asks for a word of it. */
const metadataByRow = new WeakMap<object, JsonObject>();

export function metadataOf(endpoint: Pick<StoredEndpoint, 'metadata'>): JsonObject {
  const known = metadataByRow.get(endpoint);
  if (known !== undefined) return known;
  const value = parseJson(endpoint.metadata);
  const metadata = isJsonObject(value) ? value : {};
  metadataByRow.set(endpoint, metadata);
  return metadata;
}
