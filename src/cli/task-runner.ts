// What the command line names → tasks of an executor.

import { moduleFunction, command, type Executor, type FunctionReference, type TaskFuture, type TaskOptions }
  from '../sdk/index.ts';
import type { OpenTask, TaskRunner } from './batch.ts';
import type { Target } from './function.ts';
import { commandOutcome } from './results.ts';

/** The part of an executor that a run needs. */
export type RunExecutor = Pick<Executor, 'start' | 'with' | 'status' | 'withdraw' | 'close'>;

export function executorRunner(executor: RunExecutor, target: Target, options: TaskOptions): TaskRunner {
  const submitter = executor.with(options);
  const fn = referenceTo(target);
  return {
    submit: (input) => openTask(submitter.submit(fn, ...(target.spread && Array.isArray(input) ? input : [input]))),
    outcomeOf: (value) => (target.type === 'command' ? commandOutcome(value) : { ok: true, value }),
    workers: () => executor.status().workers,
    withdraw: () => executor.withdraw(),
    cancelAll: () => void executor.close('cancel'),
  };
}

function referenceTo(target: Target): FunctionReference<unknown[]> {
  return target.type === 'command'
    ? command(target.command, { cwd: target.cwd })
    : moduleFunction(target.module, target.exportName);
}

function openTask(future: TaskFuture<unknown>): OpenTask {
  return {
    settled: future,
    facts: () => ({ attempts: future.attempts, ms: future.runMs, node: future.ranOn?.node }),
  };
}
