// What users hold: functions in, futures out.

import { setMaxListeners } from 'node:events';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { encodePayload } from '../common/payload.ts';
import type { FunctionId, Kind, ResourceSpecification } from '../common/protocol.ts';
import { Engine, type EngineStatus } from '../../engine/engine.ts';
import { parseEngineConfig } from '../../engine/config.ts';
import { definitionOf, type TaskFunction } from './functions.ts';
import { TaskFuture } from './future.ts';
import { mapTasks, type MapOptions } from './map.ts';

export interface ExecutorOptions {
  /** The field's engine block, as in an endpoint's config.yaml. Default: one block of workers on this machine. */
  readonly engine?: unknown;
  /** Where the run's folder is made; compute nodes must see it. Default: `~/.switchyard/runs`. */
  readonly directory?: string;
  /**
   * A name for this run. When its process is killed, blocks of a scheduler wait for an executor of the same name and
   * engine (`restart_timeout`, 2 minutes if not said), which takes them over; queued ones stay in the queue for it.
   * Whoever uses a name again vouches for the end of its last process. Default: none, and nothing waits.
   */
  readonly resumeAs?: string;
  /** 'trace' … 'fatal', or 'silent'; for the log files of engine, interchange and managers. Default: info. */
  readonly logLevel?: string;
}

export interface TaskOptions {
  /** From the start of the run on a worker. Default: no limit. */
  readonly timeoutMs?: number;
  /** Lower is sooner; tasks without one come last. */
  readonly priority?: number;
  /** How many more times a task is tried that raised, timed out or lost its worker. Default: 0. */
  readonly retries?: number;
  /** The task starts only in a block that lives at least this much longer. Default: 0. */
  readonly minRemainingMs?: number;
  /** Cores of one node that the task uses; it gets as many workers' as that takes. Default: what one worker has. */
  readonly cores?: number;
  /** GiB that the task uses, as `cores`. */
  readonly memory?: number;
  /** Accelerators that the task sees, as `cores`. Default: its worker's one, where there are any. */
  readonly gpus?: number;
  /** Whole nodes that the task runs on at once; in a GlobusMPIEngine. Default: 1. */
  readonly nodes?: number;
  /** MPI ranks on each node. Of nodes, ranksPerNode and numRanks any two imply the third. Default: 1. */
  readonly ranksPerNode?: number;
  /** MPI ranks in all. */
  readonly numRanks?: number;
  /** More options for srun or mpiexec, at the end of PARSL_MPI_PREFIX as they are. */
  readonly launcherOptions?: string;
  /** Aborting it cancels the tasks submitted with it. */
  readonly signal?: AbortSignal;
}

/** Submits tasks with certain options. An Executor is one, with none. */
export class Submitter {
  readonly #engine: Engine;
  readonly #options: TaskOptions;
  /** Kinds by function value or reference: what a kind costs is paid once per function, not per task. */
  readonly #kinds = new WeakMap<object, Kind>();
  readonly #kindsById = new Map<FunctionId, Kind>();
  readonly #aborting: Set<TaskFuture<unknown>> | undefined;

  constructor(engine: Engine, options: TaskOptions) {
    this.#engine = engine;
    this.#options = options;
    const { signal } = options;
    if (signal === undefined) return;
    const open = new Set<TaskFuture<unknown>>();
    this.#aborting = open;
    setMaxListeners(0, signal);
    signal.addEventListener('abort', () => {
      this.#engine.cancel([...open].filter((future) => future.status === 'waiting').map((future) => future.id));
      open.clear();
    }, { once: true });
  }

  /**
   * Hands a call over and returns at once. Throws NOT_SERIALIZABLE, PAYLOAD_TOO_LARGE, QUEUE_FULL or ENGINE_CLOSED, and
   * CONFIG_INVALID in a GlobusMPIEngine for a task that does not say what nodes it takes: then there is no task.
   */
  submit<A extends unknown[], R>(fn: TaskFunction<A, R>, ...args: A): TaskFuture<Awaited<R>> {
    const kind = this.#kinds.get(fn) ?? this.#makeKind(fn);
    if (this.#options.signal?.aborted === true) {
      throw new ComputeError('TASK_CANCELLED', 'the signal was aborted before');
    }
    const { bytes, buffers } = encodePayload(args, 'args');
    const future = new TaskFuture<Awaited<R>>(this.#engine);
    future.id = this.#engine.submit(kind, bytes, buffers, future);
    if (this.#aborting !== undefined) this.#track(future);
    return future;
  }

  /**
   * Calls `fn` for every input and yields results as they complete, or in the order of the inputs. Inputs are read only
   * as fast as results are taken: at most `window` tasks are open. The first failure ends it, unless `settled` is set.
   */
  map<I, R>(
    fn: TaskFunction<[I], R>, inputs: Iterable<I> | AsyncIterable<I>, options: MapOptions = {},
  ): AsyncGenerator<Awaited<R>, void, void> {
    return mapTasks((input: I) => this.submit(fn, input), inputs, options);
  }

  #makeKind(fn: TaskFunction): Kind {
    const id = this.#engine.define(definitionOf(fn));
    const kind = this.#kindsById.get(id) ?? this.#kindOf(id);
    this.#kindsById.set(id, kind);
    this.#kinds.set(fn, kind);
    return kind;
  }

  #kindOf(fn: FunctionId): Kind {
    const { timeoutMs = 0, retries = 0, minRemainingMs = 0, priority } = this.#options;
    const footprint = this.#engine.footprint(askedOf(this.#options));
    return {
      fn, timeoutMs, retries, minRemainingMs,
      ...(priority === undefined ? {} : { priority }), ...(footprint === undefined ? {} : { footprint }),
    };
  }

