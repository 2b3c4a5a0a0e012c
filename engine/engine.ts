// An engine: tasks in, outcomes out. Owns an interchange process and the blocks on which managers run; payloads are
// bytes to it.

import { join } from 'node:path';
import { systemClock, type Clock } from '../src/common/clock.ts';
import { ComputeError } from '../src/common/errors.ts';
import { fileLog, silentLog, type Logger } from '../src/common/log.ts';
import { encodeFailure } from '../src/common/payload.ts';
import type {
  Footprint, FunctionDefinition, FunctionId, Kind, ManagerSummary, ResourceSpecification, TaskId, TaskPlace,
} from '../src/common/protocol.ts';
import { insistOnProvider } from '../providers/index.ts';
import { TERMINAL_STATES } from '../providers/provider.ts';
import { Allocation, type BlockStatus } from './allocation.ts';
import type { EngineConfig } from './config.ts';
import { footprintOf } from './footprint.ts';
import { EngineLink } from './link.ts';
import { concernsBlocks, NO_LOAD } from './load.ts';
import type { TaskSink } from './pending.ts';
import { cleanRun } from './run-blocks.ts';
import { closeRun, openAnew, openRun, type Run } from './run.ts';
import { directoryOfRuns, pruneRuns } from './runs.ts';

export interface EngineOptions {
  readonly config: EngineConfig;
  /** Where the run's folder is made: keys, logs, scripts and output of blocks. Default: `~/.switchyard/runs`. */
  readonly directory?: string | undefined;
  /**
   * A name for this run. When its process is killed, blocks of a scheduler wait for an engine of the same name and
   * configuration, `restart_timeout` at most; it takes them over, and gives back what it has no use for. Who starts an
   * engine under a name vouches for the end of the last one.
   */
  readonly resumeAs?: string | undefined;
  /** Default: engine.log in the run's folder. */
  readonly log?: Logger | undefined;
  readonly clock?: Clock | undefined;
  readonly logLevel?: string | undefined;
}

export interface EngineStatus {
  readonly waiting: number;
  readonly held: number;
  /** Slots over all managers. */
  readonly workers: number;
  readonly settled: number;
  readonly managers: readonly ManagerSummary[];
  readonly blocks: readonly BlockStatus[];
  readonly interchange: { readonly pid: number } | undefined;
  /** Keys, logs and block folders of this run. */
  readonly folder: string | undefined;
}

/**
 * Managers that an earlier process left may still speak of its tasks, so ours must not have the same ids: they begin
 * with the time. No engine takes so many tasks in a millisecond.
 */
const TASKS_PER_MS = 2048;
/** How long blocks of earlier runs may take to end. */
const LEFT_OVER_MAX_MS = 60_000;

