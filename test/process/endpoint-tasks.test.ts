// Tasks through service, broker and a real endpoint.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { encodeMessage } from '../../src/amqp/messages.ts';
import { taskQueue, TASKS } from '../../src/amqp/names.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { writeTaskHeaders } from '../../src/amqp/task-headers.ts';
import { pack } from '../../src/common/packed.ts';
import { connected, testDeps } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { testService, type TestService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import {
  argumentsFor, outcomeOf, register, registerFunction, resultsOf, startEndpoint, submit, type Registered,
  type RunningEndpoint,
} from './endpoint.ts';

suite('an endpoint', () => {
  let service: TestService;
  let alice: User;
  let registered: Registered;
  let endpoint: RunningEndpoint;
  let files: Awaited<ReturnType<typeof scratch>>;

  before(async () => {
    service = await testService();
    alice = await service.user();
    registered = await register(service, alice);
    files = await scratch();
    endpoint = await startEndpoint(registered, { directory: files.at('endpoint') });
  });
  after(async () => {
    await endpoint[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const call = async (source: string, calls: readonly (readonly unknown[])[], keys = {}) => {
    const fn = await registerFunction(service, alice, { form: 'source', name: 'f', source });
    const payloads = calls.map((args) => argumentsFor(...args));
    const { group, ids } = await submit(service, alice, { endpoint: registered.id, fn, payloads, keys });
    await using stream = await resultStream(service, alice, group);
    const results = await resultsOf(stream.seen, ids);
    return ids.map((id) => {
      const result = results.get(id);
      assert.ok(result !== undefined);
      return result;
    });
  };

  test('runs JavaScript functions and says where and when', async () => {
    assert.deepEqual(endpoint.said, { type: 'up', rerun: 0, resent: 0, notes: [] });
    const [result] = await call('(a, b) => ({ sum: a + b })', [[1, 2]]);
    assert.ok(result !== undefined);
    assert.deepEqual(outcomeOf(result), { sum: 3 });
    assert.equal(result.details?.['endpoint_id'], registered.id);
    assert.deepEqual(result.transitions?.map(({ state, actor }) => [state, actor]),
      [['execution-start', 'worker'], ['execution-end', 'worker']]);
  });

  test('runs a thousand in their submission\'s order of results or any other, each once', async () => {
    const results = await call('(n) => n * 2', Array.from({ length: 1000 }, (_, n) => [n]));
    assert.deepEqual(results.map(outcomeOf), Array.from({ length: 1000 }, (_, n) => n * 2));
  });
  test('what a function throws comes back as it was thrown', async () => {
    const [result] = await call('() => { throw Object.assign(new RangeError("too far"), { how: 7 }); }', [[]]);
    assert.ok(result !== undefined);
    assert.deepEqual(result.error, { code: 'TASK_RAISED', userMessage: 'RangeError: too far' });
    const error = outcomeOf(result);
    assert.ok(error instanceof RangeError);
    assert.equal(Reflect.get(error, 'how'), 7);
  });

  test('a large binary goes there and back', async () => {
    const [result] = await call('(bytes) => bytes.map((one) => one + 1)', [[new Uint8Array(300_000).fill(7)]]);
    assert.ok(result !== undefined);
    assert.deepEqual(outcomeOf(result), new Uint8Array(300_000).fill(8));
  });

  test('a worker that ends takes its task with it, and the next one runs', async () => {
    const [lost] = await call('() => process.exit(3)', [[]]);
    assert.equal(lost?.error?.code, 'WORKER_LOST', lost?.data);
    const [next] = await call('() => 1', [[]]);
    assert.ok(next !== undefined);
    assert.equal(outcomeOf(next), 1);
  });

  test('what no engine can do for a task is its failure, and says what would do', async () => {
    const [result] = await call('() => 1', [[]], { resource_specification: { num_nodes: 2 } });
    assert.match(result?.error?.userMessage ?? '', /only accepts these types of resources: priority/);
    const fn = await registerFunction(service, alice, pack('zz\nwhatever'));
    const { group, ids } = await submit(service, alice, { endpoint: registered.id, fn, payloads: ['1\nx'] });
    await using stream = await resultStream(service, alice, group);
    const [unknown] = (await resultsOf(stream.seen, ids)).values();
    assert.match(unknown?.data ?? '', /Failed to start task: the function is serialised as "zz"/);
    assert.equal(unknown?.error?.code, 'RemoteExecutionError');
  });

  test('hostile messages end nothing: known tasks fail, the rest is dropped', async () => {
    const fn = await registerFunction(service, alice, { form: 'source', name: 'f', source: '() => 1' });
    // Tasks that the service knows; what reaches the endpoint of some is not what it sent.
    const { group, ids } = await submit(service, alice, {
      endpoint: registered.id, fn, payloads: ['truncated', '9\njd\n!!!!!!'],
    });
    await using stream = await resultStream(service, alice, group);
    const failed = await resultsOf(stream.seen, ids);
    for (const { error } of failed.values()) assert.equal(error?.code, 'BAD_MESSAGE');

    const connection = await connected(service.broker.url);
    await using publisher = new Publisher(connection, testDeps);
    const routingKey = taskQueue(registered.id);
    const headers = writeTaskHeaders({
      taskId: randomUUID(), functionId: fn, resourceSpecification: undefined, resultSerializers: [],
      straightTo: undefined,
    }) as Record<string, string>;
    const whole = encodeMessage({ type: 'task', taskId: randomUUID(), taskBuffer: pack('js\n{}') });
    const hostile: [Record<string, string>, Uint8Array][] = [
      [{}, Buffer.alloc(0)], [{}, whole], [headers, Buffer.from([2, 3, 4])], [headers, whole.subarray(0, 30)],
      [{ ...headers, task_uuid: '../../etc' }, whole], [{ ...headers, resource_specification: '[' }, whole],
      [headers, Buffer.concat([Buffer.from([1]), Buffer.from('['.repeat(10_000))])],
      [{}, encodeMessage({ type: 'task_bundle', functionId: fn, code: 'x', resourceSpecification: undefined,
        resultSerializers: [], straightTo: undefined, tasks: [] })],
    ];
    for (const [some, body] of hostile) await publisher.publish({ exchange: TASKS, routingKey, body, headers: some });
    const [next] = await call('() => 2', [[]]);
    assert.ok(next !== undefined);
    assert.equal(outcomeOf(next), 2);
    assert.equal(endpoint.child.exitCode, null);
    assert.match(endpoint.log(), /message that is no task was dropped/);
    await connection.close();
  });

  test('a task that is delivered again runs once', async () => {
    const fn = await registerFunction(service, alice, { form: 'source', name: 'f', source: '() => 1' });
    const connection = await connected(service.broker.url);
    await using publisher = new Publisher(connection, testDeps);
    const { group, ids } = await submit(service, alice, {
      endpoint: registered.id, fn, payloads: [argumentsFor()],
    });
    await using stream = await resultStream(service, alice, group);
    await resultsOf(stream.seen, ids);
    const taskId = ids[0] ?? '';
    const body = encodeMessage({
      type: 'task_bundle', functionId: fn, code: pack('js\n{"name":"g","source":"() => 2"}'),
      resourceSpecification: undefined, resultSerializers: [], straightTo: undefined,
      tasks: [{ taskId, payload: argumentsFor() }],
    });
    await publisher.publish({ exchange: TASKS, routingKey: taskQueue(registered.id), body });
    await call('() => 3', [[]]);
    assert.equal(stream.seen.length, 1);
    await connection.close();
  });

  test('only functions that are allowed run, in a pool as well', async () => {
    const other = await register(service, alice);
    const allowed = await registerFunction(service, alice, { form: 'source', name: 'f', source: '() => 1' });
    const refused = await registerFunction(service, alice, { form: 'source', name: 'f', source: '() => 2' });
    await using pool = await startEndpoint(other, {
      directory: files.at('pool'),
      config: { engine: { type: 'ThreadPoolEngine', max_workers: 2 }, allowed_functions: [allowed] },
    });
    assert.equal(pool.said.type, 'up', pool.said.message);
    for (const [fn, expected] of [[allowed, undefined], [refused, 'FUNCTION_NOT_ALLOWED']] as const) {
      const { group, ids } = await submit(service, alice, { endpoint: other.id, fn, payloads: [argumentsFor()] });
      await using stream = await resultStream(service, alice, group);
      const [result] = (await resultsOf(stream.seen, ids)).values();
      assert.equal(result?.error?.code, expected);
      if (expected !== undefined) assert.equal(result?.data, `Function ${fn} not permitted on endpoint ${other.id}`);
    }
    const { group, ids } = await submit(service, alice, {
      endpoint: other.id, fn: allowed, payloads: [argumentsFor()], keys: { resource_specification: { priority: 1 } },
    });
    await using stream = await resultStream(service, alice, group);
    const [result] = (await resultsOf(stream.seen, ids)).values();
    assert.match(result?.error?.userMessage ?? '', /resource_specification is not supported on ThreadPoolEngine\./);
  });

  test('its title says its name, and the service what it is', async () => {
    const title = readFileSync(`/proc/${endpoint.child.pid}/cmdline`, 'utf8').replaceAll('\0', '');
    assert.match(title, /^switchyard endpoint tested/);
    const { body } = await service.ask('GET', `/v2/endpoints/${registered.id}/status`, { as: alice.token });
    assert.equal((body as { status: string }).status, 'online');
    assert.equal(statSync(`${endpoint.directory}/endpoint.log`).mode & 0o777, 0o600);
  });

  test('what it was started with may be wrong, and it says what', async () => {
    const cases: [Parameters<typeof startEndpoint>[0], object, RegExp, number][] = [
      [registered, {}, /engine: it is missing/, 1],
      [{ ...registered, queues: {} as Registered['queues'] }, { engine: {} }, /Invalid credential structure/, 65],
      [{ ...registered, id: 'x' }, { engine: {} }, /Missing or invalid endpoint information from stdin/, 1],
      [registered, { engine: {}, endpoint_setup: 'exit 4' }, /endpoint_setup failed with exit code 4/, 78],
      [elsewhere(registered, (url) => { url.password = 'wrong'; }), { engine: {} }, /its password is wrong/, 77],
    ];
    for (const [one, config, why, status] of cases) {
      const wrong = await startEndpoint(one, { directory: files.at(randomUUID()), config: { ...config } });
      assert.equal(wrong.said.type, 'failed');
      assert.match(wrong.said.message ?? '', why);
      assert.equal(await wrong.exited, status);
    }
  });
});

function elsewhere({ id, queues }: Registered, change: (url: URL) => void): Registered {
  const changed = <T extends { connection_url: string }>(info: T): T => {
    const url = new URL(info.connection_url);
    change(url);
    return { ...info, connection_url: url.href };
  };
  const { task_queue_info, result_queue_info, heartbeat_queue_info, command_queue_info } = queues;
  return { id, queues: {
    task_queue_info: changed(task_queue_info), result_queue_info: changed(result_queue_info),
    heartbeat_queue_info: changed(heartbeat_queue_info), command_queue_info,
  } };
}
