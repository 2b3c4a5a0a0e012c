// An endpoint as the place where tasks go: through the service there, and over a stream of the broker back.

import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { formatJson, type JsonObject } from '../common/json.ts';
import { encodePayload } from '../common/payload.ts';
import type { TaskPlace } from '../common/protocol.ts';
import type { Client } from './client.ts';
import type { Destination, ExecutorStatus, Lane } from './destination.ts';
import { EndpointFuture, type Sender } from './endpoint-future.ts';
import { EndpointTasks } from './endpoint-tasks.ts';
import type { TaskFunction } from './functions.ts';
import type { TaskFuture } from './future.ts';
import { LookUps } from './look-ups.ts';
import type { ParcelKind } from './outbox.ts';
import { payloadOf, RemoteFunctions } from './remote-functions.ts';
import { Requests } from './requests.ts';
import { Results } from './results.ts';
import { askedOf, type TaskOptions } from './task-options.ts';
import { JSON_SERIALIZER, type Language } from './wire-format.ts';

export interface EndpointTarget {
  readonly endpointId: string;
  readonly taskGroupId: string | undefined;
  readonly userEndpointConfig: JsonObject | undefined;
  readonly resourceSpecification: JsonObject | undefined;
  /** Tasks of one request. */
  readonly batchSize: number;
}

const OPEN_MAX = 1_000_000;

export class EndpointDestination implements Destination, Sender {
  readonly #client: Client;
  readonly #target: EndpointTarget;
  readonly #tasks = new EndpointTasks();
  readonly #closing = new AbortController();
  readonly #functions: RemoteFunctions;
  readonly #requests: Requests;
  readonly #results: Results;
  readonly #lookUps: LookUps;
  #closed: Promise<void> | undefined;

