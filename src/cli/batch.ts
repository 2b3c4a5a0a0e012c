// The loop of a run: inputs → tasks → outcomes → recorder, with as many tasks open as the window lets in. Knows no
// terminal, no command line, no disk.
//
// A task is open from its submission until its result is recorded. It then counts as done; a task that was cancelled,
// or that failed for a reason that is not its own, is left: it is not recorded, and a resumed run starts it.

import { misuse } from './failure.ts';
import type { FinishedTasks } from './finished.ts';
import type { Inputs } from './inputs.ts';
import { inputCrc } from './journal-record.ts';
import { errorOf, isResult, resultLine, type Outcome, type Result, type ResultError } from './results.ts';

/** A task that was submitted, as far as a batch needs it. */
export interface OpenTask {
  readonly settled: PromiseLike<unknown>;
  /** Once it has settled. */
  facts(): Pick<Result, 'attempts' | 'ms' | 'node'>;
}

/** What runs tasks. */
export interface TaskRunner {
  submit(input: unknown): OpenTask;
  /** What a task's value says: a command's may be a failure. */
  outcomeOf(value: unknown): Outcome;
  /** How many there are at the moment. */
  workers(): number;
  /** Ends everything that has not been given to a node. */
  withdraw(): void;
  /** Ends everything that is open. */
  cancelAll(): void;
}

export interface Entry {
  readonly line: string;
  readonly size: number;
  readonly error: ResultError | undefined;
}

export interface BatchOptions {
  readonly inputs: Inputs;
  readonly runner: TaskRunner;
  readonly recorder: { add(entry: Entry): void; flush(): Promise<void> };
  readonly finished: FinishedTasks;
  readonly failuresMax: number;
}

/** Why a run ended. `drained`, `cancelled`: somebody asked. `failures`: too many. `error`: see there. */
export type End =
  | { readonly type: 'complete' | 'drained' | 'cancelled' | 'failures' }
  | { readonly type: 'error'; readonly error: unknown };

/** Enough that a strategy sees what is coming and asks for blocks; few enough that inputs stay on disk. */
const OPEN_TASKS_MAX = 16_384;
/** Of inputs and results; never so few tasks that workers idle. */
const OPEN_BYTES_MAX = 64 * 1024 * 1024;

export class Batch {
  readonly #options: BatchOptions;
  readonly #stopped = new AbortController();
  #end: End = { type: 'complete' };
  #openTasks = 0;
  #openBytes = 0;
  #wake: (() => void) | undefined;
  ok: number;
  failed: number;
  /** Submitted, and neither done nor open any more. */
  left = 0;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.ok = options.finished.ok;
    this.failed = options.finished.failed;
  }

  /** Resolves when nothing is open; never rejects. */
  async run(): Promise<End> {
    try {
      await this.#submitAll();
    } catch (error) {
      this.#stop({ type: 'error', error });
      this.#options.runner.withdraw();
    }
    while (this.#openTasks > 0) await this.#change();
    await this.#options.recorder.flush();
    return this.#end;
  }

  /** No new tasks; what runs finishes. */
  drain(): void {
    this.#stop({ type: 'drained' });
    this.#options.runner.withdraw();
  }

  /** Ends what runs, too. */
  cancel(): void {
    if (this.#end.type === 'drained') this.#end = { type: 'cancelled' };
    this.#stop({ type: 'cancelled' });
    this.#options.runner.cancelAll();
  }

  /** For the recorder: these are on disk. */
  onRecorded(entries: readonly Entry[]): void {
    const failed = entries.filter(({ error }) => error !== undefined).length;
    this.ok += entries.length - failed;
    this.failed += failed;
    for (const { size } of entries) this.#release(size);
    if (this.failed >= this.#options.failuresMax && !this.#stopped.signal.aborted) {
      this.#stop({ type: 'failures' });
      this.#options.runner.withdraw();
    }
  }

  /** For the recorder: these will never be on disk, nor will any others. */
  onLost(error: unknown, entries: readonly Entry[]): void {
    this.left += entries.length;
    for (const { size } of entries) this.#release(size);
    this.#fail(error);
  }

  /** No result can be kept, or no task can run. */
  #fail(error: unknown): void {
    if (this.#end.type !== 'error') this.#end = { type: 'error', error };
    this.#stop(this.#end);
    this.#options.runner.cancelAll();
  }

  #stop(end: End): void {
    if (this.#stopped.signal.aborted) return;
    this.#end = end;
    this.#stopped.abort();
    this.#wake?.();
  }

  async #submitAll(): Promise<void> {
    const { inputs, finished } = this.#options;
    let index = 0;
    for await (const values of inputs.batches(this.#stopped.signal)) {
      for (const value of values) {
        if (finished.has(index)) this.#checkSame(index, value);
        else {
          while (!this.#hasRoom() && !this.#stopped.signal.aborted) await this.#change();
          if (this.#stopped.signal.aborted) return;
          this.#submit(index, value);
        }
        index += 1;
      }
    }
    if (finished.end > index && !this.#stopped.signal.aborted) {
      throw misuse(`the journal belongs to another run: it knows a task ${finished.end - 1}, the inputs end before it`);
    }
  }

  #checkSame(index: number, value: unknown): void {
    if (this.#options.finished.hadInput(index, inputCrc(JSON.stringify(value)))) return;
    throw misuse(`the journal belongs to another run: input ${index} is not what it was then`);
  }

  #hasRoom(): boolean {
    if (this.#openTasks < OPEN_TASKS_MAX && this.#openBytes < OPEN_BYTES_MAX) return true;
    const enough = 2 * this.#options.runner.workers();
    return this.#openTasks < enough || this.#openTasks === 0;
  }

  #submit(index: number, value: unknown): void {
    const { runner } = this.#options;
    const input = JSON.stringify(value);
    this.#openTasks += 1;
    this.#openBytes += input.length;
    const end = (outcome: Outcome, task?: OpenTask): void => {
      const facts = task?.facts() ?? { attempts: 1, ms: undefined, node: undefined };
      this.#record({ index, input: value, outcome, ...facts }, input);
    };
    const fail = (reason: unknown, task?: OpenTask): void => {
      if (isResult(reason)) end({ ok: false, error: errorOf(reason) }, task);
      else this.#leave(input.length, reason);
    };
    try {
      const task = runner.submit(value);
      task.settled.then((result) => end(runner.outcomeOf(result), task), (reason: unknown) => fail(reason, task));
    } catch (reason) {
      fail(reason); // it is too large, say, and never became a task
    }
  }

  #record(result: Result, input: string): void {
    const line = resultLine(result, input);
    const error = result.outcome.ok ? undefined : result.outcome.error;
    this.#openBytes += line.length;
    this.#options.recorder.add({ line, size: input.length + line.length, error });
  }

  #leave(size: number, reason: unknown): void {
    this.left += 1;
    this.#release(size);
    // A task that we withdrew says so; with any other reason the rest would fare no better.
    if (!this.#stopped.signal.aborted) this.#fail(reason);
  }

  #release(size: number): void {
    this.#openTasks -= 1;
    this.#openBytes -= size;
    this.#wake?.();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
