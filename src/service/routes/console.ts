// What runs below an endpoint, as its reports say.

import { userEndpoints as userEndpointsSchema } from '../../common/api.ts';
import type { Clock } from '../../common/clock.ts';
import type { Json, JsonObject } from '../../common/json.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Presence } from '../presence.ts';
import { idIn, type Route } from '../route.ts';
import type { UserEndpoint } from '../store/endpoints.ts';

export interface ConsoleRouteDeps {
  readonly endpoints: Endpoints;
  readonly presence: Presence;
  readonly clock: Clock;
}

export function consoleRoutes({ endpoints, presence, clock }: ConsoleRouteDeps): Route[] {
  return [{
    method: 'GET', path: '/v3/endpoints/:id/console', access: 'user', summary: 'List the user endpoints of an endpoint',
    schema: {
      query: { type: 'object', properties: { user_endpoint_id: { type: 'string' } } }, answer: userEndpointsSchema,
    },
    handle: async (call, { id: user }) => {
      const one = call.query['user_endpoint_id']?.toLowerCase();
      const all = await endpoints.userEndpoints(idIn(call), user);
      const found = one === undefined ? all : all.filter(({ id }) => id === one);
      const nowS = clock.now() / 1000;
      return { user_endpoints: found.map((child) => shown(child, presence.stateOf(child.id, nowS))) };
    },
  }];
}

/** From the reports' keys to the field's, where they differ. */
const REPORTED: Readonly<Record<string, string>> = {
  python_version: 'python_version', endpoint_version: 'endpoint_version', posix_pid: 'posix_pid',
  posix_username: 'posix_username', start_time_iso: 'start_iso', start_time_unix: 'start_unix',
  total_worker_count: 'total_workers', idle_worker_count: 'idle_workers', node_info: 'node_info',
  running_task_count: 'outstanding_tasks', queued_task_count: 'pending_tasks', executed_task_count: 'total_tasks',
  engine_type: 'engine_type', provider_type: 'provider_type', account: 'account', queue: 'queue', config: 'config_raw',
};

function shown({ id, identity, usedS }: UserEndpoint, state: JsonObject | undefined): JsonObject {
  const told = Object.entries(REPORTED).flatMap(([key, reported]): [string, Json][] => {
    const value = state?.[reported];
    return value === undefined || value === null ? [] : [[key, value]];
  });
  return {
    user_endpoint_id: id, active: state !== undefined, identity_id: identity, last_used_unix: usedS,
    ...Object.fromEntries(told),
  };
}
