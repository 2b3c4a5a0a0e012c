// What the command line names → tasks of an executor.

import { moduleFunction, command, type Executor, type FunctionReference, type TaskFuture, type TaskOptions }
  from '../sdk/index.ts';
import type { OpenTask, TaskRunner } from './batch.ts';
import type { Target } from './function.ts';
import { commandOutcome } from './results.ts';

/** The part of an executor that a run needs. */
export type RunExecutor = Pick<Executor, 'start' | 'with' | 'status' | 'close'>;

export function executorRunner(executor: RunExecutor, target: Target, options: TaskOptions): TaskRunner {
  const submitter = executor.with(options);
  const fn = referenceTo(target);
  const spread = target.type === 'module' && target.spread;
  return {
    submit: (input) => openTask(spread && Array.isArray(input) ? submitter.submit(fn, ...input) : submitter.submit(fn, input)),
    outcomeOf: (value) => (target.type === 'command' ? commandOutcome(value) : { ok: true, value }),
    load: () => {
      const { held, workers } = executor.status();
      return { held, workers };
    },
    cancelAll: () => void executor.close('cancel'),
  };
}

function referenceTo(target: Target): FunctionReference {
  return target.type === 'command'
    ? command(target.command, { cwd: target.cwd })
    : moduleFunction(target.module, target.exportName);
}

function openTask(future: TaskFuture<unknown>): OpenTask {
  return {
    settled: future,
    facts: () => ({ attempts: future.attempts, ms: future.timings.runMs, node: future.ranOn?.node }),
    cancel: () => void future.cancel(),
  };
}
