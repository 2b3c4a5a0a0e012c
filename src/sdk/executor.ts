// What users hold: functions in, futures out, wherever they run.

import { isUuid } from '../amqp/shape.ts';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import { Engine } from '../../engine/engine.ts';
import { parseEngineConfig } from '../../engine/config.ts';
import { Client } from './client.ts';
import type { Destination, ExecutorStatus } from './destination.ts';
import { EndpointDestination } from './endpoint-destination.ts';
import { EngineDestination } from './engine-destination.ts';
import type { TaskFuture } from './future.ts';
import { Submitter } from './submitter.ts';
import { checkOptions, type TaskOptions } from './task-options.ts';

/** For an engine of one's own. */
export interface EngineExecutorOptions {
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

/** For an endpoint, through the service. */
export interface EndpointExecutorOptions {
  /** The endpoint that runs the tasks. */
  readonly endpointId: string;
  /** Default: SWITCHYARD_SERVICE_URL, or http://localhost:5000. */
  readonly serviceUrl?: string | undefined;
  /** Default: of the environment's client, or of `switchyard login`. */
  readonly token?: string | undefined;
  /**
   * Values for the template of a multi-user endpoint, or of any that has one. Default: none. The first task starts a
   * user endpoint of one's own with them, and tasks of the same values run there; those of others run in another. The
   * order of keys does not matter. Where it cannot be started (a value that the endpoint's schema does not allow, an
   * identity without a local account), tasks reject with SERVICE_REFUSED, or with ENDPOINT_REFUSED if they waited for
   * it: the message has the endpoint's own words.
   */
  readonly userEndpointConfig?: JsonObject | undefined;
  /** What each task asks for, in the field's keys: num_nodes, num_ranks, priority, … Default: nothing. */
  readonly resourceSpecification?: JsonObject | undefined;
  /** The group whose results are read here: its earlier tasks come with `reloadTasks`. Default: a new one. */
  readonly taskGroupId?: string | undefined;
  /** Tasks of one request to the service, at most 10,000. Default: 2,000. */
  readonly batchSize?: number | undefined;
}

export type ExecutorOptions = EngineExecutorOptions | EndpointExecutorOptions;

const BATCH_SIZE = 2_000;
const TASKS_MAX = 10_000;

/**
 * Runs functions on an engine of its own, or with an `endpointId` on an endpoint.
 *
 * ```ts
 * await using executor = new Executor();
 * const lengths = await Promise.all(words.map((word) => executor.submit((w: string) => w.length, word)));
 * ```
 */
export class Executor extends Submitter implements AsyncDisposable {
  readonly #destination: Destination;

  /** Throws CONFIG_INVALID. Nothing is started before the first task, or `start`. */
  constructor(options: ExecutorOptions = {}) {
    const destination = destinationOf(options);
    super(destination, {});
    this.#destination = destination;
  }

  /** Brings the engine up. The first submit does it too, and then a failure reaches every future. */
  start(): Promise<void> {
    return this.#destination.start();
  }

  /**
   * The same executor, for tasks with these options. Throws CONFIG_INVALID for options that make no sense, and
   * TASK_TOO_LARGE for those that nothing in the engine's configuration can meet.
   */
  with(options: TaskOptions): Submitter {
    checkOptions(options);
    return new Submitter(this.#destination, options);
  }

  status(): ExecutorStatus {
    return this.#destination.status();
  }

  /** The interchange's own state, or the endpoint's last report, for people who look for a fault. */
  dump(): Promise<unknown> {
    return this.#destination.dump();
  }

  /** At an endpoint: what the service calls the tasks of this executor together, once it has accepted any. */
  get taskGroupId(): string | undefined {
    return this.#destination instanceof EndpointDestination ? this.#destination.taskGroupId : undefined;
  }

  /**
   * Futures of the tasks that were submitted to this executor's task group before, by whatever process; those that have
   * ended are settled. Rejects with CONFIG_INVALID where there is no endpoint or no task group.
   */
  reloadTasks(): Promise<TaskFuture<unknown>[]> {
    if (this.#destination instanceof EndpointDestination) return this.#destination.reload();
    return Promise.reject(new ComputeError('CONFIG_INVALID', 'tasks of an engine of one\'s own end with it: only an '
      + 'executor with an endpointId can reload tasks'));
  }

  /** Resolves when every task submitted so far, and any submitted meanwhile, has settled. */
  drain(): Promise<void> {
    return this.#destination.drain();
  }

  /** Cancels every task that no manager has yet, or that was not sent yet; those that run go on. */
  withdraw(): void {
    this.#destination.withdraw();
  }

  /**
   * `drain` waits for open tasks, `cancel` fails them with ENGINE_CLOSED; then an engine's blocks, managers and
   * interchange end. An endpoint goes on with what it has.
   */
  close(mode: 'drain' | 'cancel' = 'drain'): Promise<void> {
    return this.#destination.close(mode);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close('drain');
  }
}

const ENGINE_KEYS: Readonly<Record<keyof EngineExecutorOptions, true>> = {
  engine: true, directory: true, resumeAs: true, logLevel: true,
};
const ENDPOINT_KEYS: Readonly<Record<keyof EndpointExecutorOptions, true>> = {
  endpointId: true, serviceUrl: true, token: true, userEndpointConfig: true, resourceSpecification: true,
  taskGroupId: true, batchSize: true,
};

function destinationOf(options: ExecutorOptions): Destination {
  if ('endpointId' in options && options.endpointId !== undefined) {
    refuseOthers(options, ENDPOINT_KEYS, 'an executor with an endpointId has no engine of its own');
    return endpointOf(options);
  }
  refuseOthers(options, ENGINE_KEYS, 'an executor without an endpointId runs tasks on an engine of its own');
  const { engine, directory, resumeAs, logLevel } = options as EngineExecutorOptions; // it has no other keys
  return new EngineDestination(new Engine({
    config: parseEngineConfig(engine ?? {}), directory, resumeAs, logLevel, clock: systemClock,
  }));
}

function endpointOf(options: EndpointExecutorOptions): EndpointDestination {
  const { endpointId, serviceUrl, token, taskGroupId, batchSize = BATCH_SIZE } = options;
  for (const [name, id] of Object.entries({ endpointId, taskGroupId })) {
    if (id === undefined || isUuid(id)) continue;
    throw new ComputeError('CONFIG_INVALID', `${name} is ${JSON.stringify(id)} and must be a UUID`);
  }
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > TASKS_MAX) {
    throw new ComputeError('CONFIG_INVALID', `batchSize is ${batchSize} and must be 1 to ${TASKS_MAX}`);
  }
  return new EndpointDestination(new Client({ serviceUrl, token }), {
    endpointId: endpointId.toLowerCase(), taskGroupId: taskGroupId?.toLowerCase(), batchSize,
    userEndpointConfig: options.userEndpointConfig, resourceSpecification: options.resourceSpecification,
  });
}

function refuseOthers(options: ExecutorOptions, known: Readonly<Record<string, true>>, why: string): void {
  const given = Object.entries(options).filter(([, value]) => value !== undefined).map(([key]) => key);
  const other = given.find((key) => !Object.hasOwn(known, key));
  if (other === undefined) return;
  const isOthers = Object.hasOwn(ENGINE_KEYS, other) || Object.hasOwn(ENDPOINT_KEYS, other);
  throw new ComputeError('CONFIG_INVALID', isOthers ? `${why}: option ${other} has no meaning there`
    : `there is no option ${other}; there are ${Object.keys(known).join(', ')}`);
}