export class Engine {
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  #log: Logger;
  /** Of the log that is the run's own. */
  #closeLog: (() => void) | undefined;
  readonly #link: EngineLink;
  #run: Run | undefined;
  #blocks: Allocation | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Why it takes no more tasks, where nobody closed it. */
  #failure: ComputeError | undefined;
  #load = NO_LOAD;
  /** Blocks of earlier runs of this name are given back meanwhile, and old folders removed. */
  #cleaning: readonly Promise<unknown>[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    const currentLog = (): Logger => this.#log;
    this.#link = new EngineLink(options.config, {
      firstTask: options.resumeAs === undefined ? 1 : Math.floor(this.#clock.now()) * TASKS_PER_MS,
      clock: this.#clock,
      get log() { return currentLog(); },
      onLoad: (load) => {
        const matters = concernsBlocks(this.#load, load);
        this.#load = load;
        if (matters) this.#blocks?.poke();
      },
      onLost: (error) => {
        this.#log.error({ err: error }, 'engine lost');
        void this.#fail(error);
      },
    });
  }

  /** Safe to call again; the first submit calls it. Rejects with START_FAILED, and so does every open task then. */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch(async (error: unknown) => {
      const failure = error instanceof ComputeError
        ? error : new ComputeError('START_FAILED', 'the engine did not start', { cause: error });
      await this.#fail(failure);
      throw failure;
    });
    return this.#starting;
  }

  define(definition: FunctionDefinition): FunctionId {
    return this.#link.define(definition);
  }

  /** What a task that asks for this takes of a manager. Throws CONFIG_INVALID, or TASK_TOO_LARGE. */
  footprint(asked: ResourceSpecification): Footprint | undefined {
    return footprintOf(this.#options.config, asked);
  }

  /**
   * Takes a task; its sink hears of it exactly once. Throws QUEUE_FULL, PAYLOAD_TOO_LARGE, ENGINE_CLOSED or what the
   * engine failed of, and then the task was not taken.
   */
  submit(kind: Kind, bytes: Uint8Array, buffers: readonly Uint8Array[], sink: TaskSink): TaskId {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) {
      throw new ComputeError('ENGINE_CLOSED', 'the engine is closed: it takes no more tasks');
    }
    if (this.#starting === undefined) this.start().catch(() => { /* every open task is told */ });
    return this.#link.submit(kind, bytes, buffers, sink);
  }

  /** Asks for the end of tasks; those that end by it fail with TASK_CANCELLED. */
  cancel(ids: readonly TaskId[]): void {
    this.#link.cancel(ids);
  }

  /** Ends every task that waits with TASK_CANCELLED; what a manager has goes on. */
  withdraw(): void {
    this.#link.failWaiting({
      code: 'TASK_CANCELLED', name: 'ComputeError', message: 'the task was withdrawn before it started',
    });
  }

  locate(id: TaskId): Promise<TaskPlace> {
    return this.#link.locate(id);
  }

  /** The interchange's own state, for people who look for a fault. */
  dump(): Promise<unknown> {
    return this.#link.dump();
  }

  get open(): number {
    return this.#link.open;
  }

  status(): EngineStatus {
    const { managers } = this.#load;
    return {
      // Of what is open, all that no manager holds waits: in the interchange, or on the way there.
      waiting: Math.max(0, this.#link.open - this.#load.held),
      held: Math.min(this.#load.held, this.#link.open),
      workers: managers.reduce((sum, manager) => sum + manager.slots, 0),
      settled: this.#link.settled,
      managers,
      blocks: this.#blocks?.status() ?? [],
      interchange: this.#link.pid === undefined ? undefined : { pid: this.#link.pid },
      folder: this.#run?.folder,
    };
  }

  /** Resolves when no task is open. */
  drain(): Promise<void> {
    return this.#link.drained();
  }

  /** Drains or cancels what is open, ends every block, manager and the interchange. Safe to call again. */
  close(mode: 'drain' | 'cancel' = 'drain'): Promise<void> {
    if (mode === 'cancel') {
      this.#link.fail(new ComputeError('ENGINE_CLOSED', 'the engine was closed before the task settled'));
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(): Promise<void> {
    const { config } = this.#options;
    insistOnProvider(config.provider);
    const run = await this.#open();
    this.#openLog(run);
    this.#cleaning = run.leftOver.map((left) => cleanRun(left, this.#clock, LEFT_OVER_MAX_MS)
      .catch((err: unknown) => this.#log.warn({ err, run: left.name }, 'left over blocks not given back')))
      .concat(pruneRuns(directoryOfRuns(this.#options.directory), this.#clock.now()));
    const listening = this.#listen(run);
    this.#blocks = new Allocation(config, run, {
      clock: this.#clock,
      log: this.#log,
      // What is open here is the demand: the interchange hears of it a moment later.
      load: () => ({ ...this.#load, waiting: this.#demand() - this.#load.held }),
      drain: (blocks) => this.#link.tell({ type: 'drain-blocks', blocks }),
      onEnds: (ends) => this.#link.tell({ type: 'block-ends', ends }),
      runMs: () => this.#link.runTimes.meanMs,
      onFailed: (error) => this.#link.failWaiting(encodeFailure(error, error.code, error.details)),
      managerPort: listening,
    });
    // Side by side: the first blocks are on their way through the scheduler while the interchange starts.
    await Promise.all([listening, this.#blocks.start()]);
  }

  /** Starts the interchange, where `#open` did not need it; its port for managers. */
  async #listen(run: Run): Promise<number> {
    if (run.followed === undefined) await this.#link.start(run);
    const { managerPort } = this.#link;
    await run.file.port(managerPort);
    return managerPort;
  }

  /** A run; one that goes on with an earlier run's has an interchange on its port, or it is another run. */
  async #open(): Promise<Run> {
    const { config } = this.#options;
    const run = await openRun(config, this.#options);
    this.#run = run;
    if (run.followed === undefined) return run;
    try {
      await this.#link.start(run);
      return run;
    } catch (err) {
      // Most likely somebody has taken the port that its managers know.
      this.#log.warn({ err, run: run.folder }, 'run not gone on with');
      this.#run = await openAnew(run, config, this.#options);
      return this.#run;
    }
  }

  /** Beside the interchange's own, where nobody gave us one. */
  #openLog({ folder, logLevel }: Run): void {
    if (this.#options.log !== undefined) return;
    const { log, close } = fileLog('engine', { level: logLevel, path: join(folder, 'engine.log') });
    this.#log = log;
    this.#closeLog = () => {
      this.#log = silentLog;
      close();
    };
  }

  /** Slots that what is open takes. */
  #demand(): number {
    const { held, extraSlots = 0 } = this.#load;
    return this.#link.open === 0 ? held : Math.max(held, this.#link.open) + extraSlots;
  }

  async #close(): Promise<void> {
    await this.#link.drained();
    await this.#starting?.catch(() => { /* said to whoever called start */ });
    await this.#end();
  }

  /** It cannot go on: every open task fails, and what is left of it ends. */
  #fail(failure: ComputeError): Promise<void> {
    this.#failure = failure;
    this.#link.fail(failure);
    const ended = this.#end(); // not #close, which waits for a start that may be waiting here
    this.#closing ??= ended;
    return ended;
  }

  async #end(): Promise<void> {
    this.#link.stopManagers();
    await this.#blocks?.close();
    await this.#link.close();
    await Promise.all(this.#cleaning);
    const left = this.#blocks?.status().some(({ state }) => !TERMINAL_STATES.has(state)) ?? false;
    // What the scheduler would not end is still known to whoever cleans up.
    if (left) await this.#run?.file.release();
    else if (this.#run !== undefined) await closeRun(this.#run, this.#clock.now());
    this.#closeLog?.();
  }
}
