// The service's side of the broker: what it declares, what it publishes, what it reads.

import type { TaskBundle } from '../amqp/bundles.ts';
import { Connection } from '../amqp/connection.ts';
import { Consumer, type Delivery } from '../amqp/consumer.ts';
import {
  commandQueue, commandQueueDeclaration, COMMANDS, DEFAULT_EXCHANGE, HEARTBEATS, RESULTS, SERVICE_DECLARATIONS,
  STREAM_IDLE_MS, streamDeclaration, streamQueue, taskQueue, taskQueueDeclaration, TASKS, type Declaration,
} from '../amqp/names.ts';
import { encodeMessage } from '../amqp/messages.ts';
import { Publisher, type Outgoing } from '../amqp/publisher.ts';
import { COMMAND_CONTENT_TYPE, encodeStartCommand, type StartCommand } from '../amqp/start-command.ts';
import { writeTaskHeaders, type TaskHeaders } from '../amqp/task-headers.ts';
import { Topology } from '../amqp/topology.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import type { Broker } from './broker.ts';
import { Cache } from './cache.ts';

export interface OutgoingTask extends TaskHeaders {
  readonly buffer: string;
}

export interface CourierDeps {
  readonly broker: Broker;
  readonly log: Logger;
  readonly clock: Clock;
}

/** How long a broker that is just starting may take. */
const PATIENCE_MS = 20_000;
const RESULTS_IN_HAND = 2_000;
const HEARTBEATS_IN_HAND = 200;
/** Queues that were declared and need not be again. */
const DECLARED_MAX = 50_000;
/** The broker deletes streams that nobody reads or declares for longer than `STREAM_IDLE_MS`. */
const STREAM_DECLARED_MS = STREAM_IDLE_MS / 2;

interface DeclaredStream {
  readonly there: Promise<void>;
  readonly straight: boolean;
  readonly untilMs: number;
  isThere: boolean;
}

export class Courier {
  readonly #deps: CourierDeps;
  readonly #out: Connection;
  readonly #in: Connection;
  readonly #topology: Topology;
  readonly #tasks: Publisher;
  readonly #commands: Publisher;
  readonly #streams: Publisher;
  readonly #consumers: Consumer[] = [];
  readonly #declared = new Cache<Promise<void>>(DECLARED_MAX);
  /** By the names of their queues. */
  readonly #declaredStreams = new Cache<DeclaredStream>(DECLARED_MAX);

