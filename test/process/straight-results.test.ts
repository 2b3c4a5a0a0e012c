// Results that an endpoint puts into the stream of whoever waits for them, beside the service.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { encodeMessage, type ResultMessage, type WireMessage } from '../../src/amqp/messages.ts';
import { resultKey, straightKey, streamQueue } from '../../src/amqp/names.ts';
import { Topology } from '../../src/amqp/topology.ts';
import { Executor } from '../../src/sdk/index.ts';
import { connected, testDeps } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { resultStream, StandInEndpoint } from '../stand-in-endpoint.ts';
import { register, startEndpoint } from './endpoint.ts';
import { until } from './harness.ts';

suite('results that go straight to who waits', () => {
  let service: TestService;
  let alice: User;
  let fn: string;

  before(async () => {
    service = await testService();
    alice = await service.user();
    fn = await functionOf(service, alice);
  });
  after(() => service[Symbol.asyncDispose]());

  const submit = async (endpoint: StandInEndpoint, count: number, keys: object) => {
    const answer = await service.ask('POST', `/v3/endpoints/${endpoint.id}/submit`, {
      as: alice.token, body: { tasks: { [fn]: Array.from({ length: count }, (_, i) => `ARGS${i}`) }, ...keys },
    });
    assert.equal(answer.status, 200, answer.text);
    const { task_group_id: group, tasks } = answer.body as { task_group_id: string; tasks: Record<string, string[]> };
    return { group, ids: tasks[fn] ?? [] };
  };
  const straightly = (endpoint: StandInEndpoint, group: string, results: readonly ResultMessage[]): Promise<void> =>
    endpoint.send(encodeMessage({ type: 'result_bundle', results }), straightKey(resultKey(endpoint.id), group));
  const statusOf = async (id: string | undefined): Promise<{ readonly result?: string }> =>
    (await service.ask('GET', `/v2/tasks/${id}`, { as: alice.token })).body;
  const stored = (ids: readonly string[]): Promise<unknown> => Promise.all(ids.map(
    (id) => until('it to be stored', async () => (await statusOf(id)).result === `result of ${id}`),
  ));

  test('a result is there while the service stands still, and the service knows of it afterwards', async () => {
    await using files = await scratch();
    const registered = await register(service, alice);
    await using endpoint = await startEndpoint(registered, { directory: files.at('endpoint') });
    assert.equal(endpoint.said.type, 'up', endpoint.said.message);
    await using executor = new Executor({ endpointId: registered.id, serviceUrl: service.url, token: alice.token });
    const [running, go] = [files.at('running'), files.at('go')];
    const waiting = async (mark: string, signal: string): Promise<string> => {
      const { existsSync: isThere, writeFileSync } = await import('node:fs');
      writeFileSync(mark, '');
      while (!isThere(signal)) await new Promise((resolve) => { setTimeout(resolve, 10); });
      return 'done';
    };
    const future = executor.submit(waiting, running, go);
    await until('the task to run', () => existsSync(running) && future.taskId !== undefined, 60_000);
    process.kill(service.pid(), 'SIGSTOP');
    try {
      await writeFile(go, '');
      assert.equal(await future, 'done');
    } finally {
      process.kill(service.pid(), 'SIGCONT');
    }
    await until('the service to know', async () =>
      'completion_t' in (await service.ask('GET', `/v2/tasks/${future.taskId}`, { as: alice.token })).body);
    assert.equal(executor.status().service?.duplicates, 0);
  });

  test('tasks say which stream is theirs, and what was put there comes once and is stored', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const seen: WireMessage[] = [];
    await endpoint.messages((message) => { if (message.type !== 'refused') seen.push(message); });
    const { group, ids } = await submit(endpoint, 20, { create_queue: true, result_bundles: true });
    await until('the tasks', () => seen.length === 1);
    assert.equal(seen[0]?.type === 'task_bundle' && seen[0].straightTo, group);
    await using stream = await resultStream(service, alice, group);
    await straightly(endpoint, group, ids.map(resultOf));
    await stored(ids);
    // Something that the service passes on, behind everything that it may have passed on before.
    const last = await submit(endpoint, 1, { create_queue: true, result_bundles: true, task_group_id: group });
    await endpoint.send(encodeMessage({ type: 'result_bundle', results: last.ids.map(resultOf) }));
    await until('the last', () => stream.seen.some(({ taskId }) => taskId === last.ids[0]));
    assert.deepEqual(stream.seen.map(({ taskId }) => taskId), [...ids, ...last.ids]);
    assert.deepEqual(stream.sizes, [20, 1]);
  });

  test('where one reader takes results one by one, none go straight any more', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const seen: WireMessage[] = [];
    await endpoint.messages((message) => { if (message.type !== 'refused') seen.push(message); });
    const { group, ids } = await submit(endpoint, 5, { create_queue: true, result_bundles: true });
    const again = await submit(endpoint, 5, { create_queue: true, task_group_id: group });
    await until('all tasks', () => seen.length === 2);
    assert.deepEqual(seen.map((one) => one.type === 'task_bundle' && one.straightTo), [group, undefined]);
    await using stream = await resultStream(service, alice, group);
    await straightly(endpoint, group, [...ids, ...again.ids].map(resultOf));
    await until('all results', () => stream.seen.length >= 10);
    assert.deepEqual(stream.sizes, Array.from({ length: 10 }, () => 1));
  });

  test('a service that was started again does not know what went straight, and passes it on', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const { group, ids } = await submit(endpoint, 3, { create_queue: true, result_bundles: true });
    await using stream = await resultStream(service, alice, group);
    await service.kill('SIGKILL');
    await straightly(endpoint, group, ids.map(resultOf));
    await until('what went straight', () => stream.seen.length === 3);
    await service.restart();
    await stored(ids);
    await until('what was passed on', () => stream.seen.length === 6);
    assert.deepEqual(new Set(stream.seen.map(({ taskId }) => taskId)), new Set(ids));
  });

  test('a stream that the broker has deleted is there again for whoever asks for its group', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const { group, ids } = await submit(endpoint, 2, { create_queue: true, result_bundles: true });
    await using connection = await connected(service.broker.url);
    await using topology = new Topology(connection, testDeps);
    await topology.deleteQueues([streamQueue(alice.identity, group)]);
    const { status } = await service.ask('GET', `/v2/taskgroup/${group}?result_bundles=true`, { as: alice.token });
    assert.equal(status, 200);
    await using stream = await resultStream(service, alice, group);
    await straightly(endpoint, group, ids.map(resultOf));
    await until('the results', () => stream.seen.length === 2);
    await stored(ids);
    assert.deepEqual(stream.sizes, [2]);
  });

  test('what cannot be read helps nobody: the service says so to who waits', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const { group, ids: [id] } = await submit(endpoint, 1, { create_queue: true, result_bundles: true });
    const body = JSON.stringify({ message_type: 'result', data: { task_id: id, data: 7 } });
    await endpoint.send(Buffer.from(`\x01${body}`), straightKey(resultKey(endpoint.id), group));
    const failed = await until('its failure', async () => (await service.ask('GET', `/v2/tasks/${id}`, {
      as: alice.token,
    })).body.exception as string | undefined);
    assert.match(failed, /could not be read/);
  });
});

function resultOf(taskId: string): ResultMessage {
  return {
    type: 'result', taskId, data: `result of ${taskId}`, details: undefined, error: undefined, transitions: undefined,
  };
}
