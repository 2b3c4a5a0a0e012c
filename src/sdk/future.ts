// A task's future: settles once, costs little while nobody looks at it.
//
// There is no promise in here until somebody awaits: a million open tasks are a million small objects. A failed task
// that nobody awaits therefore raises no unhandled rejection; its status tells.

import { decodePayload, reviveFailure } from '../common/payload.ts';
import { ComputeError } from '../common/errors.ts';
import type { BlockId, Failure, ManagerId, TaskId, TaskPlace } from '../common/protocol.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Arrived, TaskSink } from '../../engine/pending.ts';

export type TaskStatus = 'waiting' | 'done' | 'failed' | 'cancelled';

/** When the task passed each hop, epoch ms with a fraction; clocks of different nodes may differ. */
export interface Timings {
  readonly submittedAtMs: number;
  /** Left the client. */
  readonly sentAtMs: number;
  /** The interchange had it. */
  readonly queuedAtMs: number;
  readonly dispatchedAtMs: number;
  /** The manager had it. */
  readonly receivedAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** The manager sent the result. */
  readonly returnedAtMs: number;
  /** The interchange passed it on. */
  readonly forwardedAtMs: number;
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

/** What `submit` returns. Await it for the result; a user's exception comes back with name, message, stack, cause. */
export class TaskFuture<T> implements PromiseLike<T>, TaskSink {
  /** Counts from 1 in each executor. */
  id: TaskId = 0 as TaskId; // set by `submit` before anybody sees it
  status: TaskStatus = 'waiting';
  readonly #engine: Engine;
  /** The value, or the failure until it is first looked at as an error. */
  #outcome: unknown;
  #arrived: Arrived | undefined;
  #at = 0;
  #waiters: Waiter[] | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

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
   * to false when it had settled, or settled on its own before the order arrived.
   */
  async cancel(): Promise<boolean> {
    if (this.status !== 'waiting') return false;
    this.#engine.cancel([this.id]);
    await this.#promise().then(() => undefined, () => undefined);
    return (this.status as TaskStatus) === 'cancelled'; // it changed while we waited
  }

  /** Where the task is now, and if it waits, for what. */
  async locate(): Promise<TaskPlace> {
    return this.status === 'waiting' ? this.#engine.locate(this.id) : { at: 'unknown' };
  }

  /** Undefined until it has settled, and for a task that no manager ever had. */
  get timings(): Timings | undefined {
    const arrived = this.#arrived;
    if (arrived === undefined) return undefined;
    const { header, startedMs, runMs, settledAtMs } = arrived;
    const startedAtMs = header.startedAtMs + (startedMs[this.#at] ?? 0);
    const { hops } = header;
    return {
      submittedAtMs: hops.submittedAtMs,
      sentAtMs: hops.sentAtMs,
      queuedAtMs: hops.queuedAtMs,
      dispatchedAtMs: hops.dispatchedAtMs,
      receivedAtMs: hops.receivedAtMs,
      startedAtMs,
      finishedAtMs: startedAtMs + (runMs[this.#at] ?? 0),
      returnedAtMs: header.returnedAtMs,
      forwardedAtMs: header.forwardedAtMs ?? 0,
      settledAtMs,
    };
  }

  /** How long it ran on its worker; undefined where `timings` is. */
  get runMs(): number | undefined {
    return this.#arrived?.runMs[this.#at];
  }

  get ranOn(): RanOn | undefined {
    const manager = this.#arrived?.header.manager;
    if (this.#arrived === undefined || manager === undefined) return undefined;
    const [block = '', ...rest] = manager.split('.');
    return { node: rest.slice(0, -1).join('.'), manager, block: block as BlockId, worker: this.#arrived.header.worker };
  }

  /** How often it was tried, as far as is known. */
  get attempts(): number {
    return this.#arrived?.header.attempt ?? (this.status === 'waiting' ? 0 : 1);
  }

  onOutcome(ok: boolean, outcome: Uint8Array, arrived: Arrived, at: number): void {
    this.#arrived = arrived;
    this.#at = at;
    try {
      this.#outcome = decodePayload(outcome, arrived.buffers);
    } catch (error) {
      this.#outcome = {
        code: 'BAD_MESSAGE', name: 'ComputeError', message: 'the result could not be read', cause: String(error),
      };
      this.#settle('failed');
      return;
    }
    if (ok) this.#settle('done');
    else if (isFailure(this.#outcome)) this.#settleFailure(this.#outcome);
    else this.onFailure(UNREADABLE);
  }

  onFailure(failure: Failure): void {
    this.#outcome = failure;
    this.#settleFailure(failure);
  }

  #settleFailure(failure: Failure): void {
    this.#settle(failure.code === 'TASK_CANCELLED' || failure.code === 'ENGINE_CLOSED' ? 'cancelled' : 'failed');
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
    if (!(this.#outcome instanceof Error)) {
      this.#outcome = revive(this.#outcome as Failure); // set by onOutcome or onFailure
    }
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

const UNREADABLE: Failure = {
  code: 'BAD_MESSAGE', name: 'ComputeError', message: 'the task failed, and what it says of that could not be read',
};

function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null
    && 'code' in outcome && typeof outcome.code === 'string'
    && 'message' in outcome && typeof outcome.message === 'string';
}

/** A manager may have sent anything: what is deeper in it is read only now. */
function revive(failure: Failure): Error {
  try {
    return reviveFailure(failure);
  } catch (cause) {
    return new ComputeError('BAD_MESSAGE', UNREADABLE.message, { cause });
  }
}
