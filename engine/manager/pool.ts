// The thread pool: one session per slot. A slot's memory outlives the thread that worked in it.

import { Piscina } from 'piscina';
import { ComputeError } from '../../src/common/errors.ts';
import type { WorkerSetup } from '../../src/common/process-config.ts';
import type { Assignment, LargeOutcome, SessionStart } from '../../src/common/protocol.ts';
import type { SlotMemory } from '../../src/common/slot-memory.ts';
import { Session } from './session.ts';

export interface PoolOptions {
  readonly slots: number;
  readonly setup: WorkerSetup;
  /** Threads that are there before they are needed. Default: 1. */
  readonly minThreads?: number;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #threads: Piscina<SessionStart>;
  readonly #sessions: (Session | undefined)[] = [];
  /** For tasks that have the memory of several workers: a thread's limit is for its life. */
  readonly #wider = new Map<number, WorkerPool>();

  constructor(options: PoolOptions) {
    this.#options = options;
    const { memoryMiB } = options.setup;
    this.#threads = new Piscina<SessionStart>({
      filename: new URL('../worker/main.js', import.meta.url).href,
      minThreads: options.minThreads ?? 1,
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
      ...(memoryMiB === null ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMiB } }),
    });
    // A thread that fails between assignments is replaced by the pool and took no task with it.
    this.#threads.on('error', () => { /* the next assignment gets a fresh thread */ });
  }

  /**
   * Runs an assignment in a slot. Rejects with WORKER_LOST when the thread ended in it, by itself or by `kill`; the
   * next one gets another thread, and the memory that it comes with.
   */
  async run(
    { index, memory }: { readonly index: number; readonly memory: SlotMemory }, assignment: Assignment,
    definition: Uint8Array,
  ): Promise<LargeOutcome | undefined> {
    const known = this.#sessions[index];
    if (known !== undefined && known.memory !== memory.shared) {
      // The slot got fresh memory when a thread of another width was ended in it.
      known.killer.emit('abort');
      this.#sessions[index] = undefined;
    }
    const session = this.#sessions[index] ??= this.#open(index, memory);
    try {
      return await session.assign(assignment, definition);
    } catch (cause) {
      throw new ComputeError('WORKER_LOST', `the worker ended while it ran the task: ${reasonOf(cause)}`, { cause });
    }
  }

  /** A session that ends, in an assignment or between two, is forgotten: the next assignment opens another. */
  #open(index: number, memory: SlotMemory): Session {
    const session = new Session(index, memory.shared, async (start, killer) => {
      try {
        await this.#threads.run(start, { signal: killer, transferList: [start.port] });
      } finally {
        if (this.#sessions[index] === session) this.#sessions[index] = undefined;
      }
    });
    return session;
  }

  /** Threads with so many times the memory. */
  ofWidth(width: number): WorkerPool {
    const { setup } = this.#options;
    const { memoryMiB } = setup;
    if (width === 1 || memoryMiB === null) return this;
    const found = this.#wider.get(width)
      ?? new WorkerPool({ ...this.#options, setup: { ...setup, memoryMiB: memoryMiB * width }, minThreads: 0 });
    this.#wider.set(width, found);
    return found;
  }

  /** Ends the thread that works in a slot. */
  kill(index: number): void {
    this.#sessions[index]?.killer.emit('abort');
  }

  async close(): Promise<void> {
    await Promise.all([this.#threads.destroy(), ...[...this.#wider.values()].map((pool) => pool.close())]);
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
