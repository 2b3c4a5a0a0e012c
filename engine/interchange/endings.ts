// How tasks leave the interchange without a result, and how those that come back from a manager wait again.

import type { Failure, TaskId } from '../../src/common/protocol.ts';
import type { Effect, State } from './state.ts';
import type { StoredBatch } from './tasks.ts';

export interface Return {
  /** Their manager was lost, perhaps by one of them. */
  readonly suspect?: boolean;
  /** What is different at the next try. */
  readonly change?: (batch: StoredBatch) => StoredBatch;
}

/**
 * Held tasks that their manager will not finish wait again. Those whose end somebody asked for meanwhile end here: the
 * order to cancel them may never have arrived, and must not have to arrive a second time.
 */
export function putBack(state: State, ids: Iterable<TaskId>, { suspect = false, change }: Return = {}): Effect[] {
  const again: TaskId[] = [];
  const cancelled: TaskId[] = [];
  for (const id of ids) (state.cancelled.has(id) ? cancelled : again).push(id);
  state.queue.pushBack(state.tasks.release(again, change), suspect);
  return settle(state, cancelled, CANCELLED);
}

/** Ends tasks for one reason. */
export function settle(state: State, ids: readonly TaskId[], failure: Failure): Effect[] {
  if (ids.length === 0) return [];
  for (const id of ids) forget(state, id);
  return [{ type: 'settle', ids, failure }];
}

/** Ends every task that waits. */
export function failWaiting(state: State, failure: Failure): Effect[] {
  const effects = settle(state, [...state.tasks.ids('waiting')], failure);
  return effects.length === 0 ? [] : [...effects, { type: 'load-changed' }];
}

/** It is known now which tasks managers hold: the others wait, or end if that was asked for meanwhile. */
export function endRecovery(state: State): Effect[] {
  const failure = state.recovery?.failure;
  state.recovery = undefined;
  return failure === undefined ? [] : failWaiting(state, failure);
}

/** The end of a task here. False when it had ended before. */
export function forget(state: State, id: TaskId): boolean {
  if (state.strikes.size > 0) state.strikes.delete(id);
  if (state.cancelled.size > 0) state.cancelled.delete(id);
  return state.tasks.settle(id);
}

const CANCELLED: Failure = { code: 'TASK_CANCELLED', name: 'ComputeError', message: 'the task was cancelled' };

/** What the user reads when a task is not tried again. */
export function blame(state: State, what: 'workers' | 'managers'): Failure {
  const { killsMax } = state.policy;
  return {
    code: 'TASK_BLAMED',
    name: 'ComputeError',
    message: `the task was running on ${killsMax} ${what} when they ended, one after another; it is not tried again`,
    details: { kills: killsMax },
  };
}
