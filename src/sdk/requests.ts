// Parcels of tasks as requests to the service, and what it answers.

import { randomUUID } from 'node:crypto';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { formatJson, type JsonObject } from '../common/json.ts';
import type { Client } from './client.ts';
import type { EndpointFuture } from './endpoint-future.ts';
import type { EndpointTasks } from './endpoint-tasks.ts';
import { apart, bodyOf, Outbox, type Outgoing, type Parcel, type ParcelKind } from './outbox.ts';

export interface RequestsOptions {
  readonly endpointId: string;
  readonly userEndpointConfig: JsonObject | undefined;
  /** Of the group that the tasks are to belong to; the service makes one for the first request without. */
  readonly taskGroupId: string | undefined;
  /** Tasks of one request. */
  readonly tasksMax: number;
  /** The service has accepted tasks of this group: its stream is there. */
  readonly onGroup: (id: string) => void;
  readonly signal: AbortSignal;
}

type Task = Outgoing<EndpointFuture<unknown>>;
type Tasks = Parcel<EndpointFuture<unknown>>;

/** What the service refuses because of one function or its arguments. */
const ABOUT_FUNCTIONS: ReadonlySet<string> = new Set([
  'FUNCTION_NOT_FOUND', 'FUNCTION_NOT_PERMITTED', 'FUNCTION_TOO_LARGE', 'TASK_PAYLOAD_TOO_LARGE', 'BATCH_RUN_TOO_LARGE',
  'REQUEST_TOO_LARGE',
]);

/** How long a request is repeated while the service is away. */
const PATIENCE_MS = 600_000;

export class Requests {
  readonly #client: Client;
  readonly #tasks: EndpointTasks;
  readonly #options: RequestsOptions;
  readonly #outbox: Outbox<EndpointFuture<unknown>>;
  #group: string | undefined;

  constructor(client: Client, tasks: EndpointTasks, options: RequestsOptions) {
    this.#client = client;
    this.#tasks = tasks;
    this.#options = options;
    this.#group = options.taskGroupId;
    this.#outbox = new Outbox({
      tasksMax: options.tasksMax, isFirst: () => this.#group === undefined, send: (parcel) => this.#send(parcel),
    });
  }

  get group(): string | undefined {
    return this.#group;
  }

  add(kind: ParcelKind, functionId: string, codeBytes: number, task: Task): void {
    this.#outbox.add(kind, functionId, codeBytes, task);
  }

  async #send(parcel: Tasks): Promise<void> {
    const open = this.#unsettled(parcel);
    if (open.count === 0) return;
    const sentAtMs = systemClock.now();
    for (const { future } of [...open.functions.values()].flat()) future.sentAtMs = sentAtMs;
    this.#tasks.asked();
    try {
      const answer = await this.#client.submit(this.#options.endpointId, bodyOf(open, this.#fields()), {
        key: randomUUID(), patienceMs: PATIENCE_MS, signal: this.#options.signal,
      });
      this.#group = answer.task_group_id;
      this.#options.onGroup(answer.task_group_id);
      this.#accept(open, answer.tasks);
    } catch (error) {
      this.#onRefused(open, error as Error); // nothing else is thrown
    } finally {
      this.#tasks.answered();
    }
  }

  /** Without those that were cancelled meanwhile. */
  #unsettled(parcel: Tasks): Tasks {
    const functions = new Map<string, Task[]>();
    let count = 0;
    for (const [id, tasks] of parcel.functions) {
      const open = tasks.filter(({ future }) => this.#tasks.isOpen(future));
      count += open.length;
      if (open.length > 0) functions.set(id, open);
    }
    return { ...parcel, functions, count };
  }

  #fields(): string {
    const { userEndpointConfig: config } = this.#options;
    return (this.#group === undefined ? '' : `,"task_group_id":"${this.#group}"`)
      + (config === undefined ? '' : `,"user_endpoint_config":${formatJson(config)}`);
  }

  /** The answer's ids are in the order of the request's payloads. */
  #accept({ functions }: Tasks, answer: Readonly<Record<string, readonly string[]>>): void {
    for (const [id, tasks] of functions) {
      const ids = answer[id] ?? [];
      tasks.forEach(({ future }, i) => {
        const accepted = ids[i];
        if (accepted !== undefined) this.#tasks.accept(future, accepted);
        else this.#tasks.fail(future, leftOut());
      });
    }
  }

  /** One function of several may be the reason: then each goes by itself. A user endpoint is not started for each. */
  #onRefused(parcel: Tasks, error: Error): void {
    const isAboutOne = error instanceof ComputeError && error.code === 'SERVICE_REFUSED'
      && ABOUT_FUNCTIONS.has(String(error.details['code']));
    if (parcel.functions.size > 1 && isAboutOne) {
      for (const one of apart(parcel)) this.#outbox.again(one);
      return;
    }
    for (const { future } of [...parcel.functions.values()].flat()) this.#tasks.fail(future, error);
  }
}

function leftOut(): ComputeError {
  return new ComputeError('SERVICE_FAILED', 'the service left the task out of its answer');
}