  constructor(client: Client, target: EndpointTarget) {
    const tasks = this.#tasks;
    this.#client = client;
    this.#target = target;
    this.#functions = new RemoteFunctions(client, this.#closing.signal);
    this.#requests = new Requests(client, tasks, {
      ...target, tasksMax: target.batchSize, signal: this.#closing.signal, onGroup: (id) => this.#read(id),
    });
    this.#results = new Results({
      client, onGap: () => this.#lookUps.onGap(),
      onResults: (results) => {
        tasks.onResults(results);
        this.#lookUps.onNews();
      },
    });
    this.#lookUps = new LookUps({
      client, open: () => tasks.acceptedIds(), onState: (id, state) => tasks.onState(id, state),
      isReading: () => this.#results.isReading,
      onRefused: (error) => { for (const future of tasks.all()) tasks.fail(future, error); },
    });
  }

  get taskGroupId(): string | undefined {
    return this.#requests.group;
  }

  lane(options: TaskOptions): Lane {
    for (const name of ['timeoutMs', 'retries', 'minRemainingMs'] as const) {
      if (options[name] !== undefined) {
        throw new ComputeError('CONFIG_INVALID', `task option ${name} is for an engine of one's own: at an endpoint it `
          + 'is for whoever configures that');
      }
    }
    const { priority } = options;
    const resources = {
      ...this.#target.resourceSpecification, ...askedOf(options), ...priority === undefined ? {} : { priority },
    };
    const fields = Object.keys(resources).length === 0 ? ''
      : `,"resource_specification":${formatJson(resources)}`;
    const kinds = {
      javascript: { key: fields, fields },
      python: { key: `python${fields}`, fields: `${fields},"result_serializers":["${JSON_SERIALIZER}"]` },
    };
    return { submit: <R>(fn: TaskFunction, args: readonly unknown[]) => this.#submit<R>(kinds, fn, args) };
  }

  start(): Promise<void> {
    this.#results.prepare();
    return Promise.resolve();
  }

  recall(future: EndpointFuture<unknown>): boolean {
    if (future.sentAtMs !== 0) return false;
    this.#tasks.fail(future, cancelled('the task was cancelled before it was sent'));
    return true;
  }

  cancel(futures: readonly TaskFuture<unknown>[]): void {
    for (const future of futures) {
      if (!(future instanceof EndpointFuture)) continue;
      this.#tasks.fail(future, cancelled(future.sentAtMs === 0 ? 'the task was cancelled before it was sent'
        : 'the task was given up: the endpoint has it, and may still run it'));
    }
  }

  withdraw(): void {
    for (const future of this.#tasks.all()) this.recall(future);
  }

  async locate(future: EndpointFuture<unknown>): Promise<TaskPlace> {
    const { accepted, sentAtMs } = future;
    if (accepted === undefined) {
      return { at: 'waiting', reason: sentAtMs === 0 ? 'it has not been sent' : 'the service has not accepted it yet' };
    }
    const state = await this.#client.taskState(accepted);
    return state.state === 'open' ? { at: 'waiting', reason: state.status } : { at: 'unknown' };
  }

  status(): ExecutorStatus {
    const { open, unaccepted, settled, duplicates } = this.#tasks;
    return {
      waiting: open, held: 0, workers: 0, settled, managers: [], blocks: [], interchange: undefined,
      folder: undefined,
      service: {
        url: this.#client.url, endpointId: this.#target.endpointId, taskGroupId: this.#requests.group,
        unsent: unaccepted, duplicates, reconnects: this.#results.reconnects,
      },
    };
  }

  async dump(): Promise<unknown> {
    const endpoint = await this.#client.endpointState(this.#target.endpointId);
    const { isReading, unreadable } = this.#results;
    return { ...this.status().service, endpoint, isReading, unreadable };
  }

  drain(): Promise<void> {
    return this.#tasks.drained();
  }

  close(mode: 'drain' | 'cancel'): Promise<void> {
    if (mode === 'cancel') {
      const failure = new ComputeError('ENGINE_CLOSED', 'the executor was closed before the task settled');
      for (const future of this.#tasks.all()) this.#tasks.fail(future, failure);
    }
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Futures of all tasks of the group that are not open here already: those that ended have settled. */
  async reload(): Promise<TaskFuture<unknown>[]> {
    const group = this.#requests.group;
    if (group === undefined) {
      throw new ComputeError('CONFIG_INVALID', 'there is no task group yet: give the executor a taskGroupId');
    }
    this.#refuseClosed();
    const ids = await this.#client.taskGroup(group);
    const futures = ids.filter((id) => this.#tasks.find(id) === undefined).map((id) => {
      const future = this.#tasks.add<unknown>(this);
      future.sentAtMs = systemClock.now();
      this.#tasks.accept(future, id);
      return future;
    });
    this.#read(group);
    await this.#lookUps.ask(futures.flatMap(({ accepted }) => accepted ?? []));
    return futures;
  }

  async #close(): Promise<void> {
    await this.#tasks.drained();
    this.#closing.abort(new ComputeError('ENGINE_CLOSED', 'the executor was closed'));
    await Promise.all([this.#results.close(), this.#lookUps.close()]);
  }

  #read(group: string): void {
    this.#results.open(group);
    this.#lookUps.start();
  }

  #refuseClosed(): void {
    if (this.#closed === undefined) return;
    throw new ComputeError('ENGINE_CLOSED', 'the executor is closed: it takes no more tasks');
  }

  #submit<R>(
    kinds: Readonly<Record<Language, ParcelKind>>, fn: TaskFunction, args: readonly unknown[],
  ): TaskFuture<R> {
    this.#refuseClosed();
    if (this.#tasks.open >= OPEN_MAX) {
      throw new ComputeError('QUEUE_FULL', `${OPEN_MAX} tasks are open, which is as many as an executor takes`);
    }
    const encoded = encodePayload(args, 'args');
    const remote = this.#functions.get(fn);
    const payload = remote === undefined ? undefined : payloadOf(remote, encoded);
    const future = this.#tasks.add<R>(this);
    this.#results.prepare();
    if (remote !== undefined && payload !== undefined) {
      future.language = remote.language;
      this.#requests.add(kinds[remote.language], remote.id, remote.codeBytes, { payload, future });
      return future;
    }
    this.#functions.whenReady(fn, (ready) => {
      try {
        if (ready instanceof Error) throw ready;
        future.language = ready.language;
        const task = { payload: payloadOf(ready, encoded), future };
        this.#requests.add(kinds[ready.language], ready.id, ready.codeBytes, task);
      } catch (error) {
        this.#tasks.fail(future, error as Error); // nothing else is thrown
      }
    });
    return future;
  }
}

function cancelled(message: string): ComputeError {
  return new ComputeError('TASK_CANCELLED', message);
}
