// What an endpoint's and a client's credentials reach at a real broker: their own queues, and nothing else.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import test from 'node:test';
import type { ChannelModel, ConfirmChannel, Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import * as names from '../../src/amqp/names.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { openBroker, type Broker } from '../../src/service/broker.ts';
import { connected, sharedBroker, testDeps, type TestBroker } from '../broker.ts';
import { until } from './harness.ts';

const DENIED = 403;
const alice = randomUUID();
const bob = randomUUID();
const group = randomUUID();
const [mine, theirs] = [randomUUID(), randomUUID()];
const body = Buffer.from('x');

interface Site extends AsyncDisposable {
  readonly given: TestBroker;
  readonly broker: Broker;
  readonly service: Connection;
  readonly topology: Topology;
}

/** Two endpoints and two users, all with their queues and a message in each. */
async function site(): Promise<Site> {
  const given = await sharedBroker();
  const broker = await openBroker({ url: given.url, management_url: given.managementUrl }, randomBytes(32), testDeps);
  const service = await connected(broker.url);
  const topology = new Topology(service, testDeps);
  await topology.declare(names.SERVICE_DECLARATIONS);
  for (const id of [mine, theirs]) {
    await topology.declare([names.taskQueueDeclaration(id), names.commandQueueDeclaration(id)]);
  }
  for (const id of [alice, bob]) await topology.declare([names.streamDeclaration(id, group, true)]);
  await using publisher = new Publisher(service, testDeps);
  for (const queue of QUEUES) await publisher.publish({ exchange: '', routingKey: queue, body });
  return {
    given, broker, service, topology,
    [Symbol.asyncDispose]: async () => {
      for (const id of [mine, theirs]) await broker.grants.withdraw(id);
      for (const id of [alice, bob]) await broker.grants.withdrawStream(id);
      await topology.close();
      await service.close();
      await broker.close();
      await given[Symbol.asyncDispose]();
    },
  };
}

const OWN = [names.taskQueue(mine), names.commandQueue(mine)];
const FOREIGN = [
  names.taskQueue(theirs), names.commandQueue(theirs), names.RESULTS, names.HEARTBEATS,
  names.streamQueue(alice, group), names.streamQueue(bob, group),
];
const QUEUES = [...OWN, ...FOREIGN];
const EXCHANGES = [
  names.TASKS, names.COMMANDS, names.RESULTS, names.HEARTBEATS, 'amq.direct', 'amq.topic', 'amq.fanout',
];

type Action = (channel: ConfirmChannel) => unknown;

/** What an endpoint might try at a queue that is not its own. */
function reading(queue: string): [string, Action][] {
  return [
    [`get ${queue}`, (channel) => channel.get(queue)],
    [`consume ${queue}`, (channel) => channel.consume(queue, () => {})],
    [`purge ${queue}`, (channel) => channel.purgeQueue(queue)],
  ];
}

/** What nobody but the service may do, to any queue. */
function shaping(queue: string): [string, Action][] {
  return [
    [`delete ${queue}`, (channel) => channel.deleteQueue(queue)],
    [`declare ${queue}`, (channel) => channel.assertQueue(queue, { durable: true })],
    ...EXCHANGES.flatMap((exchange): [string, Action][] => [
      [`bind ${queue} to ${exchange}`, (channel) => channel.bindQueue(queue, exchange, '#')],
      [`unbind ${queue} from ${exchange}`, (channel) => channel.unbindQueue(queue, exchange, queue)],
    ]),
    [`publish to ${queue} by name`, (channel) => channel.publish('', queue, body, { mandatory: true })],
  ];
}

function elsewhere(): [string, Action][] {
  return [
    ['declare a queue', (channel) => channel.assertQueue('new')],
    ['declare a queue with a name of the broker\'s', (channel) => channel.assertQueue('')],
    ['declare an exclusive queue', (channel) => channel.assertQueue('new', { exclusive: true })],
    ['declare an exchange', (channel) => channel.assertExchange('new', 'fanout')],
    ...EXCHANGES.flatMap((exchange): [string, Action][] => [
      [`delete ${exchange}`, (channel) => channel.deleteExchange(exchange)],
      ...EXCHANGES.map((source): [string, Action] =>
        [`bind ${exchange} to ${source}`, (channel) => channel.bindExchange(exchange, source, '#')]),
    ]),
    ...[names.TASKS, names.COMMANDS, 'amq.direct', 'amq.topic', 'amq.fanout', 'amq.headers'].flatMap((exchange) =>
      QUEUES.map((queue): [string, Action] =>
        [`publish ${queue} to ${exchange}`, (channel) => channel.publish(exchange, queue, body)])),
  ];
}

function forging(): [string, Action][] {
  const straight = [theirs, '*'].map((id) => names.straightKey(names.resultKey(id), group));
  return [names.resultKey(theirs), names.heartbeatKey(theirs), '#', '*.results', 'x', '', `${mine}.results.x`,
    `${names.heartbeatKey(mine)}.${group}`, names.straightKey(names.resultKey(mine), '*'), ...straight]
    .flatMap((key) => [names.RESULTS, names.HEARTBEATS].map((exchange): [string, Action] =>
      [`publish ${key} to ${exchange}`, (channel) => channel.publish(exchange, key, body)]));
}

test('an endpoint\'s credentials read, write, purge, bind, declare and delete nothing of anybody else', async () => {
  await using s = await site();
  const { task_queue_info: { connection_url: url } } = await s.broker.grants.child(mine, 'salt');
  await using endpoint = await connected(url);
  const before = await counts(s.topology);
  const allowed = await notRefused(modelOf(endpoint), [
    // What a manager is told is none of its business either.
    ...reading(names.commandQueue(mine)),
    ...FOREIGN.flatMap(reading), ...QUEUES.flatMap(shaping), ...elsewhere(), ...forging(),
  ]);
  assert.deepEqual(allowed, []);
  assert.deepEqual(await counts(s.topology), before);
});

test('a client\'s credentials read its own streams, and can do nothing else', async () => {
  await using s = await site();
  const { connectionUrl, queuePrefix } = await s.broker.grants.stream(alice, 0);
  assert.equal(queuePrefix + group, names.streamQueue(alice, group));
  await using client = await connected(connectionUrl);
  const before = await counts(s.topology);
  const foreign = QUEUES.filter((queue) => queue !== queuePrefix + group);
  const everyKey = [names.RESULTS, names.HEARTBEATS].flatMap((exchange) => [mine, theirs].map((id): [string, Action] =>
    [`publish to ${exchange}`, (channel) => channel.publish(exchange, `${id}.${exchange}`, body)]));
  const allowed = await notRefused(modelOf(client), [
    ...foreign.flatMap(reading), ...QUEUES.flatMap(shaping), ...elsewhere(), ...everyKey,
  ]);
  assert.deepEqual(allowed, []);
  assert.deepEqual(await counts(s.topology), before);
  assert.equal(await outcome(modelOf(client), (channel) => channel.get(queuePrefix + group)), 'done');
});

test('an endpoint\'s credentials do what an endpoint has to', async () => {
  await using s = await site();
  const { task_queue_info: { connection_url: url } } = await s.broker.grants.manager(mine, 'salt');
  await using endpoint = await connected(url);
  const model = modelOf(endpoint);
  for (const queue of OWN) assert.equal(await outcome(model, (channel) => channel.get(queue)), 'done');
  for (const name of [names.RESULTS, names.HEARTBEATS]) {
    assert.equal(await outcome(model, (channel) => channel.checkExchange(name)), 'done');
    assert.equal(await outcome(model, (channel) => channel.checkQueue(name)), 'done');
  }
  assert.equal(await outcome(model, (channel) => channel.consume(names.taskQueue(mine), () => {}, { exclusive: true })),
    'done');
  await using publisher = new Publisher(endpoint, testDeps);
  await publisher.publish({ exchange: names.RESULTS, routingKey: names.resultKey(mine), body });
  await publisher.publish({ exchange: names.HEARTBEATS, routingKey: names.heartbeatKey(mine), body });
  const before = await counts(s.topology);
  // To whoever reads results of this group: its id is known to its owner, and to endpoints that have tasks of it.
  await publisher.publish({
    exchange: names.RESULTS, routingKey: names.straightKey(names.resultKey(mine), group), body,
  });
  const now = await counts(s.topology);
  assert.deepEqual(QUEUES.filter((queue) => now[queue] !== before[queue]),
    [names.RESULTS, names.streamQueue(alice, group), names.streamQueue(bob, group)]);
  assert.deepEqual([(await s.topology.inspect(names.RESULTS))?.messages,
    (await s.topology.inspect(names.HEARTBEATS))?.messages], [3, 2]);
});

test('what an endpoint copies to another\'s routing key arrives under its own', async () => {
  await using s = await site();
  const { task_queue_info: { connection_url: url } } = await s.broker.grants.child(mine, 'salt');
  await using endpoint = await connected(url);
  const publishing = (options: { CC?: string; BCC?: string; userId?: string }): Promise<number | 'done'> =>
    outcome(modelOf(endpoint), (channel) => channel.publish(names.RESULTS, names.resultKey(mine), body, options));
  assert.equal(await publishing({ CC: names.resultKey(theirs), BCC: names.resultKey(theirs) }), 'done');
  assert.equal(await publishing({ userId: `endpoint.${theirs}` }), 406);
  const keys: string[] = [];
  await using consumer = new Consumer(s.service, testDeps, {
    queue: names.RESULTS, prefetch: 10,
    onMessage: (delivery) => {
      keys.push(delivery.routingKey);
      delivery.ack();
    },
  });
  await consumer.ready;
  await until('both messages', () => keys.length === 2);
  assert.deepEqual(keys, [names.RESULTS, names.resultKey(mine)]);
});

test('credentials open neither another virtual host nor the management API', async () => {
  await using s = await site();
  await using other = await sharedBroker();
  const { task_queue_info: { connection_url: url } } = await s.broker.grants.child(mine, 'salt');
  const { connectionUrl } = await s.broker.grants.stream(alice, 0);
  for (const one of [url, connectionUrl]) {
    const moved = new URL(one);
    moved.pathname = new URL(other.url).pathname;
    await assert.rejects(connected(moved.href), { code: 'BROKER_REFUSED' });
    const api = new URL(s.given.managementUrl);
    const pair = Buffer.from(`${moved.username}:${decodeURIComponent(moved.password)}`).toString('base64');
    const authorization = `Basic ${pair}`;
    const { status } = await fetch(new URL('/api/queues', api.origin), { headers: { authorization } });
    assert.equal(status, 401);
  }
});

test('the same salt gives the same credentials, and withdrawn ones are cut off and stay refused', async () => {
  await using s = await site();
  const { grants } = s.broker;
  const first = await grants.child(mine, 'one');
  grants.forget();
  assert.deepEqual(await grants.child(mine, 'one'), first);
  const url = first.task_queue_info.connection_url;
  await using endpoint = await connected(url);
  await grants.withdraw(mine);
  await until('the connection to end', () => endpoint.ended !== undefined);
  assert.equal(endpoint.ended?.code, 'BROKER_REFUSED');
  const second = await grants.child(mine, 'two');
  assert.notEqual(second.task_queue_info.connection_url, url);
  await assert.rejects(connected(url), { code: 'BROKER_REFUSED', message: /refuses user endpoint\./ });
  await using again = await connected(second.task_queue_info.connection_url);
  assert.ok(again.isOpen);
});

test('a client\'s password is good for an hour; a new one leaves open connections alone', async () => {
  await using s = await site();
  const [first, same] = await Promise.all([s.broker.grants.stream(alice, 0), s.broker.grants.stream(alice, 3_599_999)]);
  assert.deepEqual(same, first);
  await using open = await connected(first.connectionUrl);
  const later = await s.broker.grants.stream(alice, 3_600_000);
  assert.notEqual(later.connectionUrl, first.connectionUrl);
  await assert.rejects(connected(first.connectionUrl), { code: 'BROKER_REFUSED' });
  assert.equal(await outcome(modelOf(open), (channel) => channel.get(names.streamQueue(alice, group))), 'done');
});

test('a management API that is not there, or refuses us, is named', async () => {
  await using given = await sharedBroker();
  const open = (management_url: string): Promise<Broker> =>
    openBroker({ url: given.url, management_url }, randomBytes(32), testDeps);
  await assert.rejects(open('http://u:p@127.0.0.1:1'), { code: 'BROKER_UNREACHABLE', message: /0\.1:1 .*plugin/ });
  const wrong = new URL(given.managementUrl);
  wrong.password = 'wrong';
  await assert.rejects(open(wrong.href), { code: 'BROKER_REFUSED', message: /answers 401 to .*tagged administrator/ });
});

/** The names of those that the broker did not refuse. */
async function notRefused(model: ChannelModel, actions: readonly [string, Action][]): Promise<string[]> {
  const allowed: string[] = [];
  for (const [name, action] of actions) {
    const answer = await outcome(model, action);
    if (answer !== DENIED) allowed.push(`${name}: ${answer}`);
  }
  return allowed;
}

/** The code with which the broker closed the channel over it, or 'done'. */
async function outcome(model: ChannelModel, action: Action): Promise<number | 'done'> {
  const channel = await model.createConfirmChannel();
  let code: unknown;
  channel.on('error', (error) => { code = Reflect.get(error, 'code'); });
  const closed = new Promise<void>((resolve) => { channel.on('close', resolve); });
  try {
    await action(channel);
    await channel.waitForConfirms();
    await channel.close();
    return 'done';
  } catch {
    await closed;
    return Number(code);
  }
}

async function counts(topology: Topology): Promise<Record<string, number | undefined>> {
  const all = QUEUES.map(async (queue) => [queue, (await topology.inspect(queue))?.messages] as const);
  return Object.fromEntries(await Promise.all(all));
}

function modelOf(connection: Connection): ChannelModel {
  let model: ChannelModel | undefined;
  connection.attach({ onOpen: (one) => { model = one; }, onLost: () => {}, onEnd: () => {} })();
  assert.ok(model !== undefined, 'the connection is open');
  return model;
}
