// A task's future: settles once, costs little while nobody looks at it.
//
// There is no promise in here until somebody awaits: a million open tasks are a million small objects. A failed task
// that nobody awaits therefore raises no unhandled rejection; its status tells.

import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import { reviveFailure } from '../common/payload.ts';
import type { BlockId, Failure, ManagerId, TaskId, TaskPlace } from '../common/protocol.ts';

export type TaskStatus = 'waiting' | 'done' | 'failed' | 'cancelled';

/**
 * When the task passed each hop, epoch ms with a fraction; clocks of different machines may differ. What happens within
 * an endpoint is known only of tasks of an engine of one's own.
 */
export interface Timings {
  readonly submittedAtMs: number;
  /** Left the client. */
  readonly sentAtMs: number;
  /** The interchange had it. */
  readonly queuedAtMs?: number;
  readonly dispatchedAtMs?: number;
  /** The manager had it. */
  readonly receivedAtMs?: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** The manager sent the result. */
  readonly returnedAtMs?: number;
  /** The interchange passed it on. */
  readonly forwardedAtMs?: number;
  readonly settledAtMs: number;
}

export interface RanOn {
  readonly node: string;
  readonly manager: ManagerId;
  readonly block: BlockId;
  /** Index of the worker's slot on its node. */
  readonly worker: number;
}

interface Waiter {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What `submit` returns. Await it for the result; a user's exception comes back with name, message, stack, cause. How a
 * task is cancelled, and what is known of its run, depends on where it went.
 */
export abstract class TaskFuture<T> implements PromiseLike<T> {
  /** Counts from 1 in each executor. */
  id: TaskId = 0 as TaskId; // set by `submit` before anybody sees it
  status: TaskStatus = 'waiting';
  /** The value, or the failure until it is first looked at as an error. */
  #outcome: unknown;
  #waiters: Waiter[] | undefined;

  // oxlint-disable-next-line unicorn/no-thenable -- to be awaited is what it is for
  then<A = T, B = never>(
    onDone?: ((value: T) => A | PromiseLike<A>) | null, onFailed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise().then(onDone, onFailed);
  }

  catch<B = never>(onFailed?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#promise().catch(onFailed);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return this.#promise().finally(onEnd);
  }

  /**
   * Ends the task: at once where it waits; where it runs, its worker is ended. Resolves to true when it ended by this,
   * to false when it had settled, or settled on its own before the order arrived. At an endpoint nothing can be called
   * back: there it is true for what has not left this process, and false for what has.
   */
  abstract cancel(): Promise<boolean>;

  /** Where the task is now, and if it waits, for what. */
  abstract locate(): Promise<TaskPlace>;

  /** Undefined until it has settled, and for a task that never ran. */
  abstract get timings(): Timings | undefined;

  /** How long it ran on its worker; undefined where `timings` is. */
  abstract get runMs(): number | undefined;

  /** Undefined where that is not known: before it has settled, and always at an endpoint. */
  abstract get ranOn(): RanOn | undefined;

  /** How often it was tried, as far as is known. */
  abstract get attempts(): number;

  /** The service's id of a task of an endpoint, once it was accepted. */
  get taskId(): string | undefined {
    return undefined;
  }

  /** What an endpoint says of the run: its id, the versions of system and language. */
  get details(): JsonObject | undefined {
    return undefined;
  }

  protected fulfil(value: unknown): void {
    this.#outcome = value;
    this.#settle('done');
  }

  /** With what travels of a failure, or with an exception as it is. */
  protected fail(failure: Failure | Error): void {
    this.#outcome = failure;
    const code: unknown = 'code' in failure ? failure.code : undefined;
    this.#settle(code === 'TASK_CANCELLED' || code === 'ENGINE_CLOSED' ? 'cancelled' : 'failed');
  }

  protected settled(): Promise<void> {
    return this.#promise().then(() => undefined, () => undefined);
  }

  #settle(status: TaskStatus): void {
    this.status = status;
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    for (const waiter of waiters) this.#tell(waiter);
  }

  #tell(waiter: Waiter): void {
    if (this.status === 'done') waiter.resolve(this.#outcome as never); // the function's own result type
    else waiter.reject(this.#error());
  }

  #error(): unknown {
    if (!(this.#outcome instanceof Error)) this.#outcome = revive(this.#outcome as Failure); // set by `fail`
    return this.#outcome;
  }

  #promise(): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      if (this.status === 'waiting') (this.#waiters ??= []).push(waiter);
      else this.#tell(waiter);
    });
  }
}

/** In the place of a failure that cannot be read. */
export const UNREADABLE: Failure = {
  code: 'BAD_MESSAGE', name: 'ComputeError', message: 'the task failed, and what it says of that could not be read',
};

/** Whoever ran the task may have sent anything: what is deeper in it is read only when it is looked at. */
export function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null
    && 'code' in outcome && typeof outcome.code === 'string'
    && 'message' in outcome && typeof outcome.message === 'string';
}

function revive(failure: Failure): Error {
  try {
    return reviveFailure(failure);
  } catch (cause) {
    return new ComputeError('BAD_MESSAGE', UNREADABLE.message, { cause });
  }
}
