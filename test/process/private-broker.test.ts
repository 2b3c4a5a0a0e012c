// The service's own broker: it ends with its owner however that ends, keeps its port and its messages, and comes back.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Publisher } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { PrivateBroker } from '../../src/service/private-broker.ts';
import { connected, testDeps } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { processesOf, until, within } from './harness.ts';

const OWNER = fileURLToPath(new URL('../fixtures/broker-owner.js', import.meta.url));
const START_MS = 120_000;
const KEPT = { type: 'queue', name: 'kept', arguments: {}, bindings: [] } as const;

test('it ends when its owner is killed, and starts again with the same port and the same messages', async () => {
  await using files = await scratch();
  const directory = files.at('broker');
  const owner = spawn(process.execPath, [OWNER, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url } = await saidBy(owner);
  await putOne(url ?? '');
  assert.ok((processesOf(directory)).length >= 3);
  owner.kill('SIGKILL');
  // The second waits for the first to end: two on the same data would destroy it.
  await using again = await PrivateBroker.start({ directory }, testDeps);
  assert.equal(again.url, url);
  await using connection = await connected(again.url);
  await using topology = new Topology(connection, testDeps);
  assert.deepEqual(await topology.inspect('kept'), { messages: 1, consumers: 0 });
  for (const name of ['password', 'rabbitmq.config', 'port']) {
    assert.equal((await stat(join(directory, name))).mode & 0o077, 0, `${name} is for its owner alone`);
  }
  assert.equal((await stat(directory)).mode & 0o077, 0);
  await topology.close();
  await connection.close();
  await again.close();
  await until('the end of the last of its processes', () => processesOf(directory).length === 0);
});

test('it comes back by itself when what holds it is killed', async () => {
  await using files = await scratch();
  const directory = files.at('broker');
  await using broker = await PrivateBroker.start({ directory }, testDeps);
  await putOne(broker.url);
  const before = await brokerPid(directory);
  process.kill(await holderPid(directory), 'SIGKILL');
  await until('another broker', async () => {
    const now = await brokerPid(directory).catch(() => before);
    return now !== before && await connected(broker.url).then((one) => one.close().then(() => true), () => false);
  }, START_MS);
  await using connection = await connected(broker.url);
  await using topology = new Topology(connection, testDeps);
  assert.equal((await topology.inspect('kept'))?.messages, 1);
});

test('what it said when it did not start is repeated', async () => {
  await using files = await scratch();
  const program = files.at('rabbitmq-server');
  await writeFile(program, '#!/bin/sh\necho "out of order" >&2\nexit 3\n', { mode: 0o755 });
  const directory = files.at('broker');
  await assert.rejects(within(START_MS, 'the attempt', PrivateBroker.start({ directory, program }, testDeps)), {
    code: 'START_FAILED', message: /did not start: .*out of order.*; its logs are in .*log$/,
  });
  await until('the end of the last of its processes', () => processesOf(directory).length === 0);
});

test('where rabbitmq-server is missing it says how to install it', async () => {
  await using files = await scratch();
  await assert.rejects(PrivateBroker.start({ directory: files.at('broker'), program: files.at('none') }, testDeps), {
    code: 'START_FAILED', message: /is not installed: run "apt-get install rabbitmq-server"/,
  });
});

test('a port that somebody else has is named, and nothing stays behind', async () => {
  await using files = await scratch();
  const directory = files.at('broker');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  await assert.rejects(PrivateBroker.start({ directory, port: address.port }, testDeps), {
    code: 'START_FAILED',
    message: `another program has port ${address.port} of 127.0.0.1: end it, or configure another port`,
  });
  server.close();
  await until('the end of the last of its processes', () => processesOf(directory).length === 0);
});

async function putOne(url: string): Promise<void> {
  await using connection = await connected(url);
  await using topology = new Topology(connection, testDeps);
  await topology.declare([KEPT]);
  await using publisher = new Publisher(connection, testDeps);
  await publisher.publish({ exchange: '', routingKey: 'kept', body: Buffer.from('x') });
}

async function saidBy(owner: ChildProcess): Promise<{ readonly url?: string; readonly error?: string }> {
  assert.ok(owner.stdout !== null);
  const [line] = await within(START_MS, 'the broker of another process', once(owner.stdout, 'data')) as [Buffer];
  const said = JSON.parse(line.toString()) as { url?: string; error?: string };
  assert.equal(said.error, undefined);
  return said;
}

async function brokerPid(directory: string): Promise<number> {
  return Number(await readFile(join(directory, 'broker.pid'), 'utf8'));
}

async function holderPid(directory: string): Promise<number> {
  const status = await readFile(`/proc/${await brokerPid(directory)}/stat`, 'utf8');
  return Number(status.slice(status.lastIndexOf(')')).split(' ')[2]);
}
