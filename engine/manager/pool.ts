// The thread pool. One assignment per slot; a slot's memory outlives the thread that worked in it.

import type { EventEmitter } from 'node:events';
import { Piscina } from 'piscina';
import { ComputeError } from '../../src/common/errors.ts';
import type { WorkerSetup } from '../../src/common/process-config.ts';
import { UNKNOWN_FUNCTION, type Assignment, type LargeOutcome } from '../../src/common/protocol.ts';

type Answer = LargeOutcome | typeof UNKNOWN_FUNCTION | undefined;

export interface PoolOptions {
  readonly slots: number;
  readonly setup: WorkerSetup;
  /** null: no limit of its own. */
  readonly memoryMiB: number | null;
}

export class WorkerPool {
  readonly #threads: Piscina<Assignment, Answer>;

  constructor(options: PoolOptions) {
    this.#threads = new Piscina<Assignment, Answer>({
      filename: new URL('../worker/main.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: options.slots,
      // Started when first needed, then kept: a thread costs memory, starting one costs time.
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      maxQueue: options.slots,
      // With atomics a thread blocks between assignments and whatever a task left running stands still.
      atomics: 'disabled',
      recordTiming: false,
      workerHistogram: false,
      workerData: options.setup,
      ...(options.memoryMiB === null ? {} : { resourceLimits: { maxOldGenerationSizeMb: options.memoryMiB } }),
    });
    // A thread that fails between assignments is replaced by the pool and took no task with it.
    this.#threads.on('error', () => { /* the next assignment gets a fresh thread */ });
  }

  /**
   * Runs an assignment; `definition` is what a worker gets that does not know the function. Rejects with WORKER_LOST
   * when the thread ended in it, with the cause. An 'abort' of `killer` ends the thread; then it rejects, too.
   */
  async run(assignment: Assignment, definition: Uint8Array, killer: EventEmitter): Promise<LargeOutcome | undefined> {
    try {
      const answer = await this.#post(assignment, killer);
      if (answer !== UNKNOWN_FUNCTION) return answer;
      const second = await this.#post({ ...assignment, definition }, killer);
      return second === UNKNOWN_FUNCTION ? undefined : second;
    } catch (cause) {
      throw new ComputeError('WORKER_LOST', `the worker ended while it ran the task: ${reasonOf(cause)}`, { cause });
    }
  }

  #post(assignment: Assignment, killer: EventEmitter): Promise<Answer> {
    const { moved } = assignment;
    if (moved === undefined) return this.#threads.run(assignment, { signal: killer });
    const bytes = [moved.payload, ...moved.buffers].map((part) => part.buffer as ArrayBuffer); // never shared
    return this.#threads.run(assignment, { signal: killer, transferList: [...new Set(bytes)] });
  }

  async close(): Promise<void> {
    await this.#threads.destroy();
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return 'it passed its memory limit (mem_per_worker)';
  }
  const exited = /exited with code: (\d+)/.exec(cause.message);
  if (exited !== null) return `it exited with code ${exited[1]}`;
  return `an uncaught ${cause.name}: ${cause.message.split('\n', 1)[0]}`;
}
