// A TaskRunner whose tasks end when the test says so.

import type { OpenTask, TaskRunner } from '../../src/cli/batch.ts';
import { ComputeError } from '../../src/common/errors.ts';

interface FakeTask {
  readonly input: unknown;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

export class FakeRunner implements TaskRunner {
  /** In the order of submission, until they end. */
  readonly open: FakeTask[] = [];
  submitted = 0;
  mostOpen = 0;
  held = 0;
  workerCount = 0;

  submit(input: unknown): OpenTask {
    const { promise, task } = this.#task(input);
    this.open.push(task);
    this.submitted += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open.length);
    return {
      settled: promise,
      facts: () => ({ attempts: 1, ms: undefined, node: undefined }),
    };
  }

  outcomeOf(value: unknown): { ok: true; value: unknown } {
    return { ok: true, value };
  }

  workers(): number {
    return this.workerCount;
  }

  /** The first `held` tasks are with a node. */
  withdraw(): void {
    const reason = new ComputeError('TASK_CANCELLED', 'the task was withdrawn');
    for (const task of this.open.slice(this.held)) task.reject(reason);
  }

  cancelAll(): void {
    for (const task of this.open.slice()) task.reject(new ComputeError('ENGINE_CLOSED', 'the engine was closed'));
  }

  #task(input: unknown): { promise: Promise<unknown>; task: FakeTask } {
    let resolve: (value: unknown) => void = () => { /* set at once */ };
    let reject: (reason: unknown) => void = () => { /* set at once */ };
    const promise = new Promise<unknown>((onOk, onFailed) => {
      resolve = onOk;
      reject = onFailed;
    });
    const end = (): void => {
      const at = this.open.indexOf(task);
      if (at >= 0) this.open.splice(at, 1);
    };
    const task: FakeTask = {
      input,
      resolve: (value) => { end(); resolve(value); },
      reject: (reason) => { end(); reject(reason); },
    };
    return { promise, task };
  }
}
