// The thread pool. One assignment per slot; a slot's memory outlives the thread that worked in it.

import { Piscina } from 'piscina';
import { ComputeError } from '../../src/common/errors.ts';
import type { Assignment, LargeOutcome, WorkerSetup } from '../../src/common/protocol.ts';

export interface PoolOptions {
  readonly slots: number;
  readonly setup: WorkerSetup;
  /** null: no limit of its own. */
  readonly memoryMiB: number | null;
}

export class WorkerPool {
  readonly #threads: Piscina<Assignment, LargeOutcome | undefined>;

  constructor(options: PoolOptions) {
    this.#threads = new Piscina<Assignment, LargeOutcome | undefined>({
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
   * Runs an assignment. Rejects with WORKER_LOST when the thread ended in it, with the cause; with the signal's reason
   * when it was aborted, which ends the thread.
   */
  async run(assignment: Assignment, signal: AbortSignal): Promise<LargeOutcome | undefined> {
    const moved = [assignment.payload, ...assignment.buffers].map((bytes) => bytes.buffer as ArrayBuffer); // never shared
    try {
      return await this.#threads.run(assignment, { signal, transferList: [...new Set(moved)] });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new ComputeError('WORKER_LOST', `the worker ended while it ran the task: ${reasonOf(cause)}`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#threads.destroy();
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it passed its memory limit (mem_per_worker)';
  const exited = /exited with code: (\d+)/.exec(cause.message);
  if (exited !== null) return `it exited with code ${exited[1]}`;
  return `an uncaught ${cause.name}: ${cause.message.split('\n', 1)[0]}`;
}
