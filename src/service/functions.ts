// Functions as they are needed by submissions: by id, from memory where they were used lately.

import { Cache } from './cache.ts';
import { functionNotFound } from './refusal.ts';
import type { FunctionStore, StoredFunction } from './store/functions.ts';

const CACHE_CHARS = 64 * 1024 * 1024;

export class Functions {
  readonly #store: FunctionStore;
  readonly #cache = new Cache<StoredFunction>(CACHE_CHARS);

  constructor(store: FunctionStore) {
    this.#store = store;
  }

  /** All of them, or 404 for the first that is not there or not for `user`. */
  async usable(ids: readonly string[], user: string): Promise<Map<string, StoredFunction>> {
    const found = await this.#find(ids);
    for (const id of ids) {
      const one = found.get(id);
      if (one === undefined || (one.owner !== user && !one.isPublic)) throw functionNotFound(id);
    }
    return found;
  }

  async add(one: StoredFunction, nowS: number): Promise<void> {
    await this.#store.add(one, nowS);
    this.#remember(one);
  }

  async remove(id: string, user: string, nowS: number): Promise<void> {
    if (!await this.#store.remove(id, user, nowS)) throw functionNotFound(id);
    this.#cache.delete(id);
  }

  async #find(ids: readonly string[]): Promise<Map<string, StoredFunction>> {
    const found = new Map<string, StoredFunction>();
    for (const id of ids) {
      const one = this.#cache.get(id);
      if (one !== undefined) found.set(id, one);
    }
    const missing = ids.filter((id) => !found.has(id));
    for (const one of missing.length === 0 ? [] : await this.#store.find(missing)) {
      found.set(one.id, one);
      this.#remember(one);
    }
    return found;
  }

  #remember(one: StoredFunction): void {
    this.#cache.set(one.id, one, one.code.length);
  }
}
