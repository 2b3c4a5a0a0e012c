import {
  allowedFunctions, deleted, endpointDescription, endpointList, endpointLocked, endpointRegistered, endpointStatus,
  registerEndpoint, type RegisterEndpoint,
} from '../../common/api.ts';
import type { Clock } from '../../common/clock.ts';
import { isJsonObject, type Json, type JsonObject } from '../../common/json.ts';
import { metadataOf, type Endpoints } from '../endpoints.ts';
import type { Presence } from '../presence.ts';
import { idIn, type Call, type Route } from '../route.ts';
import type { Identity } from '../store/identities.ts';
import type { UserEndpoints } from '../user-endpoints.ts';

export interface EndpointRouteDeps {
  readonly endpoints: Endpoints;
  readonly userEndpoints: UserEndpoints;
  readonly presence: Presence;
  readonly clock: Clock;
}

export function endpointRoutes(deps: EndpointRouteDeps): Route[] {
  return [...registration(deps), ...questions(deps)];
}

function registration({ endpoints, userEndpoints }: EndpointRouteDeps): Route[] {
  const register = async (call: Call<unknown>, id: string | undefined, { id: user }: Identity): Promise<JsonObject> => {
    const registered = await endpoints.register(call.body as RegisterEndpoint, id, user);
    // Its blocks are plain data; an interface has no index signature, which is all that is missing.
    return registered as unknown as JsonObject;
  };
  const remove = async (call: Call<unknown>, { id: user }: Identity): Promise<JsonObject> => {
    const id = idIn(call);
    const child = await endpoints.userEndpoint(id, user);
    if (child === undefined) await endpoints.remove(id, user);
    else await userEndpoints.remove(child, `User endpoint ${id} was deleted before the task ran`);
    return { result: 302 };
  };
  const registering = { body: registerEndpoint, answer: endpointRegistered };
  return [{
    method: 'POST', path: '/v3/endpoints', access: 'user', summary: 'Register an endpoint', schema: registering,
    handle: (call, identity) => register(call, undefined, identity),
  }, {
    method: 'PUT', path: '/v3/endpoints/:id', access: 'user', summary: 'Register an endpoint again',
    schema: registering,
    handle: (call, identity) => register(call, idIn(call), identity),
  }, {
    method: 'DELETE', path: '/v2/endpoints/:id', access: 'user', summary: 'Remove an endpoint',
    schema: { answer: deleted }, handle: remove,
  }, {
    method: 'DELETE', path: '/v3/endpoints/:id', access: 'user', summary: 'Remove an endpoint',
    schema: { answer: deleted }, handle: remove,
  }, {
    method: 'POST', path: '/v3/endpoints/:id/lock', access: 'user', summary: 'Stop an endpoint from wherever it runs',
    schema: { answer: endpointLocked },
    handle: async (call, { id: user }) => {
      const id = idIn(call);
      return { endpoint_id: id, lock_expiration_timestamp: await endpoints.lock(id, user) };
    },
  }, {
    method: 'DELETE', path: '/v3/endpoints/:id/lock', access: 'user', summary: 'Let a stopped endpoint register again',
    schema: { answer: endpointLocked },
    handle: async (call, { id: user }) => {
      const id = idIn(call);
      return { endpoint_id: id, lock_expiration_timestamp: await endpoints.unlock(id, user) };
    },
  }];
}

function questions({ endpoints, presence, clock }: EndpointRouteDeps): Route[] {
  return [{
    method: 'GET', path: '/v2/endpoints/:id/status', access: 'user', summary: 'Whether an endpoint is online',
    schema: { answer: endpointStatus },
    handle: async (call, { id: user }) => {
      const asked = idIn(call);
      const { id } = await endpoints.userEndpoint(asked, user) ?? await endpoints.visible(asked, user);
      const state = presence.stateOf(id, clock.now() / 1000);
      return state === undefined ? { status: 'offline' } : { status: 'online', details: workersIn(state) };
    },
  }, {
    method: 'GET', path: '/v2/endpoints/:id', access: 'user', summary: 'Describe an endpoint',
    schema: { answer: endpointDescription },
    handle: async (call, { id: user }) => {
      const one = await endpoints.visible(idIn(call), user);
      const metadata = metadataOf(one);
      return {
        uuid: one.id, name: one.name, display_name: one.displayName, multi_user: one.multiUser,
        high_assurance: one.highAssurance, public: one.isPublic, description: null,
        // What it is configured with is its owner's business.
        ...owned(one.owner === user || one.admins.includes(user), metadata),
        hostname: textOf(metadata['hostname']), local_user: textOf(metadata['local_user']), ip_address: null,
        endpoint_version: textOf(metadata['endpoint_version']), python_version: textOf(metadata['python_version']),
        subscription_uuid: one.subscription, subscription_admin_verified: false,
      };
    },
  }, {
    method: 'GET', path: '/v2/endpoints', access: 'user', summary: 'List endpoints',
    schema: {
      query: { type: 'object', properties: { role: { enum: ['owner', 'any'] } } }, answer: endpointList,
    },
    handle: async ({ query: { role } }, { id: user }) => {
      const found = await endpoints.list(user, role === 'any' ? 'any' : 'owner');
      return found.map(({ id: uuid, name, displayName, owner }) => ({ uuid, name, display_name: displayName, owner }));
    },
  }, {
    method: 'GET', path: '/v3/endpoints/:id/allowed_functions', access: 'user', summary: 'What may run on an endpoint',
    schema: { answer: allowedFunctions },
    handle: async (call, { id: user }) => {
      const { id, allowedFunctions: allowed } = await endpoints.visible(idIn(call), user);
      return { endpoint_id: id, restricted: allowed !== null, ...allowed === null ? {} : { functions: allowed } };
    },
  }];
}

function owned(isOwners: boolean, metadata: JsonObject): JsonObject {
  const { user_config_schema: schema } = metadata;
  return {
    endpoint_config: isOwners ? textOf(metadata['endpoint_config']) : null,
    user_config_template: isOwners ? textOf(metadata['user_config_template']) : null,
    user_config_schema: isJsonObject(schema) ? schema : null,
  };
}

const WORKER_KEYS = ['total_workers', 'idle_workers', 'pending_tasks', 'outstanding_tasks', 'managers'] as const;

/** The numbers that the field's clients know, where the endpoint reports them. */
function workersIn(state: JsonObject): JsonObject {
  return Object.fromEntries(WORKER_KEYS.flatMap((key) => {
    const value = state[key];
    return typeof value === 'number' ? [[key, value] as const] : [];
  }));
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
