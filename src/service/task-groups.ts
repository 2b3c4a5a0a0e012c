// Task groups: whose they are, and how their results reach whoever waits. What is remembered here is what is stored:
// one service uses a database at a time.

import type { Clock } from '../common/clock.ts';
import { Cache } from './cache.ts';
import type { Courier } from './courier.ts';
import { newId } from './ids.ts';
import { taskGroupNotFound } from './refusal.ts';
import type { StreamKind, TaskStore } from './store/tasks.ts';

const CACHED = 50_000;

export interface TaskGroupDeps {
  readonly tasks: TaskStore;
  readonly courier: Courier;
  readonly clock: Clock;
}

export class TaskGroups {
  readonly #deps: TaskGroupDeps;
  readonly #known = new Cache<{ readonly owner: string; readonly stream: StreamKind }>(CACHED);

  constructor(deps: TaskGroupDeps) {
    this.#deps = deps;
  }

  /** How its results are passed on; undefined: the database knows. */
  streamOf(id: string): StreamKind | undefined {
    return this.#known.get(id)?.stream;
  }

  /** Whoever asks is about to read the stream, which the broker may have deleted. */
  async reopen(id: string, owner: string, wanted: StreamKind): Promise<void> {
    this.#deps.courier.forgetStream(owner, id);
    await this.join(id, owner, wanted);
  }

  /**
   * The group's id: the given one, which has to be `owner`'s, or a new one. A stream that is wanted is there before the
   * client reads it.
   */
  async join(given: string | undefined, owner: string, wanted: StreamKind): Promise<string> {
    const { tasks, courier, clock } = this.#deps;
    const id = given ?? newId(clock.now());
    let group = this.#known.get(id);
    if (given === undefined) {
      group = { owner, stream: wanted };
      await tasks.addGroup(id, owner, wanted, clock.now() / 1000);
    } else {
      group ??= await tasks.group(id);
      if (group?.owner !== owner) throw taskGroupNotFound(id);
    }
    this.#known.set(id, group);
    if (wanted === 'none') return id;
    // One reader that takes single messages only decides it for all of the group: the others read those as well.
    const stream = group.stream === 'single' ? 'single' : wanted;
    if (group.stream !== stream) this.#known.set(id, { owner, stream });
    await courier.declareStream(owner, id, stream === 'bundles');
    if (group.stream !== stream) await tasks.openStream(id, stream);
    return id;
  }
}
