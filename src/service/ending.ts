// The end of whatever serves tasks, an endpoint or a user endpoint: its credentials, its queues, its tasks.

import type { Courier } from './courier.ts';
import type { Grants } from './grants.ts';
import type { Presence } from './presence.ts';
import type { Results } from './results.ts';
import type { Store } from './store.ts';

export interface EndingDeps {
  readonly store: Store;
  readonly courier: Courier;
  readonly grants: Grants;
  readonly presence: Presence;
  readonly results: Results;
}

/** Tasks that are ended together. */
const TOGETHER = 1_000;

export class Ending {
  readonly #deps: EndingDeps;

  constructor(deps: EndingDeps) {
    this.#deps = deps;
  }

  /** Its process loses the broker, and ends. It cannot say good-bye any more, so it is forgotten. Its tasks wait. */
  async cutOff(id: string): Promise<void> {
    const { store, grants, presence } = this.#deps;
    await grants.withdraw(id);
    presence.forget(id);
    await store.endpoints.removePresence(id);
  }

  /** With its queues; its tasks fail with this text. */
  async end(id: string, text: string): Promise<void> {
    await this.cutOff(id);
    await this.#deps.courier.deleteQueues(id);
    await this.failTasks(id, 'ENDPOINT_DELETED', text);
  }

  /** What has not ended of its tasks. */
  async failTasks(target: string, code: string, text: string): Promise<void> {
    const { store, results } = this.#deps;
    for (;;) {
      const tasks = await store.results.openTasks(target, TOGETHER);
      if (tasks.length === 0) return;
      await results.fail(tasks, target, code, text);
    }
  }
}
