// The service over HTTP: what it answers, and how it says no.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { testService, type TestService, type User } from '../service.ts';
import { until } from './harness.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MIB = 1024 ** 2;

suite('the service over HTTP', () => {
  let service: TestService;
  let alice: User;
  let bob: User;

  before(async () => {
    service = await testService();
    alice = await service.user('alice@example.org');
    bob = await service.user('bob@example.org');
  });
  after(() => service[Symbol.asyncDispose]());

  const register = async (user: User, body: Record<string, unknown> = {}): Promise<string> => {
    const answer = await service.ask('POST', '/v3/functions', {
      as: user.token, body: { function_name: 'f', function_code: 'code', ...body },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.function_uuid as string;
  };
  const endpointOf = async (user: User, body: Record<string, unknown> = {}): Promise<string> => {
    const answer = await service.ask('POST', '/v3/endpoints', {
      as: user.token, body: { endpoint_name: 'e', metadata: {}, ...body },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.endpoint_id as string;
  };
  const submit = (user: User, endpoint: string, body: unknown) =>
    service.ask('POST', `/v3/endpoints/${endpoint}/submit`, { as: user.token, body });
  /** The field's envelope, whole. */
  const refused = (
    status: number, code: string, detail: string | RegExp, answer: Awaited<ReturnType<typeof submit>>,
  ) => {
    assert.equal(answer.status, status, answer.text);
    const { status: word, code: found, error_args, http_status_code, detail: text, reason, ...rest } = answer.body;
    assert.deepEqual([word, found, http_status_code, Array.isArray(error_args), reason, rest],
      ['Failed', code, status, true, text, {}]);
    if (typeof detail === 'string') assert.equal(text, detail);
    else assert.match(text as string, detail);
    assert.match(answer.headers.get('x-request-id') ?? '', UUID);
  };

  test('versions are told to anybody, as a text and as a document', async () => {
    for (const path of ['/v2/version', '/v2/version?service=api']) {
      const { status, body } = await service.ask('GET', path);
      assert.deepEqual([status, typeof body], [200, 'string']);
    }
    const { body } = await service.ask('GET', '/v2/version?service=all');
    assert.deepEqual(Object.keys(body as object), ['api', 'min_sdk_version', 'min_ep_version']);
    assert.equal((await service.ask('HEAD', '/v2/version')).status, 200);
  });

  test('it says that it is well, and describes itself', async () => {
    assert.deepEqual((await service.ask('GET', '/healthz')).body, { status: 'ok' });
    const { body } = await service.ask('GET', '/openapi.json');
    const paths = Object.keys(body.paths as object);
    for (const path of ['/v3/endpoints/{id}/submit', '/v2/batch_status', '/v3/functions', '/v2/oauth2/token']) {
      assert.ok(paths.includes(path), path);
    }
    assert.ok(!paths.some((path) => path.startsWith('/admin')));
    const operation = body.paths['/v3/endpoints/{id}/submit'].post;
    assert.ok(operation.requestBody.content['application/json'].schema.properties.task_group_id);
    assert.deepEqual(operation.security, [{ bearer: [] }]);
  });

  test('without a token, with a wrong one, and with one of the wrong kind the answer is the same', async () => {
    const routes = [
      ['POST', '/v3/functions'], ['GET', `/v2/functions/${randomUUID()}`], ['GET', '/v2/endpoints'],
      ['POST', `/v3/endpoints/${randomUUID()}/submit`], ['GET', `/v2/tasks/${randomUUID()}`],
      ['POST', '/v2/batch_status'],
      ['GET', '/v2/get_amqp_result_connection_url'], ['GET', '/admin/users'],
    ] as const;
    const answers = new Set<string>();
    for (const [method, path] of routes) {
      for (const authorization of ['', 'Bearer wrong', `Basic ${alice.token}`, 'Bearer ', `Bearer ${alice.token}x`]) {
        const answer = await service.ask(method, path, {
          ...authorization === '' ? {} : { headers: { authorization } }, ...method === 'POST' ? { body: {} } : {},
        });
        refused(401, 'USER_UNAUTHENTICATED', /token/, answer);
        answers.add(answer.text);
      }
    }
    assert.equal(answers.size, 1);
    refused(401, 'USER_UNAUTHENTICATED', /token/, await service.ask('GET', '/admin/users', { as: alice.token }));
  });

  test('functions: registered, described, removed; those of others are not there', async () => {
    const meta = { python_version: '3.11.7', sdk_version: '4.19.0', big: 1 };
    const body = `{"function_name":"f","function_code":"a\\u0000𝄞","description":null,"meta":${
      JSON.stringify(meta).replace('1}', '12345678901234567890}')}}`;
    const { body: { function_uuid: id } } = await service.ask('POST', '/v3/functions', { as: alice.token, body });
    assert.match(id as string, UUID);
    const found = await service.ask('GET', `/v2/functions/${id}`, { as: alice.token });
    assert.match(found.text, /"big":12345678901234567890/);
    assert.equal(found.body.function_code, 'a\u0000𝄞');
    assert.deepEqual(Object.keys(found.body as object),
      ['function_uuid', 'function_name', 'function_code', 'description', 'metadata']);

    const unknown = randomUUID();
    const hidden = await service.ask('GET', `/v2/functions/${id}`, { as: bob.token });
    const missing = await service.ask('GET', `/v2/functions/${unknown}`, { as: bob.token });
    refused(404, 'FUNCTION_NOT_FOUND', `Function ${id} could not be resolved`, hidden);
    assert.equal(
      hidden.text.replaceAll(id as string, ''), missing.text.replaceAll(unknown, ''), 'no difference to be seen',
    );
    refused(
      404, 'FUNCTION_NOT_FOUND', /resolved/, await service.ask('DELETE', `/v2/functions/${id}`, { as: bob.token }),
    );

    const shared = await register(alice, { public: true });
    assert.equal((await service.ask('GET', `/v2/functions/${shared}`, { as: bob.token })).status, 200);
    refused(
      404, 'FUNCTION_NOT_FOUND', /resolved/, await service.ask('DELETE', `/v2/functions/${shared}`, { as: bob.token }),
    );

    assert.deepEqual((await service.ask('DELETE', `/v2/functions/${id}`, { as: alice.token })).body, { result: 302 });
    refused(
      404, 'FUNCTION_NOT_FOUND', /resolved/, await service.ask('GET', `/v2/functions/${id}`, { as: alice.token }),
    );
  });

  test('bodies that are not JSON, or not what they have to be, are refused in words', async () => {
    const ask = (body: string, headers: Record<string, string> = {}) =>
      service.ask('POST', '/v3/functions', { as: alice.token, body, headers });
    refused(400, 'REQUEST_MALFORMED', /JSON/, await ask('{"function_name": '));
    refused(400, 'REQUEST_MALFORMED', /JSON/, await ask('['.repeat(100_000)));
    refused(400, 'REQUEST_MALFORMED', /JSON/, await ask('<a/>', { 'content-type': 'text/xml' }));
    for (const body of ['{}', '[]', '"text"', 'null', '', '{"function_name":1,"function_code":"c"}']) {
      const { status, body: { code, detail } } = await ask(body);
      assert.deepEqual([status, code], [422, 'SEMANTICALLY_INVALID'], body);
      assert.deepEqual(Object.keys(detail[0] as object), ['loc', 'msg', 'type']);
      assert.equal(detail[0].loc[0], 'body');
    }
    const v2 = await service.ask('POST', '/v2/batch_status', { as: alice.token, body: { task_ids: 'x' } });
    assert.deepEqual([v2.status, Object.keys(v2.body as object)], [422, ['detail']]);
    refused(400, 'INVALID_UUID', /UUID/, await service.ask('GET', '/v2/tasks/abc', { as: alice.token }));
    refused(404, 'ROUTE_NOT_FOUND', /no GET \/v2\/nothing/, await service.ask('GET', '/v2/nothing?x=1'));
  });

  test('a submission names what it cannot use', async () => {
    const [endpoint, fn] = [await endpointOf(alice), await register(alice)];
    const unknown = randomUUID();
    refused(404, 'ENDPOINT_NOT_FOUND', /resolved/, await submit(alice, unknown, { tasks: { [fn]: ['x'] } }));
    refused(404, 'FUNCTION_NOT_FOUND', `Function ${unknown} could not be resolved`,
      await submit(alice, endpoint, { tasks: { [fn]: ['x'], [unknown]: ['x'] } }));
    const group = { task_group_id: unknown, tasks: { [fn]: ['x'] } };
    refused(404, 'TASK_GROUP_NOT_FOUND', /resolved/, await submit(alice, endpoint, group));
    const hidden = await submit(bob, endpoint, { tasks: { [fn]: ['x'] } });
    refused(404, 'ENDPOINT_NOT_FOUND', `Endpoint ${endpoint} could not be resolved`, hidden);
    for (const body of [{ tasks: {} }, { tasks: { abc: ['x'] } }, { tasks: { [fn]: 'x' } }, { tasks: { [fn]: [1] } }]) {
      assert.equal((await submit(alice, endpoint, body)).status, 422);
    }
    refused(422, 'SEMANTICALLY_INVALID', /surrogate/, await submit(alice, endpoint, { tasks: { [fn]: ['\ud800'] } }));
    refused(422, 'SEMANTICALLY_INVALID', /takes no user_endpoint_config/,
      await submit(alice, endpoint, { tasks: { [fn]: ['x'] }, user_endpoint_config: { a: 1 } }));
  });

  test("somebody else's task group takes no tasks and shows none, as if it were not there", async () => {
    const [endpoint, fn] = [await endpointOf(alice), await register(alice)];
    const { body: { task_group_id: group, tasks } } = await submit(alice, endpoint, { tasks: { [fn]: ['x'] } });
    const [own, others] = [await endpointOf(bob), await register(bob)];
    refused(404, 'TASK_GROUP_NOT_FOUND', `Task Group ${group} could not be resolved`,
      await submit(bob, own, { task_group_id: group, tasks: { [others]: ['x'] } }));
    refused(
      404, 'TASK_GROUP_NOT_FOUND', /resolved/, await service.ask('GET', `/v2/taskgroup/${group}`, { as: bob.token }),
    );
    const [task] = tasks[fn] as string[];
    refused(404, 'TASK_NOT_FOUND', /resolved/, await service.ask('GET', `/v2/tasks/${task}`, { as: bob.token }));
    const batch = { task_ids: [task, randomUUID()] };
    const seen = await service.ask('POST', '/v2/batch_status', { as: bob.token, body: batch });
    assert.deepEqual(seen.body, { response: 'batch', results: {} });
    const mine = await service.ask('POST', '/v2/batch_status', { as: alice.token, body: batch });
    assert.deepEqual(Object.keys(mine.body.results as object), [task]);
  });

  test('only allowed functions run on an endpoint that names some', async () => {
    const [fn, other] = [await register(alice), await register(alice)];
    const endpoint = await endpointOf(alice, { allowed_functions: [fn.toUpperCase()] });
    refused(403, 'FUNCTION_NOT_PERMITTED', `Function ${other} not permitted on endpoint ${endpoint}`,
      await submit(alice, endpoint, { tasks: { [other]: ['x'] } }));
    assert.equal((await submit(alice, endpoint, { tasks: { [fn]: ['x'] } })).status, 200);
    const path = `/v3/endpoints/${endpoint}/allowed_functions`;
    assert.deepEqual((await service.ask('GET', path, { as: alice.token })).body,
      { endpoint_id: endpoint, restricted: true, functions: [fn] });
    const free = await endpointOf(alice);
    assert.deepEqual((await service.ask('GET', `/v3/endpoints/${free}/allowed_functions`, { as: alice.token })).body,
      { endpoint_id: free, restricted: false });
  });

  test('ten megabytes of function and arguments pass, one byte more does not', async () => {
    const endpoint = await endpointOf(alice);
    const fn = await register(alice, { function_code: 'x'.repeat(1024) });
    const most = 'y'.repeat(10 * MIB - 1024);
    assert.equal((await submit(alice, endpoint, { tasks: { [fn]: [most] } })).status, 200);
    refused(
      413, 'TASK_PAYLOAD_TOO_LARGE', /10485761/, await submit(alice, endpoint, { tasks: { [fn]: [`${most}y`] } }),
    );
    const half = 'é'.repeat(3 * MIB);
    refused(
      413, 'TASK_PAYLOAD_TOO_LARGE', /together/, await submit(alice, endpoint, { tasks: { [fn]: [half, half] } }),
    );
    refused(413, 'BATCH_RUN_TOO_LARGE', /10000/,
      await submit(alice, endpoint, { tasks: { [fn]: Array.from({ length: 10_001 }, () => '') } }));
    refused(413, 'FUNCTION_TOO_LARGE', /10485761/, await service.ask('POST', '/v3/functions', {
      as: alice.token, body: { function_name: 'f', function_code: 'x'.repeat(10 * MIB + 1) },
    }));
    refused(413, 'TASK_PAYLOAD_TOO_LARGE', /larger/, await submit(alice, endpoint, 'z'.repeat(49 * MIB)));
  });

  test('an endpoint that is registered again keeps its id, its credentials and what cannot be changed', async () => {
    const id = await endpointOf(alice);
    const put = (user: User, body: Record<string, unknown> = {}) => service.ask('PUT', `/v3/endpoints/${id}`, {
      as: user.token, body: { endpoint_name: 'again', metadata: {}, ...body },
    });
    const [first, second] = [await put(alice), await put(alice)];
    assert.deepEqual(first.body, second.body, 'an agent that runs is not cut off');
    assert.equal(first.body.endpoint_id, id);
    assert.deepEqual(Object.keys(first.body as object).sort(), [
      'command_queue_info', 'endpoint_id', 'heartbeat_queue_info', 'result_queue_info', 'task_queue_info',
    ]);
    refused(403, 'ENDPOINT_ALREADY_REGISTERED', /different user/, await put(bob));
    refused(409, 'RESOURCE_CONFLICT', /cannot be changed/, await put(alice, { multi_user: true }));
    refused(409, 'RESOURCE_CONFLICT', /cannot be changed/, await put(alice, { high_assurance: true }));
    const chosen = randomUUID();
    const { body } = await service.ask('PUT', `/v3/endpoints/${chosen}`, {
      as: alice.token, body: { endpoint_name: 'chosen', metadata: {} },
    });
    assert.equal(body.endpoint_id, chosen, 'an agent may bring its own id');
  });

  test('endpoints are described and listed; what they are configured with is their owner’s business', async () => {
    const metadata = '{"endpoint_config":"secret: 1","user_config_template":"t","user_config_schema":'
      + '{"maximum":12345678901234567890},"hostname":"h","local_user":"u","endpoint_version":"4.19.0",'
      + '"python_version":"3.11"}';
    const { body: { endpoint_id: id } } = await service.ask('POST', '/v3/endpoints', {
      as: alice.token,
      body: `{"endpoint_name":"shown","display_name":"D","public":true,"multi_user":true,"metadata":${metadata}}`,
    });
    const own = await service.ask('GET', `/v2/endpoints/${id}`, { as: alice.token });
    assert.equal(own.body.endpoint_config, 'secret: 1');
    assert.match(own.text, /12345678901234567890/);
    const seen = await service.ask('GET', `/v2/endpoints/${id}`, { as: bob.token });
    assert.deepEqual([seen.body.name, seen.body.hostname, seen.body.endpoint_config, seen.body.user_config_template],
      ['shown', 'h', null, null]);
    const listed = { uuid: id, name: 'shown', display_name: 'D', owner: alice.identity };
    const any = await service.ask('GET', '/v2/endpoints?role=any', { as: bob.token });
    assert.deepEqual(any.body, [listed]);
    assert.deepEqual((await service.ask('GET', '/v2/endpoints', { as: bob.token })).body
      .filter((one: { uuid: string }) => one.uuid === id), []);
    for (const [method, path] of [['DELETE', ''], ['POST', '/lock'], ['DELETE', '/lock']] as const) {
      const version = path === '/lock' ? 'v3' : 'v2';
      refused(403, 'ENDPOINT_ACCESS_FORBIDDEN', /somebody else/,
        await service.ask(method, `/${version}/endpoints/${id}${path}`, { as: bob.token }));
    }
    const serving = await endpointOf(alice, { public: true });
    refused(403, 'ENDPOINT_ACCESS_FORBIDDEN', /owner only/, await submit(
      bob, serving, { tasks: { [await register(bob)]: ['x'] } },
    ));
  });

  test('a locked endpoint loses its broker and cannot register until the lock ends', async () => {
    await using endpoint = await StandInEndpoint.register(service, alice);
    const status = async (): Promise<unknown> =>
      (await service.ask('GET', `/v2/endpoints/${endpoint.id}/status`, { as: alice.token })).body.status;
    await endpoint.report({ heartbeat_period: 300 });
    await until('its report', async () => await status() === 'online');
    const locked = await service.ask('POST', `/v3/endpoints/${endpoint.id}/lock`, { as: alice.token });
    assert.equal(locked.body.endpoint_id, endpoint.id);
    assert.ok(locked.body.lock_expiration_timestamp > Date.now() / 1000 + 60);
    const again = () => service.ask('PUT', `/v3/endpoints/${endpoint.id}`, {
      as: alice.token, body: { endpoint_name: 'e', metadata: {} },
    });
    refused(423, 'RESOURCE_LOCKED', /locked for \d+ s/, await again());
    const asBefore = () => StandInEndpoint.connect({ ...endpoint.queues, endpoint_id: endpoint.id });
    await assert.rejects(asBefore(), { code: 'BROKER_REFUSED' });
    assert.equal(await status(), 'offline', 'who is cut off cannot say good-bye');
    const unlocked = await service.ask('DELETE', `/v3/endpoints/${endpoint.id}/lock`, { as: alice.token });
    assert.ok(unlocked.body.lock_expiration_timestamp <= Date.now() / 1000);
    assert.equal((await again()).status, 200);
    await assert.rejects(asBefore(), { code: 'BROKER_REFUSED' });
  });
});
