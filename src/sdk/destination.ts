// Where an executor's tasks go: an engine of its own, or an endpoint of the service. Neither knows of the other, and
// the executor knows of neither more than this.

import type { EngineStatus } from '../../engine/engine.ts';
import type { TaskFunction } from './functions.ts';
import type { TaskFuture } from './future.ts';
import type { TaskOptions } from './task-options.ts';

/** The way of tasks with the same options. */
export interface Lane {
  /** Hands a call over. Throws when it cannot be, and then there is no task. */
  submit<R>(fn: TaskFunction, args: readonly unknown[]): TaskFuture<R>;
}

/** What is known of an endpoint's tasks on their way. */
export interface ServiceStatus {
  readonly url: string;
  readonly endpointId: string;
  /** undefined until the service has accepted the first tasks. */
  readonly taskGroupId: string | undefined;
  /** Tasks that the service has not accepted yet. */
  readonly unsent: number;
  /** Results that came again, or of tasks that had settled. */
  readonly duplicates: number;
  /** How often the way of the results broke and was opened again. */
  readonly reconnects: number;
}

export interface ExecutorStatus extends EngineStatus {
  /** There where tasks go to an endpoint. What is in the engine there, its owner can see. */
  readonly service?: ServiceStatus;
}

export interface Destination {
  /** Throws CONFIG_INVALID, or TASK_TOO_LARGE, for options that cannot be met there. */
  lane(options: TaskOptions): Lane;
  /** Ends those that have not settled, as far as that is possible. */
  cancel(futures: readonly TaskFuture<unknown>[]): void;
  /** Comes up; the first task does it too. */
  start(): Promise<void>;
  status(): ExecutorStatus;
  /** For people who look for a fault. */
  dump(): Promise<unknown>;
  /** Resolves when no task is open. */
  drain(): Promise<void>;
  /** Ends what has not begun, as far as that can be known. */
  withdraw(): void;
  /** With 'cancel', what is open fails first. Safe to call again. */
  close(mode: 'drain' | 'cancel'): Promise<void>;
}
