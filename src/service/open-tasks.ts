// Tasks that this process has accepted and that have no result yet: whose they are is known without a question to the
// database, so that a result can be on its way to who waits for it while it is being stored.

import type { Submission } from './store/tasks.ts';

export interface OpenTask {
  readonly owner: string;
  readonly taskGroup: string;
  readonly target: string;
  /** Its row is written. Rejects when that failed: then there is most likely no such task. */
  readonly stored: Promise<unknown>;
}

/** Some 200 bytes each. Beyond that, the database is asked. */
const OPEN_MAX = 500_000;

export class OpenTasks {
  readonly #tasks = new Map<string, OpenTask>();

  /** False when there is no room: then nothing may come of these tasks before they are stored. */
  add({ owner, taskGroup, target, tasks }: Submission, stored: Promise<unknown>): boolean {
    if (this.#tasks.size + tasks.length > OPEN_MAX) return false;
    const task: OpenTask = { owner, taskGroup, target, stored };
    for (const { id } of tasks) this.#tasks.set(id, task);
    stored.catch(() => {
      for (const { id } of tasks) this.#tasks.delete(id);
    });
    return true;
  }

  /** For a task's first result, if `sender` is who was to run it; whatever comes later is the database's matter. */
  claim(id: string, sender: string): OpenTask | undefined {
    const task = this.#tasks.get(id);
    if (task?.target !== sender) return undefined;
    this.#tasks.delete(id);
    return task;
  }
}
