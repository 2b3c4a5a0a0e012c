// What managers are told: to start a user endpoint, with what it needs for that.

import { userEndpointName } from '../amqp/start-command.ts';
import type { Clock } from '../common/clock.ts';
import { isJsonObject, parseJson, type JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { Cache } from './cache.ts';
import type { Courier } from './courier.ts';
import type { Grants } from './grants.ts';
import type { Store } from './store.ts';
import { identityDocument, type Wish } from './wish.ts';

export interface StartCommandDeps {
  readonly store: { readonly endpoints: Pick<Store['endpoints'], 'child'> };
  readonly courier: Pick<Courier, 'declareCommands' | 'publishCommand'>;
  readonly grants: Pick<Grants, 'child'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running endpoint is told again, and so started again should it just be about to end: managers remember 30 s. */
const REMIND_MS = 5_000;
const REMEMBERED_MAX = 20_000;

export class StartCommands {
  readonly #deps: StartCommandDeps;
  readonly #sentMs = new Cache<number>(REMEMBERED_MAX);

  constructor(deps: StartCommandDeps) {
    this.#deps = deps;
  }

  /** Unless that was done a moment ago. */
  async remind(id: string, identity: Wish['identity']): Promise<void> {
    if (this.#deps.clock.now() - (this.#sentMs.get(id) ?? -Infinity) >= REMIND_MS) await this.send(id, identity);
  }

  /** Resolves when the broker has it. Each is a message with an id of its own, which it keeps if it comes twice. */
  async send(id: string, identity: Wish['identity']): Promise<void> {
    const { store, courier, grants, clock, log } = this.#deps;
    this.#sentMs.set(id, clock.now());
    // As it is now: one that was removed, or whose credentials were withdrawn, must not get the old ones back.
    const child = await store.endpoints.child(id);
    if (child === undefined) return;
    const { manager, salt } = child;
    await courier.declareCommands(manager);
    await courier.publishCommand(manager, {
      username: identity.username, effectiveIdentity: identity.id, identitySet: [identityDocument(identity)],
      name: userEndpointName(manager, id), endpointId: id, args: [], queues: await grants.child(id, salt),
      userOptions: objectIn(child.options), userRuntime: objectIn(child.runtime),
    });
    log.debug({ endpoint: manager, child: id }, 'start command was sent');
  }
}

function objectIn(text: string): JsonObject {
  const value = parseJson(text, 'everywhere');
  return isJsonObject(value) ? value : {};
}
