// Functions in, futures out.

import { setMaxListeners } from 'node:events';
import { ComputeError } from '../common/errors.ts';
import type { Destination, Lane } from './destination.ts';
import type { TaskFunction } from './functions.ts';
import type { TaskFuture } from './future.ts';
import { mapTasks, type MapOptions } from './map.ts';
import type { TaskOptions } from './task-options.ts';

/** Submits tasks with certain options. An Executor is one, with none. */
export class Submitter {
  readonly #lane: Lane;
  readonly #signal: AbortSignal | undefined;
  readonly #aborting: Set<TaskFuture<unknown>> | undefined;

  constructor(destination: Destination, options: TaskOptions) {
    this.#lane = destination.lane(options);
    const { signal } = options;
    this.#signal = signal;
    if (signal === undefined) return;
    const open = new Set<TaskFuture<unknown>>();
    this.#aborting = open;
    setMaxListeners(0, signal);
    signal.addEventListener('abort', () => {
      destination.cancel([...open]);
      open.clear();
    }, { once: true });
  }

  /**
   * Hands a call over and returns at once. Throws NOT_SERIALIZABLE, PAYLOAD_TOO_LARGE, QUEUE_FULL or ENGINE_CLOSED, and
   * CONFIG_INVALID in a GlobusMPIEngine for a task that does not say what nodes it takes: then there is no task.
   */
  submit<A extends unknown[], R>(fn: TaskFunction<A, R>, ...args: A): TaskFuture<Awaited<R>> {
    if (this.#signal?.aborted === true) throw new ComputeError('TASK_CANCELLED', 'the signal was aborted before');
    const future = this.#lane.submit<Awaited<R>>(fn, args);
    if (this.#aborting !== undefined) this.#track(future, this.#aborting);
    return future;
  }

  /**
   * Calls `fn` for every input and yields results as they complete, or in the order of the inputs. Inputs are read only
   * as fast as results are taken: at most `window` tasks are open. The first failure ends it, unless `settled` is set.
   */
  map<I, R>(
    fn: TaskFunction<[I], R>, inputs: Iterable<I> | AsyncIterable<I>, options: MapOptions = {},
  ): AsyncGenerator<Awaited<R>, void, void> {
    return mapTasks((input: I) => this.submit(fn, input), inputs, options);
  }

  #track(future: TaskFuture<unknown>, open: Set<TaskFuture<unknown>>): void {
    open.add(future);
    const forget = (): void => { open.delete(future); };
    future.then(forget, forget);
  }
}
