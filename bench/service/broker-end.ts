// One end of the broker's own round trip: it sends to one queue, and is told what comes from another.

import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import { Closers } from './closers.ts';

const DEPS = { log: silentLog, clock: systemClock };

export interface EndConfig {
  readonly url: string;
  readonly reads: string;
  readonly writes: string;
  /** It makes the queues, and removes them. */
  readonly owns: boolean;
}

export interface BrokerEnd extends AsyncDisposable {
  /** Durable, and confirmed. */
  send(body: Uint8Array): void;
}

/** Resolves when messages reach it. */
export async function openEnd(config: EndConfig, onMessage: (body: Buffer) => void): Promise<BrokerEnd> {
  const { url, reads, writes, owns } = config;
  await using stack = new Closers();
  const connection = stack.use(new Connection({ url, name: 'switchyard bench' }, DEPS));
  await connection.open();
  if (owns) {
    const topology = stack.use(new Topology(connection, DEPS));
    const queues = [reads, writes].map((name) => ({ type: 'queue', name, bindings: [], arguments: {} } as const));
    await topology.declare(queues);
    stack.add(() => topology.deleteQueues([reads, writes]));
  }
  const publisher = stack.use(new Publisher(connection, DEPS));
  const consumer = stack.use(new Consumer(connection, DEPS, {
    queue: reads, prefetch: 100, onMessage: (delivery) => {
      delivery.ack();
      onMessage(delivery.body);
    },
  }));
  await consumer.ready;
  const all = stack.move();
  return {
    send: (body) => void publisher.publish({ exchange: '', routingKey: writes, body }),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}
