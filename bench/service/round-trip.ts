// The least that a task at an endpoint costs: a message to the broker, confirmed, read by somebody else, and one back.

import { randomUUID } from 'node:crypto';
import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import { PADDING_BYTES } from '../work.ts';
import { Closers } from './closers.ts';

const DEPS = { log: silentLog, clock: systemClock };

export interface RoundTrip extends AsyncDisposable {
  /** One message there and one back, both durable and confirmed. */
  run(): Promise<void>;
}

export async function openRoundTrip(url: string): Promise<RoundTrip> {
  await using stack = new Closers();
  const connect = async (name: string): Promise<Connection> => {
    const connection = stack.use(new Connection({ url, name: `bench, ${name}` }, DEPS));
    await connection.open();
    return connection;
  };
  const [near, far] = [await connect('near'), await connect('far')];
  const [there, back] = [`bench.${randomUUID()}`, `bench.${randomUUID()}`];
  const topology = stack.use(new Topology(near, DEPS));
  await topology.declare([there, back].map((name) => ({ type: 'queue', name, bindings: [], arguments: {} } as const)));
  stack.add(() => topology.deleteQueues([there, back]));
  const [asking, answering] = [stack.use(new Publisher(near, DEPS)), stack.use(new Publisher(far, DEPS))];
  let onAnswer = (): void => { /* set before anything is asked */ };
  const read = async (connection: Connection, queue: string, onMessage: (body: Buffer) => void): Promise<void> => {
    const consumer = stack.use(new Consumer(connection, DEPS, {
      queue, prefetch: 100, onMessage: (delivery) => {
        delivery.ack();
        onMessage(delivery.body);
      },
    }));
    await consumer.ready;
  };
  await read(far, there, (body) => void answering.publish({ exchange: '', routingKey: back, body }));
  await read(near, back, () => onAnswer());
  const all = stack.move();
  return {
    run: async () => {
      const answered = new Promise<void>((resolve) => { onAnswer = resolve; });
      await asking.publish({ exchange: '', routingKey: there, body: PADDING_BYTES });
      await answered;
    },
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}
