// All routes of the service, a table of what it can be asked.

import type { Database } from '../database.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Functions } from '../functions.ts';
import type { Policies } from '../policies.ts';
import type { Presence } from '../presence.ts';
import type { Route } from '../route.ts';
import type { Store } from '../store.ts';
import { aboutRoutes } from './about.ts';
import { adminRoutes, type AdminDeps } from './admin.ts';
import { authRoutes, type AuthRouteDeps } from './auth.ts';
import { consoleRoutes } from './console.ts';
import { endpointRoutes } from './endpoints.ts';
import { functionRoutes } from './functions.ts';
import { policyRoutes } from './policies.ts';
import { taskRoutes, type TaskRouteDeps } from './tasks.ts';

export interface RoutesDeps extends AdminDeps, Omit<AuthRouteDeps, 'identities'>, Omit<TaskRouteDeps, 'tasks'> {
  readonly store: Store;
  readonly database: Database;
  readonly endpoints: Endpoints;
  readonly functions: Functions;
  readonly policies: Policies;
  readonly presence: Presence;
  readonly version: string;
}

export function routesOf(deps: RoutesDeps): Route[] {
  const { store, database, courier, functions, clock, version } = deps;
  return [
    ...aboutRoutes({ version, health: () => healthOf(database, courier) }),
    ...functionRoutes(functions, clock),
    ...taskRoutes({ ...deps, tasks: store.tasks }),
    ...endpointRoutes(deps),
    ...consoleRoutes(deps),
    ...policyRoutes(deps.policies),
    ...authRoutes({ ...deps, identities: store.identities }),
    ...adminRoutes(deps),
  ];
}

async function healthOf(database: Database, courier: TaskRouteDeps['courier']): Promise<string | undefined> {
  if (!courier.isConnected) return 'the message broker is not connected';
  try {
    await database.query('select 1');
    await database.reserve(0);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'the database failed';
  }
}
