// Open tasks whose end somebody asked for: an interchange that takes another's place has to hear of it again.

import type { Pending } from './pending.ts';
import type { TaskId } from '../src/common/protocol.ts';

/** Ended tasks among them are forgotten when there are so many more than open ones. */
const ENDED_MAX = 1000;

export class Cancelled {
  readonly #pending: Pending;
  readonly #ids = new Set<TaskId>();

  constructor(pending: Pending) {
    this.#pending = pending;
  }

  add(ids: readonly TaskId[]): void {
    for (const id of ids) this.#ids.add(id);
    if (this.#ids.size > 2 * this.#pending.open + ENDED_MAX) this.#forgetEnded();
  }

  /** Those that are still open. */
  open(): TaskId[] {
    this.#forgetEnded();
    return [...this.#ids];
  }

  #forgetEnded(): void {
    for (const id of this.#ids) if (!this.#pending.has(id)) this.#ids.delete(id);
  }
}
