// User endpoints of many users: whose they are, what becomes of a start that fails, and when they end.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { Connection } from '../../src/amqp/connection.ts';
import { decodeStartCommand, type StartCommand } from '../../src/amqp/start-command.ts';
import { formatJson } from '../../src/common/json.ts';
import { Client, Executor } from '../../src/sdk/index.ts';
import { testDeps } from '../broker.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { functionOf, testService, type Reply, type TestService, type User } from '../service.ts';
import { failure, until, within } from './harness.ts';

const MULTI_USER = { multi_user: true, metadata: { user_config_template: 'engine: {}' } };
const USERS = 50;
const FAILED_STARTS_MAX = 4;

suite('user endpoints of many users', () => {
  let service: TestService;
  let root: User;
  let alice: User;
  let bob: User;
  let fn: string;

  before(async () => {
    service = await testService({ keys: { failed_starts_per_minute: FAILED_STARTS_MAX } });
    [root, alice, bob] = [await service.user(), await service.user(), await service.user()];
    const { body } = await service.ask('POST', '/v3/functions', {
      as: root.token, body: { function_name: 'f', function_code: 'CODE', public: true },
    });
    fn = body.function_uuid as string;
  });
  after(() => service[Symbol.asyncDispose]());

  const submit = (endpoint: string, user: User, config?: Record<string, unknown>): Promise<Reply> =>
    service.ask('POST', `/v3/endpoints/${endpoint}/submit`, { as: user.token, body: {
      tasks: { [fn]: [randomUUID()] }, ...config === undefined ? {} : { user_endpoint_config: config },
    } });
  const submitText = (endpoint: string, user: User, config: string): Promise<Reply> =>
    service.ask('POST', `/v3/endpoints/${endpoint}/submit`, {
      as: user.token, body: `{"tasks":{"${fn}":["${randomUUID()}"]},"user_endpoint_config":${config}}`,
    });
  const status = (id: string, user: User): Promise<Reply> =>
    service.ask('GET', `/v2/endpoints/${id}/status`, { as: user.token });
  const taskOf = async ({ body, text, status: code }: Reply, user: User): Promise<{ exception?: string }> => {
    assert.equal(code, 200, text);
    const id = body.tasks[fn][0] as string;
    return (await service.ask('GET', `/v2/tasks/${id}`, { as: user.token })).body as { exception?: string };
  };

  /** A manager that does with each command what `onCommand` does. */
  const managerWith = async (
    onCommand: (command: StartCommand) => unknown, body: Record<string, unknown> = {},
  ): Promise<{ manager: StandInEndpoint; commands: StartCommand[]; messageIds: Set<string | undefined> }> => {
    const manager = await StandInEndpoint.register(service, root, { body: { ...MULTI_USER, ...body } });
    const commands: StartCommand[] = [];
    const messageIds = new Set<string | undefined>();
    await manager.commands(({ body: bytes, messageId, ...properties }) => {
      const command = decodeStartCommand(bytes, properties, Date.now() / 1000);
      assert.ok(!('type' in command), 'type' in command ? command.text : '');
      commands.push(command);
      messageIds.add(messageId);
      void onCommand(command);
    });
    return { manager, commands, messageIds };
  };
  const isOnline = async (endpoint: StandInEndpoint, user: User): Promise<void> => {
    await endpoint.report({ heartbeat_period: 30 });
    await until('it to be online', async () => (await status(endpoint.id, user)).body.status === 'online');
  };
  const childOf = ({ endpointId, queues }: StartCommand): Promise<StandInEndpoint> =>
    StandInEndpoint.connect({ endpoint_id: endpointId, ...queues });
  const failing = (text: (command: StartCommand) => string) => async (command: StartCommand): Promise<void> => {
    await using child = await childOf(command);
    await child.report({ error: text(command), heartbeat_period: 3 });
  };
  /** A manager with one user endpoint of `user`'s, which runs. */
  const running = async (user: User): Promise<{
    readonly manager: StandInEndpoint; readonly child: StandInEndpoint; readonly command: StartCommand;
  } & AsyncDisposable> => {
    const { manager, commands } = await managerWith(() => {});
    await isOnline(manager, root);
    const answer = submit(manager.id, user);
    const command = await until('the command', () => commands[0]);
    const child = await childOf(command);
    await child.report({ heartbeat_period: 30, posix_username: 'local', total_workers: 3 });
    assert.equal((await within(20_000, 'the answer', answer)).status, 200);
    return { manager, child, command, [Symbol.asyncDispose]: async () => {
      await child[Symbol.asyncDispose]();
      await manager[Symbol.asyncDispose]();
    } };
  };
  /** Whoever still has these credentials. */
  const isRefused = async ({ queues }: StartCommand): Promise<void> => {
    const connection = new Connection({ url: queues.task_queue_info.connection_url, name: 'late' }, testDeps);
    await assert.rejects(connection.open(), { code: 'BROKER_REFUSED' });
    await connection.close();
  };

  test('a manager is told numbers as the user wrote them, and 1.0 is another user endpoint than 1', async () => {
    const children: StandInEndpoint[] = [];
    const { manager, commands } = await managerWith(async (command) => {
      const child = await childOf(command);
      children.push(child);
      await child.report({ heartbeat_period: 30 });
    });
    await isOnline(manager, root);
    for (const config of ['{"n":1.0,"in":[1e3]}', '{"n":1,"in":[1000]}', '{"in":[1000.0],"n":1.00}']) {
      const { status: code, text } = await submitText(manager.id, alice, config);
      assert.equal(code, 200, text);
    }
    assert.deepEqual(commands.map(({ userOptions }) => formatJson(userOptions)),
      ['{"n":1.0,"in":[1000.0]}', '{"n":1,"in":[1000]}']);
    assert.equal(new Set(commands.map(({ endpointId }) => endpointId)).size, 2);
    for (const endpoint of [...children, manager]) await endpoint[Symbol.asyncDispose]();
  });

  test(`${USERS} users that ask at once get an answer each, their own`, async () => {
    const children: StandInEndpoint[] = [];
    const { manager, commands, messageIds } = await managerWith(async (command) => {
      if (command.userOptions['n'] === 'bad') {
        await failing(({ username }) => `no account for ${username}`)(command);
        return;
      }
      const child = await childOf(command);
      children.push(child);
      await child.report({ heartbeat_period: 30 });
    });
    await using _ = manager;
    await isOnline(manager, root);
    const users = await Promise.all(Array.from({ length: USERS }, () => service.user(`${randomUUID()}@example.org`)));
    const answers = await within(60_000, 'all answers',
      Promise.all(users.map((user, i) => submit(manager.id, user, { n: i % 5 === 0 ? 'bad' : 'good' }))));
    for (const [i, user] of users.entries()) {
      const { status: code, body, text } = answers[i] as Reply;
      if (i % 5 > 0) assert.equal(code, 200, text);
      else assert.equal(body.detail, `Request payload failed validation: no account for ${user.username}`);
    }
    assert.equal(new Set(commands.map(({ endpointId }) => endpointId)).size, USERS);
    assert.equal(messageIds.size, commands.length, 'a command that comes twice is known by its id');
    for (const child of children) await child[Symbol.asyncDispose]();
  });

  test('after some failed starts there is a pause for their user, and for nobody else', async () => {
    const { manager, commands } = await managerWith(failing(({ userOptions }) => `bad ${Number(userOptions['a'])}`));
    await using _ = manager;
    await isOnline(manager, root);
    for (let a = 1; a <= FAILED_STARTS_MAX; a++) {
      const { status: code, body } = await submit(manager.id, alice, { a });
      assert.deepEqual([code, body.detail], [422, `Request payload failed validation: bad ${a}`]);
    }
    const { status: code, headers, body } = await submit(manager.id, alice, { a: 0 });
    assert.deepEqual([code, body.code, commands.length], [429, 'FAILED_STARTS_EXCEEDED', FAILED_STARTS_MAX]);
    assert.match(body.detail as string, /^4 starts of your user endpoints on endpoint \S+ failed .* with: bad 4$/);
    assert.ok(Number(headers.get('retry-after')) > 0);
    assert.equal((await submit(manager.id, bob, { a: 1 })).status, 422);
  });

  test('the SDK’s futures say why their endpoint did not start', async () => {
    const { manager, commands } = await managerWith(failing(() => "(ValidationError) 'x' is not of type 'integer'"));
    await using _ = manager;
    await isOnline(manager, root);
    const user = await service.user();
    await using executor = new Executor({
      endpointId: manager.id, serviceUrl: service.url, token: user.token, userEndpointConfig: { cores: 'x' },
    });
    const increment = (x: number): number => x + 1;
    const futures = [executor.submit(increment, 1), executor.submit(increment, 2)];
    for (const future of futures) {
      const { message } = await failure('SERVICE_REFUSED', future);
      assert.match(message, /failed validation: \(ValidationError\) 'x' is not of type 'integer'$/);
    }
    assert.equal(commands.length, 1);
    assert.deepEqual(commands[0]?.userOptions, { cores: 'x' });
  });

  test('tasks that waited for a manager fail with the reason when their endpoint cannot start', async () => {
    const { manager } = await managerWith(failing(() => 'no such partition'));
    await using _ = manager;
    const user = await service.user();
    const accepted = await submit(manager.id, user);
    assert.equal((await taskOf(accepted, user)).exception, undefined);
    await isOnline(manager, root);
    const { exception } = await until('its failure', async () => {
      const task = await taskOf(accepted, user);
      return task.exception !== undefined && task;
    });
    assert.match(exception ?? '', /^User endpoint \S+ did not start: no such partition$/);
  });

  test('its user and its manager’s owner learn of a user endpoint, and nobody can be there before it', async () => {
    await using site = await running(alice);
    const { manager, child } = site;
    const unknown = `${child.id.slice(0, -4)}${child.id.endsWith('0000') ? '1111' : '0000'}`;
    for (const user of [alice, root]) assert.equal((await status(child.id, user)).body.details.total_workers, 3);
    const asked = [
      (id: string, user: User) => status(id, user),
      (id: string, user: User) => submit(id, user),
      (id: string, user: User) => service.ask('GET', `/v2/endpoints/${id}`, { as: user.token }),
      (id: string, user: User) => service.ask('DELETE', `/v2/endpoints/${id}`, { as: user.token }),
      (id: string, user: User) => service.ask('POST', `/v3/endpoints/${id}/lock`, { as: user.token }),
      (id: string, user: User) => service.ask('GET', `/v3/endpoints/${id}/console`, { as: user.token }),
      (id: string, user: User) => service.ask('PUT', `/v3/endpoints/${id}`, { as: user.token, body: {
        endpoint_name: 'thief', metadata: {},
      } }),
    ];
    for (const [i, ask] of asked.entries()) {
      const [real, imagined] = [await ask(child.id, bob), await ask(unknown, bob)];
      assert.equal(real.status, i === asked.length - 1 ? 409 : 404, real.text);
      assert.equal(real.text.replaceAll(child.id, ''), imagined.text.replaceAll(unknown, ''), 'no difference');
    }
    for (const user of [alice, root]) assert.equal((await submit(child.id, user)).status, 404, 'its manager is asked');

    const seenBy = ({ token }: User) => new Client({ serviceUrl: service.url, token }).userEndpoints(manager.id);
    const shown = [{ id: child.id, active: true, identity: alice.identity, localUser: 'local' }];
    for (const user of [root, alice]) assert.deepEqual(await seenBy(user), shown);
    assert.deepEqual(await seenBy(bob), []);
  });

  test('a user endpoint’s credentials speak for it alone', async () => {
    await using site = await running(alice);
    const { manager, child } = site;
    await using other = await running(bob);
    await assert.rejects(child.send(Buffer.from('x'), `${other.child.id}.results`));
    await assert.rejects(child.send(Buffer.from('x'), `${manager.id}.heartbeats`));
  });

  interface End {
    readonly what: string;
    readonly by: (ids: { manager: string; child: string; user: User }) => Promise<Reply>;
    /** Its tasks fail with it. */
    readonly isFinal: boolean;
  }
  const ends: readonly End[] = [{
    what: 'its manager is deleted', isFinal: true,
    by: ({ manager }) => service.ask('DELETE', `/v2/endpoints/${manager}`, { as: root.token }),
  }, {
    what: 'its manager is locked', isFinal: false,
    by: ({ manager }) => service.ask('POST', `/v3/endpoints/${manager}/lock`, { as: root.token }),
  }, {
    what: 'its user deletes it', isFinal: true,
    by: ({ child, user }) => service.ask('DELETE', `/v2/endpoints/${child}`, { as: user.token }),
  }, {
    what: 'its manager’s owner deletes it', isFinal: true,
    by: ({ child }) => service.ask('DELETE', `/v3/endpoints/${child}`, { as: root.token }),
  }];
  for (const { what, by, isFinal } of ends) {
    test(`a user endpoint loses the broker when ${what}`, async () => {
      const user = await service.user();
      await using site = await running(user);
      const { manager, child, command } = site;
      const waiting = await submit(manager.id, user);
      assert.equal((await by({ manager: manager.id, child: child.id, user })).status, 200);
      await isRefused(command);
      assert.equal((await status(child.id, user)).body.status, isFinal ? 'Failed' : 'offline');
      const { exception } = await taskOf(waiting, user);
      if (isFinal) assert.match(exception ?? '', /was deleted before the task ran$/);
      else assert.equal(exception, undefined);
    });
  }

  test('a user endpoint loses the broker when its user is removed, and nothing of it stays', async () => {
    const user = await service.user();
    await using site = await running(user);
    const { manager, child, command } = site;
    assert.equal((await service.admin('DELETE', `users/${user.username}`)).status, 200);
    await isRefused(command);
    assert.deepEqual(await new Client({ serviceUrl: service.url, token: root.token }).userEndpoints(manager.id), []);
    await until('its end', () => child.report({ heartbeat_period: 30 }).then(() => false, () => true));
  });

  test('one that was locked out gets other credentials when it is started again', async () => {
    await using site = await running(alice);
    const { manager, child, command } = site;
    await child[Symbol.asyncDispose]();
    await service.ask('POST', `/v3/endpoints/${manager.id}/lock`, { as: root.token });
    await submit(manager.id, alice);
    await isRefused(command);
  });

  test('an endpoint that allows no function runs none; one that is not listed serves whoever knows it', async () => {
    const registered = (allowed: readonly string[]) =>
      StandInEndpoint.register(service, root, { body: { ...MULTI_USER, allowed_functions: allowed } });
    await using none = await registered([]);
    const { status: code, body } = await submit(none.id, alice);
    assert.deepEqual([code, body.code, body.detail],
      [403, 'FUNCTION_NOT_PERMITTED', `Function ${fn} not permitted on endpoint ${none.id}`]);
    const client = new Client({ serviceUrl: service.url, token: alice.token });
    assert.deepEqual(await client.allowedFunctions(none.id), []);
    assert.ok(!(await client.endpoints('any')).some(({ id }) => id === none.id));
    const own = await functionOf(service, alice);
    await using some = await registered([own]);
    assert.equal((await submit(some.id, alice)).body.code, 'FUNCTION_NOT_PERMITTED');
    assert.deepEqual(await client.allowedFunctions(some.id), [own]);
  });
});
