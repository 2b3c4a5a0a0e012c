// What the service remembers. Every SQL statement is in one of these files.

import type { Database } from './database.ts';
import { EndpointStore } from './store/endpoints.ts';
import { FunctionStore } from './store/functions.ts';
import { IdentityStore } from './store/identities.ts';
import { PolicyStore } from './store/policies.ts';
import { ResultStore } from './store/results.ts';
import { TaskStore } from './store/tasks.ts';

export interface Store {
  readonly identities: IdentityStore;
  readonly functions: FunctionStore;
  readonly endpoints: EndpointStore;
  readonly policies: PolicyStore;
  readonly tasks: TaskStore;
  readonly results: ResultStore;
}

export function storeIn(database: Database): Store {
  return {
    identities: new IdentityStore(database),
    functions: new FunctionStore(database),
    endpoints: new EndpointStore(database),
    policies: new PolicyStore(database),
    tasks: new TaskStore(database),
    results: new ResultStore(database),
  };
}