  private constructor(deps: CourierDeps) {
    const { broker: { url }, log, clock } = deps;
    this.#deps = deps;
    // A broker that runs out of memory stops reading from publishers: what reads is on a connection of its own.
    this.#out = new Connection({ url, name: 'service, publishing', patienceMs: PATIENCE_MS }, { log, clock });
    this.#in = new Connection({ url, name: 'service, reading', patienceMs: PATIENCE_MS }, { log, clock });
    this.#topology = new Topology(this.#in, { log, clock });
    this.#tasks = new Publisher(this.#out, { log, clock }, { inFlightMax: 4_000 });
    this.#commands = new Publisher(this.#out, { log, clock });
    this.#streams = new Publisher(this.#out, { log, clock }, { inFlightMax: 4_000 });
    this.#in.attach({
      onOpen: () => { /* the next that is declared or granted uses it */ },
      // What comes back may be another broker, or the same without its memory.
      onLost: () => this.#forget(),
      onEnd: () => { /* whoever publishes or reads is told */ },
    });
  }

  /** Throws BROKER_UNREACHABLE or BROKER_REFUSED. */
  static async open(deps: CourierDeps): Promise<Courier> {
    const courier = new Courier(deps);
    try {
      await Promise.all([courier.#out.open(), courier.#in.open()]);
      await courier.#topology.declare(SERVICE_DECLARATIONS);
    } catch (error) {
      await courier.close();
      throw error;
    }
    return courier;
  }

  get isConnected(): boolean {
    return this.#out.isOpen && this.#in.isOpen;
  }

  async declareTasks(endpoint: string): Promise<void> {
    await this.#declare(taskQueueDeclaration(endpoint));
  }

  async declareCommands(endpoint: string): Promise<void> {
    await this.#declare(commandQueueDeclaration(endpoint));
  }

  /** `straight`: endpoints' results for the group come into it without the service. */
  async declareStream(identity: string, group: string, straight: boolean): Promise<void> {
    const name = streamQueue(identity, group);
    const known = this.#declaredStreams.get(name);
    if (known?.straight === straight && this.#deps.clock.now() < known.untilMs) {
      await known.there;
      return;
    }
    // Its messages come one by one from now on, so what endpoints send together may not come any more.
    const there = this.#topology.declare([streamDeclaration(identity, group, straight)])
      .then(() => (straight ? undefined : this.#topology.unbind(streamDeclaration(identity, group, true))));
    const untilMs = this.#deps.clock.now() + STREAM_DECLARED_MS;
    const declared: DeclaredStream = { there, straight, untilMs, isThere: false };
    this.#declaredStreams.set(name, declared);
    there.then(() => { declared.isThere = true; }, () => this.#declaredStreams.delete(name));
    await there;
  }

  /** Whoever reads it may find it gone: the next declaration asks the broker. */
  forgetStream(identity: string, group: string): void {
    this.#declaredStreams.delete(streamQueue(identity, group));
  }

  /** Whether what endpoints publish for the group's stream is known to have come there. */
  isStraight(identity: string, group: string): boolean {
    const known = this.#declaredStreams.get(streamQueue(identity, group));
    return known !== undefined && known.straight && known.isThere && this.#deps.clock.now() < known.untilMs;
  }

  /** With all that waits in them. */
  async deleteQueues(endpoint: string): Promise<void> {
    const names = [taskQueue(endpoint), commandQueue(endpoint)];
    for (const name of names) this.#declared.delete(name);
    await this.#topology.deleteQueues(names);
  }

  /** What waits for it is dropped; who reads it stays. */
  async purgeTasks(endpoint: string): Promise<void> {
    await this.declareTasks(endpoint);
    await this.#topology.purge(taskQueue(endpoint));
  }

  /** Resolves when the broker has it. PUBLISH_FAILED with `reason` 'unroutable': its queue has to be declared again. */
  async publishTask(endpoint: string, task: OutgoingTask): Promise<void> {
    const body = encodeMessage({ type: 'task', taskId: task.taskId, taskBuffer: task.buffer });
    const headers = writeTaskHeaders(task);
    await this.#publishTasks({ routingKey: taskQueue(endpoint), body, messageId: task.taskId, headers });
  }

  /** As `publishTask`, for an endpoint that takes bundles. */
  async publishTaskBundle(endpoint: string, bundle: TaskBundle): Promise<void> {
    const messageId = bundle.tasks[0]?.taskId ?? '';
    await this.#publishTasks({ routingKey: taskQueue(endpoint), body: encodeMessage(bundle), messageId });
  }

  async #publishTasks(message: Omit<Outgoing, 'exchange'>): Promise<void> {
    try {
      await this.#tasks.publish({ exchange: TASKS, contentType: 'application/json', ...message });
    } catch (error) {
      if (reasonOf(error) === 'unroutable') this.#declared.delete(message.routingKey);
      throw error;
    }
  }

  async publishCommand(manager: string, command: StartCommand): Promise<void> {
    await this.#commands.publish({
      exchange: COMMANDS, routingKey: commandQueue(manager), body: encodeStartCommand(command),
      contentType: COMMAND_CONTENT_TYPE, timestampS: this.#nowS(),
    });
  }

  /** False when nobody waits for it any more: it can still be asked for over HTTP. */
  async publishResult(identity: string, group: string, body: Uint8Array): Promise<boolean> {
    try {
      await this.#streams.publish({
        exchange: DEFAULT_EXCHANGE, routingKey: streamQueue(identity, group), body, timestampS: this.#nowS(),
      });
      return true;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === 'unroutable' || reason === 'refused') return false;
      throw error;
    }
  }

  async read(what: 'results' | 'heartbeats', onMessage: (delivery: Delivery) => void): Promise<void> {
    const options = what === 'results' ? { queue: RESULTS, prefetch: RESULTS_IN_HAND }
      : { queue: HEARTBEATS, prefetch: HEARTBEATS_IN_HAND };
    const consumer = new Consumer(this.#in, this.#deps, { ...options, onMessage });
    this.#consumers.push(consumer);
    await consumer.ready;
  }

  /** No further deliveries; those in hand may still be answered. */
  async stopReading(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.close()));
  }

  async close(): Promise<void> {
    await this.stopReading();
    await Promise.all([this.#tasks, this.#commands, this.#streams].map((publisher) => publisher.close()));
    await this.#topology.close();
    await Promise.all([this.#out.close(), this.#in.close()]);
  }

  async #declare(declaration: Declaration): Promise<void> {
    const { name } = declaration;
    let declared = this.#declared.get(name);
    if (declared === undefined) {
      declared = this.#topology.declare([declaration]);
      this.#declared.set(name, declared);
      declared.catch(() => this.#declared.delete(name));
    }
    await declared;
  }

  #forget(): void {
    this.#declared.clear();
    this.#declaredStreams.clear();
    this.#deps.broker.grants.forget();
  }

  #nowS(): number {
    return Math.floor(this.#deps.clock.now() / 1000);
  }
}

/** Why a message did not arrive, in the publisher's words. */
export function reasonOf(error: unknown): unknown {
  return error instanceof ComputeError ? error.details['reason'] : undefined;
}
