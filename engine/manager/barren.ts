// Threads that end before they start any task: whose fault that is nobody knows, so the task in front is tried again a
// few times.

import type { TaskId } from '../../src/common/protocol.ts';

const BARREN_MAX = 3;

export class Barren {
  readonly #times = new Map<TaskId, number>();

  /** One more thread ended so, with this task in front. True when it was one too many. */
  add(id: TaskId): boolean {
    const times = (this.#times.get(id) ?? 0) + 1;
    if (times < BARREN_MAX) this.#times.set(id, times);
    else this.#times.delete(id);
    return times >= BARREN_MAX;
  }

  /** They ended, one way or another. */
  forget(ids: Iterable<number>): void {
    if (this.#times.size > 0) for (const id of ids) this.#times.delete(id as TaskId); // ids we were given
  }
}
