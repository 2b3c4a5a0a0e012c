// An endpoint that runs nothing: every task has its answer at once. What is left is the SDK, the service, the broker.

import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { decodeMessage, encodeMessage } from '../../src/amqp/messages.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import type { RegisteredQueues } from '../../src/amqp/queue-info.ts';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import type { ServicePlace } from './place.ts';

/** None, in the SDK's own serialization. */
const NOTHING = '00\ngAROLg==\n';
const DEPS = { log: silentLog, clock: systemClock };
const IN_HAND = 2_000;

export interface InstantEndpoint extends AsyncDisposable {
  readonly id: string;
}

export async function instantEndpoint(place: ServicePlace): Promise<InstantEndpoint> {
  const { endpoint_id: id, task_queue_info: tasks, result_queue_info: results } = await place.ask<
    RegisteredQueues & { endpoint_id: string }
  >('POST', '/v3/endpoints', { endpoint_name: 'instant', metadata: {} });
  const reading = new Connection({ url: tasks.connection_url, name: 'instant, reading' }, DEPS);
  const writing = new Connection({ url: tasks.connection_url, name: 'instant, writing' }, DEPS);
  await Promise.all([reading.open(), writing.open()]);
  const publisher = new Publisher(writing, DEPS);
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
  await consumer.ready;
  return {
    id,
    [Symbol.asyncDispose]: async () => {
      await consumer.close(0);
      await publisher.close(1_000);
      await Promise.all([reading.close(), writing.close()]);
    },
  };
}
