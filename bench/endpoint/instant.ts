// An endpoint that runs nothing: every task has its answer at once. What is left is the SDK, the service, the broker.

import { join } from 'node:path';
import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { decodeMessage, encodeMessage } from '../../src/amqp/messages.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import type { RegisteredQueues } from '../../src/amqp/queue-info.ts';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import type { Effort } from '../effort.ts';
import { Closers } from '../service/closers.ts';
import type { Contender, Setting } from './measure.ts';
import { SdkScript } from './script.ts';

/** None, in the SDK's own serialization. */
const NOTHING = '00\ngAROLg==\n';
const DEPS = { log: silentLog, clock: systemClock };
const IN_HAND = 2_000;

/** Registered once, and stopped. */
export async function instantContender({ place, python }: Setting, effort: Effort): Promise<Contender> {
  const { endpoint_id: endpoint, ...queues } = await place.ask<RegisteredQueues & { endpoint_id: string }>(
    'POST', '/v3/endpoints', { endpoint_name: 'instant', metadata: {} },
  );
  const env = place.environment(join(effort.directory, 'instant'));
  const script = await SdkScript.start({ python: python.python, env, endpoint, signal: effort.signal });
  let serving = new Closers();
  const stop = (): Promise<void> => serving[Symbol.asyncDispose]();
  return {
    name: 'an endpoint that runs nothing', runsTasks: false, script, stop,
    start: async () => { serving = await serve(queues); },
    [Symbol.asyncDispose]: async () => {
      await script[Symbol.asyncDispose]();
      await stop();
    },
  };
}

async function serve({ task_queue_info: tasks, result_queue_info: results }: RegisteredQueues): Promise<Closers> {
  await using opened = new Closers();
  const open = async (name: string): Promise<Connection> => {
    const connection = new Connection({ url: tasks.connection_url, name }, DEPS);
    opened.add(() => connection.close());
    await connection.open();
    return connection;
  };
  const reading = await open('instant, reading');
  const writing = await open('instant, writing');
  const publisher = new Publisher(writing, DEPS);
  opened.add(() => publisher.close(1_000));
  const { exchange, routing_key: routingKey } = results.queue_publish_kwargs;
  const consumer = new Consumer(reading, DEPS, {
    queue: tasks.queue, prefetch: IN_HAND, exclusive: true, onMessage: (delivery) => {
      const task = decodeMessage(delivery.body);
      if (task.type !== 'task') return;
      const body = encodeMessage({
        type: 'result', taskId: task.taskId, data: NOTHING, error: undefined, details: undefined, transitions: [],
      });
      publisher.publish({ exchange, routingKey, body }).then(() => delivery.ack(), () => {
        // The connection broke: the broker delivers the task again.
      });
    },
  });
  opened.add(() => consumer.close(0));
  await consumer.ready;
  return opened.move();
}
