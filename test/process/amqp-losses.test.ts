// What holds when the broker dies, hangs, or is full. It is one broker, of this file's own, and comes back each time.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { connected, ownBroker, testDeps, type OwnBroker } from '../broker.ts';
import { pause, until, within } from './harness.ts';

const MESSAGES = 20_000;

test('a broker that is lost loses nothing', async (t) => {
  await using broker = await ownBroker();
  await t.test('killed in the middle of 20,000 messages: all arrive, each handed over once', () => killed(broker));
  await t.test('standing still: noticed by heartbeats and a deadline of ours, and all arrives', () => stopped(broker));
  await t.test('full: publishing waits, reading goes on, and publishing too when there is room', () => full(broker));
});

async function killed(broker: OwnBroker): Promise<void> {
  await using sending = await connected(broker.url);
  await using receiving = await connected(broker.url);
  await using topology = new Topology(sending, testDeps);
  await topology.declare([{ type: 'queue', name: 'kill', arguments: {}, bindings: [] }]);
  await using publisher = new Publisher(sending, testDeps);
  const seen = new Map<string, number>();
  await using consumer = new Consumer(receiving, testDeps, {
    queue: 'kill', prefetch: 200,
    onMessage: (delivery) => {
      const text = delivery.body.toString();
      seen.set(text, (seen.get(text) ?? 0) + 1);
      delivery.ack();
    },
  });
  await consumer.ready;
  const all = Promise.all(Array.from({ length: MESSAGES }, (_, i) => publisher.publish({
    exchange: '', routingKey: 'kill', body: Buffer.from(`m${i}`),
  })));
  await until('a third of them', () => seen.size > MESSAGES / 3);
  assert.ok(publisher.pending > 0, 'they are not all sent');
  await broker.crash();
  await within(90_000, 'the confirms', all);
  await until('all messages', () => seen.size === MESSAGES, 60_000);
  assert.deepEqual([...seen].filter(([, times]) => times > 1), []);
  await until('an empty queue', async () => (await topology.inspect('kill'))?.messages === 0);
}

async function stopped(broker: OwnBroker): Promise<void> {
  await using connection = await connected(broker.url, { heartbeatS: 1 });
  await using topology = new Topology(connection, testDeps);
  await topology.declare([{ type: 'queue', name: 'stop', arguments: {}, bindings: [] }]);
  await using publisher = new Publisher(connection, testDeps);
  const hung = await connected(broker.url);
  const consumer = new Consumer(hung, testDeps, { queue: 'stop', prefetch: 1, onMessage: () => {} });
  await consumer.ready;
  await broker.stop();
  await within(10_000, 'closing what hangs', consumer.close(100).then(() => hung.close()));
  const sent = publisher.publish({ exchange: '', routingKey: 'stop', body: Buffer.from('x') });
  await until('the connection to be given up', () => !connection.isOpen);
  const late = new Connection({ url: broker.url, name: 'test', handshakeMs: 300 }, testDeps);
  await assert.rejects(within(5_000, 'one attempt', late.open()), { code: 'BROKER_UNREACHABLE' });
  await late.close();
  await assert.rejects(publisher.publish({ exchange: '', routingKey: 'stop', body: Buffer.from('y') },
    AbortSignal.timeout(100)), { code: 'PUBLISH_FAILED', details: { reason: 'aborted' } });
  await broker.go();
  await within(30_000, 'the confirm', sent);
  const found = await topology.inspect('stop');
  // The first may have been taken before the broker stood still, without our having been told, and then again.
  assert.ok(found !== undefined && found.messages >= 1 && found.messages <= 2, JSON.stringify(found));
}

async function full(broker: OwnBroker): Promise<void> {
  await using sending = await connected(broker.url);
  await using receiving = await connected(broker.url);
  await using topology = new Topology(receiving, testDeps);
  await topology.declare([{ type: 'queue', name: 'full', arguments: {}, bindings: [] }]);
  await using publisher = new Publisher(sending, testDeps);
  const body = Buffer.from('x');
  await publisher.publish({ exchange: '', routingKey: 'full', body });
  await broker.evaluate('vm_memory_monitor:set_vm_memory_high_watermark(0.00001).');
  const first = publisher.publish({ exchange: '', routingKey: 'full', body });
  await until('the broker to say so', () => sending.blocked);
  const settled = { count: 0 };
  const waiting = [first, publisher.publish({ exchange: '', routingKey: 'full', body })];
  for (const one of waiting) void one.then(() => { settled.count++; });
  let read = 0;
  await using consumer = new Consumer(receiving, testDeps, {
    queue: 'full', prefetch: 10,
    onMessage: (delivery) => {
      read++;
      delivery.ack();
    },
  });
  await until('the message from before', () => read === 1);
  await pause(200);
  assert.deepEqual([settled.count, publisher.pending, consumer.duplicates], [0, 2, 0]);
  await broker.evaluate('vm_memory_monitor:set_vm_memory_high_watermark(0.4).');
  await within(30_000, 'the confirms', Promise.all(waiting));
  assert.equal(sending.blocked, false);
  await until('the others', () => read === 3);
}
