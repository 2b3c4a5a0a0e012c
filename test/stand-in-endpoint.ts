// An endpoint in the place of a real one: it takes tasks, results and reports exactly where its registration says.

import assert from 'node:assert/strict';
import { Connection } from '../src/amqp/connection.ts';
import { Consumer, type Delivery } from '../src/amqp/consumer.ts';
import { decodeMessage, encodeMessage, type ResultMessage } from '../src/amqp/messages.ts';
import { Publisher } from '../src/amqp/publisher.ts';
import type { RegisteredQueues } from '../src/amqp/queue-info.ts';
import type { JsonObject } from '../src/common/json.ts';
import { testDeps } from './broker.ts';
import type { TestService, User } from './service.ts';

/** When each of its tasks began, it says: more digits than a double has. */
export const STARTED_NS = 1795224080706055542n;

export interface SeenTask {
  readonly id: string;
  readonly buffer: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The broker may forget it. */
  ack(): void;
}

export interface StandInOptions {
  readonly id?: string;
  /** Keys of its registration. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Registered, and connected when first used. */
export class StandInEndpoint implements AsyncDisposable {
  readonly id: string;
  readonly queues: RegisteredQueues;
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #consumers: Consumer[] = [];

  private constructor(id: string, queues: RegisteredQueues) {
    this.id = id;
    this.queues = queues;
    this.#connection = new Connection({ url: queues.task_queue_info.connection_url, name: 'stand-in' }, testDeps);
    this.#publisher = new Publisher(this.#connection, testDeps);
  }

  static async register(service: TestService, user: User, { id, body }: StandInOptions = {}): Promise<StandInEndpoint> {
    const registration = { endpoint_name: 'stand-in', metadata: {}, ...body };
    const { status, body: answer, text } = id === undefined
      ? await service.ask('POST', '/v3/endpoints', { as: user.token, body: registration })
      : await service.ask('PUT', `/v3/endpoints/${id}`, { as: user.token, body: registration });
    assert.equal(status, 200, text);
    return await StandInEndpoint.connect(answer as RegisteredQueues & { endpoint_id: string });
  }

  /** With what a registration, or a start command, has said. */
  static async connect(
    { endpoint_id: id, ...queues }: Omit<RegisteredQueues, 'command_queue_info'> & { readonly endpoint_id: string },
  ): Promise<StandInEndpoint> {
    const endpoint = new StandInEndpoint(id, queues as RegisteredQueues);
    await endpoint.#connection.open();
    return endpoint;
  }

  /** Each task as it comes. */
  async take(onTask: (task: SeenTask) => void): Promise<void> {
    await this.#read(this.queues.task_queue_info.queue, (delivery) => {
      const message = decodeMessage(delivery.body);
      assert.equal(message.type, 'task');
      if (message.type !== 'task') return;
      onTask({ id: message.taskId, buffer: message.taskBuffer, headers: delivery.headers, ack: () => delivery.ack() });
    }, true);
  }

  /** What its queue brings, as it comes. */
  async messages(onMessage: (message: ReturnType<typeof decodeMessage>) => void): Promise<void> {
    await this.#read(this.queues.task_queue_info.queue, (delivery) => {
      onMessage(decodeMessage(delivery.body));
      delivery.ack();
    }, true);
  }

  /** Each task gets the same answer: what `run` makes of it. */
  async serve(run: (task: SeenTask) => string): Promise<void> {
    await this.take((task) => {
      void this.succeed(task.id, run(task)).then(() => task.ack());
    });
  }

  async commands(onCommand: (delivery: Delivery) => void): Promise<void> {
    await this.#read(this.queues.command_queue_info.queue, (delivery) => {
      delivery.ack();
      onCommand(delivery);
    }, false);
  }

  async succeed(taskId: string, data: string): Promise<void> {
    await this.result({
      type: 'result', taskId, data, error: undefined, details: { endpoint_id: this.id, os: 'Test' },
      transitions: [{ timestampNs: STARTED_NS, state: 'execution-start', actor: 'worker' }],
    });
  }

  async result(message: ResultMessage): Promise<void> {
    await this.send(encodeMessage(message));
  }

  /** Any bytes in the place of a result. */
  async send(body: Uint8Array, routingKey?: string): Promise<void> {
    const { queue_publish_kwargs: how } = this.queues.result_queue_info;
    await this.#publisher.publish({ exchange: how.exchange, routingKey: routingKey ?? how.routing_key, body });
  }

  async report(state: JsonObject): Promise<void> {
    const { queue_publish_kwargs: how } = this.queues.heartbeat_queue_info;
    const body = encodeMessage({ type: 'ep_status_report', endpointId: this.id, state, taskStatuses: {} });
    await this.#publisher.publish({ exchange: how.exchange, routingKey: how.routing_key, body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const consumer of this.#consumers) await consumer.close(0);
    await this.#publisher.close(1000);
    await this.#connection.close();
  }

  async #read(queue: string, onMessage: (delivery: Delivery) => void, exclusive: boolean): Promise<void> {
    const consumer = new Consumer(this.#connection, testDeps, { queue, prefetch: 10_000, exclusive, onMessage });
    this.#consumers.push(consumer);
    await consumer.ready;
  }
}

/** What reaches the SDK of one task group: the results in their order, and how many each message had. */
export async function resultStream(
  service: TestService, user: User, group: string,
): Promise<{ readonly seen: ResultMessage[]; readonly sizes: number[] } & AsyncDisposable> {
  const { body } = await service.ask('GET', '/v2/get_amqp_result_connection_url', { as: user.token });
  const connection = new Connection({ url: body.connection_url as string, name: 'test stream' }, testDeps);
  await connection.open();
  const seen: ResultMessage[] = [];
  const sizes: number[] = [];
  const consumer = new Consumer(connection, testDeps, {
    queue: `${body.queue_prefix}${group}`, prefetch: 1000, onMessage: (delivery) => {
      const message = decodeMessage(delivery.body);
      assert.ok(message.type === 'result' || message.type === 'result_bundle', 'whatever comes here can be read');
      const results = message.type === 'result' ? [message] : message.results;
      seen.push(...results);
      sizes.push(results.length);
      delivery.ack();
    },
  });
  await consumer.ready;
  return {
    seen, sizes,
    [Symbol.asyncDispose]: async () => {
      await consumer.close(0);
      await connection.close();
    },
  };
}
