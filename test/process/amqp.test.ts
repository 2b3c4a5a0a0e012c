// Publishing and consuming at a real broker that is well.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import test from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { Connection } from '../../src/amqp/connection.ts';
import { Consumer, type Delivery } from '../../src/amqp/consumer.ts';
import type { Declaration } from '../../src/amqp/names.ts';
import { Publisher, type Outgoing } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { exec } from '../../src/common/exec.ts';
import { connected, sharedBroker, testDeps } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { until, within } from './harness.ts';

const QUEUE = 'q';

function message(text: string, change: Partial<Outgoing> = {}): Outgoing {
  return { exchange: '', routingKey: QUEUE, body: Buffer.from(text), ...change };
}

function queue(args: Record<string, string | number> = {}): Declaration {
  return { type: 'queue', name: QUEUE, arguments: args, bindings: [] };
}

interface Line extends AsyncDisposable {
  readonly url: string;
  readonly connection: Connection;
  readonly topology: Topology;
  readonly publisher: Publisher;
  /** Of our virtual host. */
  closeAllConnections(): Promise<void>;
}

async function line(args: Record<string, string | number> = {}): Promise<Line> {
  const broker = await sharedBroker();
  const connection = await connected(broker.url);
  const topology = new Topology(connection, testDeps);
  await topology.declare([queue(args)]);
  const publisher = new Publisher(connection, testDeps);
  return {
    url: broker.url, connection, topology, publisher,
    closeAllConnections: async () => {
      const vhost = new URL(broker.url).pathname.slice(1);
      const open = await until('the broker to list our connections', async () => {
        const { body } = await broker.api('GET', `vhosts/${vhost}/connections`);
        return Array.isArray(body) && body.length > 0 ? body as { name: string }[] : undefined;
      });
      for (const { name } of open) await broker.api('DELETE', `connections/${encodeURIComponent(name)}`);
    },
    [Symbol.asyncDispose]: async () => {
      await publisher.close(0);
      await topology.close();
      await connection.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** Acknowledges all and keeps what they said. */
function reader(connection: Connection, prefetch = 100): { texts: string[]; consumer: Consumer } {
  const texts: string[] = [];
  const consumer = new Consumer(connection, testDeps, {
    queue: QUEUE, prefetch,
    onMessage: (delivery) => {
      texts.push(delivery.body.toString());
      delivery.ack();
    },
  });
  return { texts, consumer };
}

test('a message arrives with everything that was given to it', async () => {
  await using l = await line();
  const arrived: Delivery[] = [];
  await l.publisher.publish(message('é', {
    contentType: 'application/json', headers: { a: 'x', list: ['y', 'z'], flag: true }, timestampS: 1_795_224_080,
    messageId: 'one',
  }));
  await using consumer = new Consumer(l.connection, testDeps, {
    queue: QUEUE, prefetch: 1, onMessage: (delivery) => arrived.push(delivery),
  });
  await consumer.ready;
  const delivery = await until('the message', () => arrived[0]);
  const { body, ...rest } = { ...delivery, ack: undefined, reject: undefined };
  assert.equal(body.toString(), 'é');
  assert.deepEqual(rest, {
    exchange: '', routingKey: QUEUE, headers: { a: 'x', list: ['y', 'z'], flag: true }, contentType: 'application/json',
    messageId: 'one', timestampS: 1_795_224_080, redelivered: false, ack: undefined, reject: undefined,
  });
  delivery.ack();
});

test('bodies of all sizes arrive whole and in order', async () => {
  await using l = await line();
  const sizes = [0, 1, 131_064, 131_065, 12 * 1024 * 1024];
  const bodies = sizes.map((size) => 'x'.repeat(size));
  await Promise.all(bodies.map((body) => l.publisher.publish(message(body))));
  const { texts, consumer } = reader(l.connection);
  await until('all of them', () => texts.length === sizes.length);
  assert.deepEqual(texts.map((text) => text.length), sizes);
  await consumer.close();
});

test('a message that no queue takes is an error that says where it should have gone', async () => {
  await using l = await line();
  await assert.rejects(l.publisher.publish(message('x', { routingKey: 'nobody' })), {
    code: 'PUBLISH_FAILED', message: 'no queue takes messages for nobody',
    details: { reason: 'unroutable', exchange: '', routingKey: 'nobody' },
  });
  await l.publisher.publish(message('x'));
});

test('a full queue refuses, and what it had taken stays', async () => {
  await using l = await line({ 'x-max-length': 2, 'x-overflow': 'reject-publish' });
  const all = await Promise.allSettled(['a', 'b', 'c', 'd'].map((text) => l.publisher.publish(message(text))));
  const refused = all.filter((one) => one.status === 'rejected').map(({ reason }) => reason.details.reason);
  assert.deepEqual(refused, ['refused', 'refused']);
  assert.equal((await l.topology.inspect(QUEUE))?.messages, 2);
});

test('of many messages under way only the one that the broker refuses fails', async () => {
  await using l = await line();
  const good = Array.from({ length: 200 }, (_, i) => l.publisher.publish(message(`m${i}`)));
  const bad = l.publisher.publish(message('x', { exchange: 'not-there' }));
  const more = Array.from({ length: 200 }, (_, i) => l.publisher.publish(message(`n${i}`)));
  await assert.rejects(bad, { code: 'BROKER_REFUSED', message: 'the broker refuses messages to exchange "not-there"' });
  await Promise.all([...good, ...more]);
  const { texts, consumer } = reader(l.connection);
  await until('all of them', () => new Set(texts).size === 400);
  assert.equal(texts.length, 400);
  await consumer.close();
});

test('more than may wait is refused at once, and what waits is not', async () => {
  await using l = await line();
  await using small = new Publisher(l.connection, testDeps, { bytesMax: 100, inFlightMax: 1 });
  const first = small.publish(message('x'.repeat(60)));
  await assert.rejects(small.publish(message('x'.repeat(60))), { code: 'PUBLISH_FAILED', details: {
    reason: 'full', bytes: 60, bytesMax: 100,
  } });
  await first;
  await small.publish(message('x'.repeat(200)));
});

test('headers that have no bytes fail that message alone', async () => {
  await using l = await line();
  // A caller without types.
  const headers = { a: Symbol('x') } as unknown as Record<string, string>;
  await assert.rejects(l.publisher.publish(message('x', { headers })), { code: 'PUBLISH_FAILED' });
  await l.publisher.publish(message('x'));
});

test('a closed publisher has sent what it took, and takes no more', async () => {
  await using l = await line();
  const publisher = new Publisher(l.connection, testDeps);
  const all = Array.from({ length: 500 }, (_, i) => publisher.publish(message(`m${i}`)));
  await publisher.close();
  await Promise.all(all);
  await assert.rejects(publisher.publish(message('late')), { code: 'PUBLISH_FAILED', details: { reason: 'closed' } });
  assert.equal((await l.topology.inspect(QUEUE))?.messages, 500);
});

test('no more messages are in hand than the prefetch allows', async () => {
  await using l = await line();
  await Promise.all(Array.from({ length: 10 }, (_, i) => l.publisher.publish(message(`m${i}`))));
  const inHand: Delivery[] = [];
  let most = 0;
  await using consumer = new Consumer(l.connection, testDeps, {
    queue: QUEUE, prefetch: 3,
    onMessage: (delivery) => {
      inHand.push(delivery);
      most = Math.max(most, inHand.length);
      if (inHand.length === 3) for (const one of inHand.splice(0)) one.ack();
    },
  });
  await until('the last', () => inHand.length === 1);
  assert.equal(most, 3);
  inHand[0]?.ack();
  await consumer.close();
  assert.equal((await l.topology.inspect(QUEUE))?.messages, 0);
});

test('a rejected message goes, or comes again; a closing consumer waits for what is in hand', async () => {
  await using l = await line();
  await l.publisher.publish(message('again'));
  await l.publisher.publish(message('away'));
  const seen: string[] = [];
  let last: Delivery | undefined;
  const consumer = new Consumer(l.connection, testDeps, {
    queue: QUEUE, prefetch: 1,
    onMessage: (delivery) => {
      seen.push(`${delivery.body.toString()} ${delivery.redelivered}`);
      if (seen.length === 3) last = delivery;
      else delivery.reject({ requeue: seen.length === 1 });
    },
  });
  await until('the third', () => last !== undefined);
  assert.deepEqual(seen, ['again false', 'again true', 'away false']);
  const closing = consumer.close();
  last?.ack();
  await within(5_000, 'closing the consumer', closing);
  assert.deepEqual(await l.topology.inspect(QUEUE), { messages: 0, consumers: 0 });
});

test('what is in hand when a consumer gives up waiting goes back to the queue', async () => {
  await using l = await line();
  await l.publisher.publish(message('x'));
  let seen = 0;
  const consumer = new Consumer(l.connection, testDeps, { queue: QUEUE, prefetch: 5, onMessage: () => { seen++; } });
  await until('the message', () => seen === 1);
  await consumer.close(10);
  // The broker takes it back a moment after it has closed the channel.
  await until('it to be back', async () => (await l.topology.inspect(QUEUE))?.messages === 1);
  assert.deepEqual(await l.topology.inspect(QUEUE), { messages: 1, consumers: 0 });
});

test('a message that was sent twice is handed over once', async () => {
  await using l = await line();
  const inHand: Delivery[] = [];
  await using consumer = new Consumer(l.connection, testDeps, {
    queue: QUEUE, prefetch: 10, onMessage: (delivery) => inHand.push(delivery),
  });
  for (let i = 0; i < 3; i++) await l.publisher.publish(message('x', { messageId: 'same' }));
  await until('the copies', () => consumer.duplicates === 2);
  assert.equal(inHand.length, 1);
  inHand[0]?.ack();
  await l.publisher.publish(message('x', { messageId: 'same' }));
  await until('the late copy', () => consumer.duplicates === 3);
  assert.equal(inHand.length, 1);
  await consumer.close();
  assert.equal((await l.topology.inspect(QUEUE))?.messages, 0);
});

test('a second consumer of an exclusive queue, and one of a queue that is not there, are told so', async () => {
  await using l = await line();
  await using first = new Consumer(l.connection, testDeps, {
    queue: QUEUE, prefetch: 1, exclusive: true, onMessage: () => {},
  });
  await first.ready;
  // What is not there, nobody can be about to give back: that needs no patience.
  for (const [name, refusedMsMax] of [[QUEUE, 500], ['not-there', 600_000]] as const) {
    await using second = new Consumer(l.connection, testDeps, {
      queue: name, prefetch: 1, exclusive: true, refusedMsMax, onMessage: () => {},
    });
    await assert.rejects(within(20_000, 'the refusal', second.ended), {
      code: 'BROKER_REFUSED', message: new RegExp(`let us read queue ${name}$`),
    });
  }
});

test('a queue that is deleted and declared again is read again', async () => {
  await using l = await line();
  const { texts, consumer } = reader(l.connection);
  await consumer.ready;
  await l.topology.deleteQueues([QUEUE]);
  await l.topology.declare([queue()]);
  await l.publisher.publish(message('x'));
  await until('the message', () => texts.length === 1);
  await consumer.close();
});

test('a connection that the broker closes is opened again, with all that was on it', async () => {
  await using l = await line();
  const { texts, consumer } = reader(l.connection);
  await consumer.ready;
  await l.publisher.publish(message('before'));
  await l.closeAllConnections();
  await until('the connection to break', () => !l.connection.isOpen);
  await l.publisher.publish(message('after'));
  await until('both messages', () => texts.length >= 2);
  assert.deepEqual(texts, ['before', 'after']);
  await l.topology.declare([queue()]);
  await consumer.close();
});

test('a declaration that differs from what is there is refused, and harms none after it', async () => {
  await using l = await line();
  await assert.rejects(l.topology.declare([queue({ 'x-max-length': 5 })]), {
    code: 'BROKER_REFUSED', details: { code: 406 },
  });
  await l.topology.declare([queue()]);
  assert.equal(await l.topology.inspect('not-there'), undefined);
  assert.deepEqual(await l.topology.inspect(QUEUE), { messages: 0, consumers: 0 });
});

test('wrong credentials, an unknown virtual host and nobody there are told apart', async () => {
  await using l = await line();
  const change = (part: 'password' | 'pathname' | 'port', value: string): string => {
    const url = new URL(l.url);
    url[part] = value;
    return url.href;
  };
  await assert.rejects(connected(change('password', 'wrong')), { code: 'BROKER_REFUSED', message: /password/ });
  await assert.rejects(connected(change('pathname', '/none')), { code: 'BROKER_REFUSED', message: /host "none"/ });
  await assert.rejects(connected(change('port', '1')), { code: 'BROKER_UNREACHABLE', message: /is it running/ });
});

test('a connection that is patient finds a broker that comes late', async () => {
  await using l = await line();
  const port = await freePort();
  const patient = new Connection({ url: moved(l.url, port), name: 'test', patienceMs: 60_000 }, testDeps);
  const opening = patient.open();
  await using door = await doorTo(l.url, port);
  await within(30_000, 'the connection', opening);
  assert.ok(door.visitors > 0);
  await patient.close();
});

test('a connection that is closed while it looks for a broker stops looking', async () => {
  const connection = new Connection({ url: `amqp://127.0.0.1:${await freePort()}`, name: 'test', patienceMs: 60_000 },
    testDeps);
  const opening = assert.rejects(connection.open(), { code: 'BROKER_UNREACHABLE', message: /was closed/ });
  await within(5_000, 'closing', connection.close());
  await opening;
  await connection.close();
});

test('TLS is spoken to whoever has a certificate that is trusted, and to nobody else', async () => {
  await using l = await line();
  await using files = await scratch();
  const [key, cert] = [files.at('key.pem'), files.at('cert.pem')];
  const made = await exec(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=IP:127.0.0.1'], { timeoutMs: 20_000 });
  assert.equal(made.code, 0, `these tests need the command openssl: ${made.stderr}`);
  const port = await freePort();
  const ca = await readFile(cert, 'utf8');
  await using door = await doorTo(l.url, port, { key: await readFile(key), cert: ca });
  const url = moved(l.url, port).replace('amqp:', 'amqps:');
  await using trusting = new Connection({ url, name: 'test', ca }, testDeps);
  await trusting.open();
  await using publisher = new Publisher(trusting, testDeps);
  await publisher.publish(message('x'));
  assert.equal(door.visitors, 1);
  for (const [at, text] of [[url, /is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
    [l.url.replace('amqp:', 'amqps:'), /does not speak TLS/]] as const) {
    const wary = new Connection({ url: at, name: 'test' }, testDeps);
    await assert.rejects(wary.open(), { code: 'BROKER_REFUSED', message: text });
    await wary.close();
  }
});

function moved(text: string, port: number): string {
  const url = new URL(text);
  url.port = String(port);
  return url.href;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Another way to the broker, plain or with TLS. */
async function doorTo(
  brokerUrl: string, port: number, tls?: { readonly key: Buffer; readonly cert: string },
): Promise<AsyncDisposable & { readonly visitors: number }> {
  const open = new Set<Socket>();
  let visitors = 0;
  const lead = (socket: Socket): void => {
    visitors++;
    const onwards = connect(Number(new URL(brokerUrl).port), '127.0.0.1');
    for (const one of [socket, onwards]) {
      open.add(one);
      one.on('error', () => { /* the other end closes in turn */ });
    }
    socket.pipe(onwards).pipe(socket);
  };
  const server = tls === undefined ? createServer(lead) : createTlsServer(tls, lead);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    get visitors() { return visitors; },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
