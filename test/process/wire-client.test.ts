import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { pack, unpack } from '../../src/common/packed.ts';
import { Client, ComputeError, Executor, registeredFunction } from '../../src/sdk/index.ts';
import { serveScripts } from '../script-endpoint.ts';
import { testService, type TestService, type User } from '../service.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { settled, until } from './harness.ts';

suite('what a client asks of the service', () => {
  let service: TestService;
  let alice: User;
  let bob: User;
  let client: Client;

  before(async () => {
    service = await testService();
    alice = await service.user();
    bob = await service.user();
    client = new Client({ serviceUrl: service.url, token: alice.token });
  });
  after(() => service[Symbol.asyncDispose]());

  const failureOf = async (promise: PromiseLike<unknown>): Promise<ComputeError> => {
    const { error } = await settled(promise);
    assert.ok(error instanceof ComputeError, error.stack);
    return error;
  };
  const open = (endpointId: string, user = alice): Executor =>
    new Executor({ endpointId, serviceUrl: service.url, token: user.token });

  test('registers, runs, and says how tasks stand', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    const add = await client.registerFunction((a: number, b: number) => a + b, { description: 'adds' });
    const fails = await client.registerFunction(() => { throw new TypeError('no'); });
    const [one = '', two = '', other = ''] = await client.runBatch(endpoint.id, [
      { functionId: add, args: [1, 2] }, { functionId: fails, args: [] }, { functionId: add, args: [3, 4] },
    ]);
    const pending = await failureOf(client.getResult(one));
    const state = (await client.getBatchResult([one])).get(one);
    assert.deepEqual([pending.code, state?.status], ['TASK_PENDING', 'waiting']);
    await serveScripts(endpoint);
    await until('the results', async () => [...(await client.getBatchResult([one, two, other])).values()]
      .every(({ status }) => status !== 'waiting'));
    assert.deepEqual([await client.getResult(one), await client.getResult(other)], [3, 7]);
    await assert.rejects(client.getResult(two), TypeError);
    assert.equal(await executed(endpoint.id, add), 11);
  });

  const executed = async (endpointId: string, functionId: string): Promise<unknown> => {
    await using executor = open(endpointId);
    return await executor.submit(registeredFunction<[number, number], number>(functionId), 5, 6);
  };

  test('a Python function gets JSON, is asked for JSON, and its traceback comes back', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const id = await client.storeFunction({ function_name: 'py', function_code: pack('01\ngASV') });
    const py = registeredFunction<[number, string]>(id);
    const results = [
      ['11\n{"a":[1795224080706055542]}', undefined], ['00\ngARLBy4=\n', undefined],
      ['Traceback\nZeroDivisionError: x', { code: 'RemoteExecutionError', userMessage: 'An error occurred' }],
    ] as const;
    const seen: [unknown, string[]][] = [];
    await endpoint.take((task) => {
      const [data, error] = results[seen.length] ?? ['', undefined];
      seen.push([task.headers['result_serializers'], unpack(task.buffer)]);
      void endpoint.result({ type: 'result', taskId: task.id, data, details: {}, error, transitions: [] })
        .then(() => task.ack());
    });
    await using executor = open(endpoint.id);
    assert.deepEqual(await executor.submit(py, 1, 'ä'), { a: [1795224080706055542n] });
    assert.deepEqual(seen[0],
      [['globus_compute_sdk.serialize.concretes.JSONData'], ['01\ngASV', '11\n[1,"ä"]', '11\n{}']]);
    const pickled = executor.submit(py, 1, '');
    assert.match((await failureOf(pickled)).message, /only Python can read it.*return what JSON can say/);
    const raised = await failureOf(executor.submit(py, 1, ''));
    assert.deepEqual([raised.code, raised.message],
      ['TASK_RAISED', 'the task raised an exception:\nTraceback\nZeroDivisionError: x']);
    assert.throws(() => executor.submit(py, NaN, ''), { code: 'NOT_SERIALIZABLE' });
    assert.equal(seen.length, 3);
  });

  test('who is not known, and what is somebody else’s, is refused in words', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const stranger = new Executor({ endpointId: endpoint.id, serviceUrl: service.url, token: 'wrong' });
    assert.equal((await failureOf(stranger.submit(() => 1))).code, 'LOGIN_NEEDED');
    await stranger.close();
    const others = open(endpoint.id, bob);
    const refused = await failureOf(others.submit(() => 1));
    assert.deepEqual([refused.code, refused.details['status'], refused.details['code']],
      ['SERVICE_REFUSED', 404, 'ENDPOINT_NOT_FOUND']);
    // One refusal is not the end of an executor.
    assert.equal((await failureOf(others.submit(() => 2))).code, 'SERVICE_REFUSED');
    await others.close();
    const nowhere = open(randomUUID());
    assert.match((await failureOf(nowhere.submit(() => 1))).message, /Endpoint .* could not be resolved/);
    await nowhere.close();
  });

  test('one function that is not allowed does not keep the others from running', async () => {
    const allowed = await client.registerFunction(() => 'fine');
    await using endpoint = await StandInEndpoint.register(service, alice, {
      body: { metadata: { bundles: true }, allowed_functions: [allowed] },
    });
    await serveScripts(endpoint);
    await using executor = open(endpoint.id);
    const fine = registeredFunction<[], string>(allowed);
    await executor.submit(fine);
    const forbidden = await client.registerFunction(() => 'bad');
    const bad = registeredFunction<[], string>(forbidden);
    await failureOf(executor.submit(bad));
    const [one, other] = [executor.submit(fine), executor.submit(bad)];
    assert.equal(await one, 'fine');
    assert.equal((await failureOf(other)).details['code'], 'FUNCTION_NOT_PERMITTED');
  });

  test('a client of the environment gets its tokens by itself', async () => {
    const environment = {
      GLOBUS_COMPUTE_CLIENT_ID: alice.identity, GLOBUS_COMPUTE_CLIENT_SECRET: alice.token,
      SWITCHYARD_SERVICE_URL: service.url,
    };
    Object.assign(process.env, environment);
    try {
      assert.equal((await new Client().userInfo()).id, alice.identity);
      process.env['GLOBUS_COMPUTE_CLIENT_SECRET'] = 'wrong';
      assert.equal((await failureOf(new Client().userInfo())).code, 'LOGIN_NEEDED');
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }
  });

  test('an endpoint can be registered, described, stopped and removed', async () => {
    const { endpoint_id: id } = await client.registerEndpoint({ endpoint_name: 'mine', metadata: {} });
    assert.equal((await client.registerEndpoint({ endpoint_name: 'mine', metadata: {} }, id)).endpoint_id, id);
    assert.deepEqual(await client.endpointState(id), { online: false, details: {} });
    assert.equal((await client.describeEndpoint(id))['name'], 'mine');
    assert.ok((await client.endpoints()).some((one) => one.id === id && one.owner === alice.identity));
    assert.equal(await client.allowedFunctions(id), undefined);
    assert.ok(await client.lockEndpoint(id) > Date.now());
    await client.deleteEndpoint(id);
    assert.equal((await failureOf(client.endpointState(id))).details['code'], 'ENDPOINT_NOT_FOUND');
    assert.equal((await failureOf(client.endpointState('../x'))).code, 'CONFIG_INVALID');
  });
});
