// The service, its broker and its database when one of them dies: what was accepted is done, once for its user.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connected, ownBroker } from '../broker.ts';
import { postgresServer } from '../postgres.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { resultStream, StandInEndpoint } from '../stand-in-endpoint.ts';
import { until } from './harness.ts';

const COUNT = 2_000;
const TOGETHER = 100;
const SETTLED_MS = 120_000;

/** Counts how often each payload ran. */
async function serving(endpoint: StandInEndpoint): Promise<Map<string, number>> {
  const ran = new Map<string, number>();
  await endpoint.serve(({ buffer }) => {
    ran.set(buffer, (ran.get(buffer) ?? 0) + 1);
    return buffer.toLowerCase();
  });
  return ran;
}

/** As the field's clients do: the same request again while there is no answer, or one that says to try again. */
async function submitted(
  service: TestService, { token }: User, endpoint: string, body: Record<string, unknown>,
): Promise<{ task_group_id: string; tasks: Record<string, string[]> }> {
  return await until('an answer', async () => {
    const answer = await service.ask('POST', `/v3/endpoints/${endpoint}/submit`, { as: token, body }).catch(
      () => undefined,
    );
    if (answer === undefined || [500, 502, 503, 504].includes(answer.status)) return false;
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }, SETTLED_MS);
}

interface Disaster {
  readonly service: TestService;
  readonly user: User;
  readonly endpoint: StandInEndpoint;
}

/** COUNT tasks, with `strike` in the middle of them. Every one has to be answered, with its own answer. */
async function survives({ service, user, endpoint }: Disaster, strike: () => Promise<void>): Promise<void> {
  const fn = await functionOf(service, user, 'C');
  const ran = await serving(endpoint);
  const first = await submitted(service, user, endpoint.id, { tasks: { [fn]: ['FIRST'] }, create_queue: true });
  const group = first.task_group_id;
  await using stream = await resultStream(service, user, group);
  const expected = new Map([[first.tasks[fn]?.[0] ?? '', 'cfirst']]);
  let struck: Promise<void> | undefined;
  for (let i = 0; i < COUNT; i += TOGETHER) {
    const payloads = Array.from({ length: TOGETHER }, (_, k) => `TASK${i + k}`);
    const { tasks } = await submitted(service, user, endpoint.id, { tasks: { [fn]: payloads }, task_group_id: group });
    for (const [k, id] of (tasks[fn] ?? []).entries()) expected.set(id, `ctask${i + k}`);
    if (i >= COUNT / 2) struck ??= strike();
  }
  await struck;
  const settled = (): Map<string, string> => new Map(stream.seen.map(({ taskId, data }) => [taskId, data]));
  await until('every result', () => settled().size >= expected.size, SETTLED_MS);
  assert.equal(expected.size, COUNT + 1, 'nothing was submitted twice');
  assert.deepEqual(settled(), expected);
  assert.equal(ran.size, COUNT + 1, 'no task was lost, and none came from nowhere');
  const ids = [...expected.keys()];
  // A stream may be ahead of a database that was away.
  await until('all to be stored', async () => {
    const { body } = await service.ask('POST', '/v2/batch_status', { as: user.token, body: { task_ids: ids } });
    const states = Object.values(body.results as Record<string, { status: string }>).map(({ status }) => status);
    return states.length === ids.length && states.every((state) => state === 'success');
  }, SETTLED_MS);
  const twice = [...ran.values()].filter((times) => times > 1).length;
  assert.ok(twice <= COUNT / 2, `${twice} tasks ran twice`);
}

test('the service is killed and restarted in the middle of many tasks', async () => {
  await using service = await testService();
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user);
  await survives({ service, user, endpoint }, async () => {
    await service.kill('SIGKILL');
    await service.restart();
  });
});

test('the broker is killed and restarted in the middle of many tasks', async () => {
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user);
  await survives({ service, user, endpoint }, () => broker.crash());
});

test('a PostgreSQL server is killed and restarted in the middle of many tasks', async () => {
  await using server = await postgresServer();
  await using service = await testService({ databaseUrl: await server.database() });
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user);
  await survives({ service, user, endpoint }, () => server.restart());
});

test('whoever asks where results can be read while the broker is away hears it when it is back', async () => {
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const user = await service.user();
  await broker.crash();
  await until('the service to notice', () => service.log().includes('broker was not there'));
  const { status, body, text } = await service.ask('GET', '/v2/get_amqp_result_connection_url', { as: user.token });
  assert.equal(status, 200, text);
  await using stream = await connected(body.connection_url as string);
  assert.ok(stream.isOpen, 'at the first attempt: the SDK has five');
});

test('tasks that were accepted and not sent when the service was killed are sent by the next', async () => {
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const user = await service.user();
  const fn = await functionOf(service, user, 'C');
  await using endpoint = await StandInEndpoint.register(service, user);
  await submitted(service, user, endpoint.id, { tasks: { [fn]: ['BEFORE'] } });
  await broker.stop();
  const { tasks } = await submitted(service, user, endpoint.id, { tasks: { [fn]: ['DURING'] } });
  await service.kill('SIGKILL');
  await broker.go();
  await service.restart();
  const ran = await serving(endpoint);
  await until('the task', () => ran.has('CDURING'));
  const id = tasks[fn]?.[0] ?? '';
  await until('its result', async () =>
    (await service.ask('GET', `/v2/tasks/${id}`, { as: user.token })).body.result === 'cduring');
});

test('results that came while the service was down are there when it is back', async () => {
  await using service = await testService();
  const user = await service.user();
  const fn = await functionOf(service, user, 'C');
  await using endpoint = await StandInEndpoint.register(service, user);
  const { tasks } = await submitted(service, user, endpoint.id, { tasks: { [fn]: ['x'] }, create_queue: true });
  const id = tasks[fn]?.[0] ?? '';
  await endpoint.report({ heartbeat_period: 300 });
  const status = `/v2/endpoints/${endpoint.id}/status`;
  await until(
    'the report', async () => (await service.ask('GET', status, { as: user.token })).body.status === 'online',
  );
  await service.kill('SIGTERM');
  await endpoint.succeed(id, 'meanwhile');
  await service.restart();
  await until('the result', async () =>
    (await service.ask('GET', `/v2/tasks/${id}`, { as: user.token })).body.result === 'meanwhile');
  assert.equal(
    (await service.ask('GET', status, { as: user.token })).body.status, 'online', 'who was there is remembered',
  );
});
