// The life of a task in the service, between a client and a stand-in for its endpoint.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type { ResultMessage } from '../../src/amqp/messages.ts';
import { resultStream, StandInEndpoint, STARTED_NS, type SeenTask } from '../stand-in-endpoint.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { until } from './harness.ts';

suite('tasks in the service', () => {
  let service: TestService;
  let alice: User;
  let fn: string;

  before(async () => {
    service = await testService();
    alice = await service.user();
    fn = await functionOf(service, alice);
  });
  after(() => service[Symbol.asyncDispose]());

  const submit = async (endpoint: string, body: unknown, headers = {}) => {
    const answer = await service.ask('POST', `/v3/endpoints/${endpoint}/submit`, { as: alice.token, body, headers });
    assert.equal(answer.status, 200, answer.text);
    return answer.body as {
      request_id: string; task_group_id: string; endpoint_id: string; tasks: Record<string, string[]>
    };
  };
  const statusOf = async (task: string) => (await service.ask('GET', `/v2/tasks/${task}`, { as: alice.token })).body;
  const sent = (task: string) => until(`the service to know that ${task} is sent`, async () => {
    const status = await statusOf(task);
    return status.status !== 'received' && status;
  });
  const finished = (task: string) => until(`the end of ${task}`, async () => {
    const status = await statusOf(task);
    return status.completion_t !== undefined && status;
  });
  const taken = async (endpoint: StandInEndpoint): Promise<SeenTask[]> => {
    const seen: SeenTask[] = [];
    await endpoint.take((task) => seen.push(task));
    return seen;
  };

  test('a task arrives as the field’s endpoints read it, with every digit of what its user asked for', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const seen = await taken(endpoint);
    const body = `{"tasks":{"${fn.toUpperCase()}":["ARGS1","ARGS2 \\u0000é𝄞"]},"create_queue":false,`
      + '"resource_specification":{"num_nodes":2,"big":12345678901234567890},"result_serializers":["a.b.C","d.E"]}';
    const answer = await submit(endpoint.id, body);
    const ids = answer.tasks[fn.toUpperCase()] ?? [];
    assert.equal(answer.endpoint_id, endpoint.id);
    assert.equal(ids.length, 2);
    await until('both tasks', () => seen.length === 2);
    assert.deepEqual(
      seen.map(({ id, buffer }) => [id, buffer]), [[ids[0], 'CODEARGS1'], [ids[1], 'CODEARGS2 \u0000é𝄞']],
    );
    assert.deepEqual(seen[0]?.headers, {
      function_uuid: fn, task_uuid: ids[0], resource_specification: '{"num_nodes":2,"big":12345678901234567890}',
      result_serializers: ['a.b.C', 'd.E'],
    });
    assert.deepEqual(await sent(ids[1] ?? ''), { task_id: ids[1], status: 'waiting-for-ep' });
  });

  test('a result reaches the stream and the status, a failure with its text and without a result', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const { tasks, task_group_id: group } = await submit(
      endpoint.id, { tasks: { [fn]: ['a', 'b'] }, create_queue: true },
    );
    await using stream = await resultStream(service, alice, group);
    const [good = '', bad = ''] = tasks[fn] ?? [];
    await endpoint.succeed(good, '00\nvalue\n');
    const failure: ResultMessage = {
      type: 'result', taskId: bad, data: 'Traceback\u0000…', error: { code: 'RemoteExecutionError', userMessage: 'm' },
      details: undefined, transitions: undefined,
    };
    await endpoint.result(failure);
    await until('both results', () => stream.seen.length === 2);
    assert.deepEqual(stream.seen.find(({ taskId }) => taskId === bad), failure);
    assert.equal(
      stream.seen.find(({ taskId }) => taskId === good)?.transitions?.[0]?.timestampNs, STARTED_NS,
    );

    const { completion_t: done, ...status } = await finished(good);
    assert.match(done as string, /^\d{10}(\.\d+)?$/);
    assert.deepEqual(status, {
      task_id: good, status: 'success', result: '00\nvalue\n',
      details: {
        endpoint_id: endpoint.id, os: 'Test', task_transitions: { 'execution-start': Number(STARTED_NS) / 1e9 },
      },
    });
    const { completion_t: _, ...failed } = await finished(bad);
    assert.deepEqual(
      failed, { task_id: bad, status: 'failed', exception: 'Traceback\u0000…', details: { task_transitions: {} } },
    );
    const batch = await service.ask(
      'POST', '/v2/batch_status', { as: alice.token, body: { task_ids: [good, bad.toUpperCase()] } },
    );
    assert.deepEqual(Object.keys(batch.body.results as object).sort(), [good, bad].sort());
  });

  test('a group collects tasks of several submissions, and can be read again', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const first = await submit(endpoint.id, { tasks: { [fn]: ['a', 'b'] } });
    const group = first.task_group_id;
    const second = await submit(endpoint.id, { tasks: { [fn]: ['c'] }, task_group_id: group, create_queue: true });
    assert.equal(second.task_group_id, group);
    const { body } = await service.ask('GET', `/v2/taskgroup/${group}`, { as: alice.token });
    assert.equal(body.taskgroup_id, group);
    const ids = [...first.tasks[fn] ?? [], ...second.tasks[fn] ?? []];
    assert.deepEqual(body.tasks.map(({ id }: { id: string }) => id), ids);
    assert.match(body.tasks[0].created_at as string, /^\d{4}-\d\d-\d\dT[\d:.]+$/);
    await using stream = await resultStream(service, alice, group);
    for (const id of ids) await endpoint.succeed(id, id);
    await until('all results', () => stream.seen.length === 3);
  });

  test('the first result counts, whatever comes after it', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const { tasks, task_group_id: group } = await submit(endpoint.id, { tasks: { [fn]: ['a'] }, create_queue: true });
    const id = tasks[fn]?.[0] ?? '';
    await using stream = await resultStream(service, alice, group);
    await endpoint.succeed(id, 'first');
    await endpoint.succeed(id, 'second');
    await finished(id);
    await endpoint.succeed(id, 'third');
    await until('every answer', () => stream.seen.length === 3);
    assert.deepEqual(new Set(stream.seen.map(({ data }) => data)), new Set(['first']));
    assert.equal((await statusOf(id)).result, 'first');
  });

  test('what cannot be read is never passed on; where it names its task, the task fails and says why', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const result = (id: string, keys: string) => `\u0001{"message_type":"result","data":{"task_id":"${id}",${keys}}}`;
    const named = [
      (id: string) => result(id, '"data":1'),
      (id: string) => result(id, '"data":"x","error_details":{"code":"c"}'),
      (id: string) => result(id, '"data":"x","task_statuses":[{"timestamp":1.5,"state":"running","actor":"worker"}]'),
      (id: string) => result(id, '"data":"x","task_statuses":[{"timestamp":1,"state":"made-up","actor":"worker"}]'),
      (id: string) => `\u0002${result(id, '"data":"x"').slice(1)}`,
      (id: string) => result(id, '"data":"x"').replace('"result"', '"unheard-of"'),
    ];
    const { tasks, task_group_id: group } = await submit(endpoint.id, {
      tasks: { [fn]: [...named.map(() => 'x'), 'last'] }, create_queue: true,
    });
    const ids = tasks[fn] ?? [];
    await using stream = await resultStream(service, alice, group);
    const nameless = [
      '', '\u0001', '\u0001{', '\u0001[]', '\u0001null', '\u0001{"message_type":"result","data":{"task_id":"no"}}',
    ];
    for (const text of nameless) await endpoint.send(Buffer.from(text));
    await endpoint.send(Buffer.from([1, 0xff, 0xfe]));
    for (const [i, text] of named.entries()) await endpoint.send(Buffer.from(text(ids[i] ?? '')));
    await endpoint.succeed(ids.at(-1) ?? '', 'fine');
    await until('every answer', () => stream.seen.length === ids.length);
    for (const id of ids.slice(0, -1)) {
      const status = await finished(id);
      assert.equal(status.status, 'failed');
      assert.match(status.exception as string, /^The endpoint's result could not be read: /);
    }
    assert.equal((await finished(ids.at(-1) ?? '')).result, 'fine');
  });

  test('nobody answers for another endpoint', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const mallory = await service.user();
    await using other = await StandInEndpoint.register(service, mallory);
    const { tasks } = await submit(endpoint.id, { tasks: { [fn]: ['a', 'b'] } });
    const [id = '', next = ''] = tasks[fn] ?? [];
    await other.succeed(id, 'forged');
    await assert.rejects(other.send(Buffer.from('x'), `${endpoint.id}.results`), { code: 'BROKER_REFUSED' });
    // Results are taken in their order: when this one is there, the forged one has been looked at.
    await endpoint.succeed(next, 'true');
    await finished(next);
    assert.deepEqual(await sent(id), { task_id: id, status: 'waiting-for-ep' });
    assert.match(service.log(), /result of no task of this endpoint was dropped/);
  });

  test('a result that is too large becomes the failure that the field has for it', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const { tasks } = await submit(endpoint.id, { tasks: { [fn]: ['a', 'b'] } });
    const [most = '', more = ''] = tasks[fn] ?? [];
    await endpoint.succeed(most, 'x'.repeat(10 * 1024 ** 2));
    await endpoint.succeed(more, 'x'.repeat(11 * 1024 ** 2));
    assert.equal((await finished(most)).result.length, 10 * 1024 ** 2);
    const { status, exception } = await finished(more);
    assert.deepEqual([status, exception], ['failed', `MaxResultSizeExceeded(${11 * 1024 ** 2}, ${10 * 1024 ** 2})`]);
  });

  test('a request with a name is the same request again; equal ones without a name are not', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const body = { tasks: { [fn]: ['same'] } };
    const headers = { 'idempotency-key': randomUUID() };
    const [first, again] = [await submit(endpoint.id, body, headers), await submit(endpoint.id, body, headers)];
    assert.deepEqual(first, again);
    const [one, two] = [await submit(endpoint.id, body), await submit(endpoint.id, body)];
    assert.notEqual(one.request_id, two.request_id);
    const seen = await taken(endpoint);
    const last = await submit(endpoint.id, { tasks: { [fn]: ['last'] } });
    await until('the last task', () => seen.some(({ id }) => id === last.tasks[fn]?.[0]));
    assert.equal(seen.length, 4);
  });

  test('the tasks of an endpoint that is removed fail, and tell so', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const { tasks, task_group_id: group } = await submit(
      endpoint.id, { tasks: { [fn]: ['a', 'b'] }, create_queue: true },
    );
    await using stream = await resultStream(service, alice, group);
    const path = `/v2/endpoints/${endpoint.id}`;
    assert.deepEqual((await service.ask('DELETE', path, { as: alice.token })).body, { result: 302 });
    await until('both failures', () => stream.seen.length === 2);
    const { status, exception } = await finished(tasks[fn]?.[0] ?? '');
    assert.deepEqual([status, exception], ['failed', `Endpoint ${endpoint.id} was deleted before the task ran`]);
    assert.equal((await service.ask('GET', path, { as: alice.token })).status, 404);
  });

  test('an endpoint is online from its first report until it says goodbye', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const path = `/v2/endpoints/${endpoint.id}/status`;
    const status = async () => (await service.ask('GET', path, { as: alice.token })).body;
    assert.deepEqual(await status(), { status: 'offline' });
    await endpoint.report({ heartbeat_period: 30, total_workers: 4, idle_workers: 3, account: 'secret' });
    await until('online', async () => (await status()).status === 'online');
    assert.deepEqual((await status()).details, { total_workers: 4, idle_workers: 3 });
    await endpoint.report({ heartbeat_period: 0 });
    await until('offline', async () => (await status()).status === 'offline');
  });
});