  #track(future: TaskFuture<unknown>): void {
    this.#aborting?.add(future);
    const forget = (): void => { this.#aborting?.delete(future); };
    future.then(forget, forget);
  }
}

/**
 * Runs functions on an engine of its own.
 *
 * ```ts
 * await using executor = new Executor();
 * const lengths = await Promise.all(words.map((word) => executor.submit((w: string) => w.length, word)));
 * ```
 */
export class Executor extends Submitter implements AsyncDisposable {
  readonly #engine: Engine;

  /** Throws CONFIG_INVALID. Nothing is started before the first task, or `start`. */
  constructor(options: ExecutorOptions = {}) {
    const engine = new Engine({
      config: parseEngineConfig(options.engine ?? {}),
      directory: options.directory,
      resumeAs: options.resumeAs,
      logLevel: options.logLevel,
      clock: systemClock,
    });
    super(engine, {});
    this.#engine = engine;
  }

  /** Brings the engine up. The first submit does it too, and then a failure reaches every future. */
  start(): Promise<void> {
    return this.#engine.start();
  }

  /**
   * The same executor, for tasks with these options. Throws CONFIG_INVALID for options that make no sense, and
   * TASK_TOO_LARGE for those that nothing in the engine's configuration can meet.
   */
  with(options: TaskOptions): Submitter {
    checkOptions(options);
    const asked = askedOf(options);
    if (Object.keys(asked).length > 0) this.#engine.footprint(asked);
    return new Submitter(this.#engine, options);
  }

  status(): EngineStatus {
    return this.#engine.status();
  }

  /** The interchange's own state, for people who look for a fault. */
  dump(): Promise<unknown> {
    return this.#engine.dump();
  }

  /** Resolves when every task submitted so far, and any submitted meanwhile, has settled. */
  drain(): Promise<void> {
    return this.#engine.drain();
  }

  /** Cancels every task that no manager has yet; those that run, or are next in line on their node, go on. */
  withdraw(): void {
    this.#engine.withdraw();
  }

  /**
   * `drain` waits for open tasks, `cancel` fails them with ENGINE_CLOSED; then blocks, managers and the interchange
   * end.
   */
  close(mode: 'drain' | 'cancel' = 'drain'): Promise<void> {
    return this.#engine.close(mode);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close('drain');
  }
}

const OPTIONS: Readonly<Record<keyof TaskOptions, 'number' | 'object' | 'string'>> = {
  timeoutMs: 'number', priority: 'number', retries: 'number', minRemainingMs: 'number', cores: 'number',
  memory: 'number', gpus: 'number', nodes: 'number', ranksPerNode: 'number', numRanks: 'number',
  launcherOptions: 'string', signal: 'object',
};

/** The field's own keys of what a task asks for. */
const ASKED = {
  cores: 'cores', memory: 'memory', gpus: 'gpus', nodes: 'num_nodes', ranksPerNode: 'ranks_per_node',
  numRanks: 'num_ranks', launcherOptions: 'launcher_options',
} as const satisfies { readonly [Option in keyof TaskOptions]: keyof ResourceSpecification };

function askedOf(options: TaskOptions): ResourceSpecification {
  const given = Object.entries(ASKED) as [keyof typeof ASKED, keyof ResourceSpecification][]; // its own keys
  return Object.fromEntries(given.flatMap(([option, key]) =>
    (options[option] === undefined ? [] : [[key, options[option]]])));
}

function checkOptions(options: TaskOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof TaskOptions] : undefined; // checked by hasOwn
    if (type === undefined) {
      const names = Object.keys(OPTIONS).join(', ');
      throw new ComputeError('CONFIG_INVALID', `there is no task option ${name}; there are ${names}`);
    }
    if (type === 'string' && value !== undefined && typeof value !== 'string') {
      throw new ComputeError('CONFIG_INVALID', `task option ${name} is ${String(value)} and must be text`);
    }
    const bad = type === 'number' && value !== undefined && (typeof value !== 'number' || Number.isNaN(value));
    if (bad || (name !== 'priority' && typeof value === 'number' && value < 0)) {
      const range = name === 'priority' ? '' : ', 0 or more';
      throw new ComputeError('CONFIG_INVALID', `task option ${name} is ${String(value)} and must be a number${range}`);
    }
  }
}
