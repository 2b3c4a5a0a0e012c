// Endpoints that start others: the field's agents.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { decodeStartCommand, type StartCommand } from '../../src/amqp/start-command.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { until, within } from './harness.ts';

const TEMPLATED = { metadata: { user_config_template: 'engine: {}' } };
const RUNTIME = { globus_compute_sdk_version: '4.19.0', python: { version_tuple: [3, 11, 7] } };

suite('user endpoints', () => {
  let service: TestService;
  let alice: User;
  let fn: string;

  before(async () => {
    service = await testService();
    alice = await service.user();
    fn = await functionOf(service, alice);
  });
  after(() => service[Symbol.asyncDispose]());

  const submit = (endpoint: string, options: Record<string, unknown> = {}, signal?: AbortSignal) =>
    service.ask('POST', `/v3/endpoints/${endpoint}/submit`, {
      as: alice.token, body: { tasks: { [fn]: ['x'] }, user_runtime: RUNTIME, ...options }, ...signal ? { signal } : {},
    });
  const managerOf = async (online = true): Promise<{ manager: StandInEndpoint; commands: StartCommand[] }> => {
    const manager = await StandInEndpoint.register(service, alice, { body: TEMPLATED });
    const commands: StartCommand[] = [];
    await manager.commands(({ body, contentType, timestampS }) => {
      const command = decodeStartCommand(body, { contentType, timestampS }, Date.now() / 1000);
      assert.ok(!('type' in command), JSON.stringify(command));
      commands.push(command);
    });
    if (online) await isOnline(manager);
    return { manager, commands };
  };
  const isOnline = async (endpoint: StandInEndpoint): Promise<void> => {
    await endpoint.report({ heartbeat_period: 30 });
    const path = `/v2/endpoints/${endpoint.id}/status`;
    await until(
      'the manager', async () => (await service.ask('GET', path, { as: alice.token })).body.status === 'online',
    );
  };
  const child = ({ endpointId, queues }: StartCommand): Promise<StandInEndpoint> =>
    StandInEndpoint.connect({ endpoint_id: endpointId, ...queues });

  test('a submission waits for the endpoint that it starts, and its tasks go there', async () => {
    const { manager, commands } = await managerOf();
    await using _ = manager;
    const answer = submit(manager.id, { user_endpoint_config: { a: 1 } });
    const [command] = await until('the command', () => commands.length > 0 && commands);
    assert.ok(command);
    assert.equal(command.username, alice.username);
    assert.equal(command.effectiveIdentity, alice.identity);
    assert.equal(command.identitySet[0]?.sub, alice.identity);
    assert.equal(command.name, `uep.${manager.id}.${command.endpointId}`);
    assert.deepEqual([command.userOptions, command.userRuntime], [{ a: 1 }, RUNTIME]);
    await using started = await child(command);
    await started.report({ heartbeat_period: 30, active: true });
    const { status, body } = await within(20_000, 'the answer', answer);
    assert.deepEqual([status, body.endpoint_id], [200, manager.id]);
    await started.serve(() => 'done');
    const id = body.tasks[fn][0] as string;
    await until('the result', async () =>
      (await service.ask('GET', `/v2/tasks/${id}`, { as: alice.token })).body.result === 'done');

    // It runs: the next goes there without waiting; other options are another endpoint.
    assert.equal((await submit(manager.id, { user_endpoint_config: { a: 1 } })).status, 200);
    const other = submit(manager.id, { user_endpoint_config: { a: 2 } });
    const next = await until(
      'another command', () => commands.find(({ endpointId }) => endpointId !== command.endpointId),
    );
    await using second = await child(next);
    await second.report({ heartbeat_period: 30 });
    assert.equal((await within(20_000, 'the answer', other)).status, 200);
  });

  test('an endpoint that cannot start says why, and no task is made', async () => {
    const { manager, commands } = await managerOf();
    await using _ = manager;
    const answer = submit(manager.id);
    const [command] = await until('the command', () => commands.length > 0 && commands);
    assert.ok(command);
    await using failing = await child(command);
    await failing.report({ error: "[exit code: 73; (UndefinedError) 'x' is undefined]", heartbeat_period: 3 });
    const { status, body } = await within(20_000, 'the answer', answer);
    assert.deepEqual([status, body.code, body.detail], [422, 'SEMANTICALLY_INVALID',
      "Request payload failed validation: [exit code: 73; (UndefinedError) 'x' is undefined]"]);
    const path = `/v2/endpoints/${manager.id}/status`;
    assert.equal((await service.ask('GET', path, { as: alice.token })).body.status, 'online');
  });

  test('a client that gave up and asks again gets the tasks of its first request', async () => {
    const { manager, commands } = await managerOf();
    await using _ = manager;
    const impatient = new AbortController();
    const first = submit(manager.id, {}, impatient.signal);
    const [command] = await until('the command', () => commands.length > 0 && commands);
    assert.ok(command);
    impatient.abort();
    await assert.rejects(first, { name: 'AbortError' });
    const again = submit(manager.id);
    await using started = await child(command);
    const seen: string[] = [];
    await started.take(({ id }) => seen.push(id));
    await started.report({ heartbeat_period: 30 });
    const { status, body } = await within(20_000, 'the answer', again);
    assert.equal(status, 200);
    const last = await submit(manager.id);
    await until('the last task', () => seen.includes(last.body.tasks[fn][0] as string));
    assert.deepEqual(seen, [...body.tasks[fn], ...last.body.tasks[fn]], 'nothing was submitted twice');
  });

  test('tasks for a manager that is away wait, and their endpoint is started when it comes', async () => {
    const { manager, commands } = await managerOf(false);
    await using _ = manager;
    const { status, body } = await submit(manager.id);
    assert.equal(status, 200);
    assert.equal(commands.length, 0);
    await isOnline(manager);
    const [command] = await until('the command', () => commands.length > 0 && commands);
    assert.ok(command);
    await using started = await child(command);
    await started.serve(() => 'late');
    const id = body.tasks[fn][0] as string;
    await until('the result', async () =>
      (await service.ask('GET', `/v2/tasks/${id}`, { as: alice.token })).body.result === 'late');
  });

  test('an endpoint that ends while tasks wait for it is started again', async () => {
    const { manager, commands } = await managerOf();
    await using _ = manager;
    const answer = submit(manager.id);
    const [command] = await until('the command', () => commands.length > 0 && commands);
    assert.ok(command);
    await using started = await child(command);
    await started.report({ heartbeat_period: 30 });
    await within(20_000, 'the answer', answer);
    const sentBefore = commands.length;
    await started.report({ heartbeat_period: 30, active: false });
    await until('another command', () => commands.length > sentBefore);
    assert.equal(commands.at(-1)?.endpointId, command.endpointId);
    assert.deepEqual(
      commands.at(-1)?.queues, command.queues, 'the same credentials: whatever still runs is not cut off',
    );
  });
});
