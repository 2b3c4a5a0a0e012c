// How user endpoints are started, with a clock that is held: what takes minutes takes none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartCommand } from '../../../src/amqp/start-command.ts';
import type { JsonObject } from '../../../src/common/json.ts';
import { silentLog } from '../../../src/common/log.ts';
import { FailedStarts } from '../../../src/service/failed-starts.ts';
import { Presence } from '../../../src/service/presence.ts';
import type { StoredEndpoint, UserEndpoint } from '../../../src/service/store/endpoints.ts';
import { UserEndpoints } from '../../../src/service/user-endpoints.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

const ALICE = { id: 'alice', username: 'alice@example.edu', fullName: 'Alice', email: 'alice@example.edu' };
const BOB = { ...ALICE, id: 'bob', username: 'bob@example.edu' };
const MANAGER = {
  id: 'manager', owner: 'owner', name: 'mep', displayName: null, templated: true, multiUser: true, isPublic: true,
  highAssurance: false, metadata: '{}', allowedFunctions: null, authenticationPolicy: null, subscription: null,
  admins: [], lockedUntilS: 0, salt: '',
} satisfies StoredEndpoint;

interface Site {
  readonly clock: FakeClock;
  readonly sut: UserEndpoints;
  readonly rows: Map<string, UserEndpoint>;
  readonly taken: Set<string>;
  readonly commands: StartCommand[];
  /** User endpoints that have unfinished tasks. */
  readonly waiting: Set<string>;
  /** What was told to whom in place of results. */
  readonly failed: string[];
  report(id: string, state: JsonObject): Promise<void>;
  submit(options?: JsonObject, identity?: typeof ALICE): Promise<string>;
}

function site(): Site {
  const clock = new FakeClock();
  const presence = new Presence();
  const rows = new Map<string, UserEndpoint>();
  const [taken, waiting] = [new Set<string>(), new Set<string>()];
  const commands: StartCommand[] = [];
  const failed: string[] = [];
  let salts = 0;
  const sut = new UserEndpoints({
    store: {
      endpoints: {
        find: async (id) => taken.has(id) ? { ...MANAGER, id } : undefined,
        child: async (id) => rows.get(id),
        children: async (manager) => [...rows.values()].filter((row) => row.manager === manager),
        childrenOf: async (identity) => [...rows.values()].filter((row) => row.identity === identity),
        countChildren: async () => rows.size,
        addChild: async (row) => { if (!rows.has(row.id)) rows.set(row.id, row); },
        markUsed: async () => {}, unusedChildren: async () => [...rows.values()].slice(0, 2),
        removeChild: async (id) => { rows.delete(id); },
      },
      results: { hasOpenTasks: async (id) => waiting.has(id) },
      identities: { byId: async (id) => [ALICE, BOB].find((one) => one.id === id) },
    },
    courier: {
      declareTasks: async () => {}, declareCommands: async () => {},
      purgeTasks: async (id) => { failed.push(`purge ${id}`); },
      publishCommand: async (_, command) => { commands.push(command); },
    },
    grants: {
      freshSalt: () => `salt ${++salts}`,
      child: async (id, salt) => ({ task_queue_info: { queue: `${id} ${salt}` } }) as unknown as StartCommand['queues'],
    },
    presence, failedStarts: new FailedStarts(3), clock, log: silentLog,
    ending: {
      end: async (id, text) => { failed.push(`end ${id} ${text}`); },
      failTasks: async (id, code, text) => {
        failed.push(`${code} ${text}`);
        waiting.delete(id);
      },
    },
  });
  return {
    clock, sut, rows, taken, commands, waiting, failed,
    report: async (endpointId, state) => {
      const nowS = clock.now() / 1000;
      const wasOnline = presence.isOnline(endpointId, nowS);
      const { sign } = presence.report({ type: 'ep_status_report', endpointId, state, taskStatuses: {} }, nowS);
      await sut.onSign(endpointId, sign, wasOnline);
    },
    submit: (options = {}, identity = ALICE) => sut.target(MANAGER, { identity, options, runtime: {} }),
  };
}

async function online(one: Site): Promise<void> {
  await one.report('manager', { heartbeat_period: 3600 });
}

const second = 1_000;
const minute = 60 * second;

test('submissions of the same values wait for the same start, those of another user for another', async () => {
  const s = site();
  await online(s);
  const answers = [s.submit({ a: 1, b: 2 }), s.submit({ b: 2, a: 1 }), s.submit({ a: 1, b: 2 }, BOB)];
  await settle();
  assert.deepEqual(s.commands.map(({ username }) => username), [ALICE.username, BOB.username]);
  assert.deepEqual(s.commands[0]?.userOptions, { a: 1, b: 2 });
  for (const { endpointId } of s.commands) await s.report(endpointId, { heartbeat_period: 30 });
  const [one, same, other] = await Promise.all(answers);
  assert.deepEqual([one, other], s.commands.map(({ endpointId }) => endpointId));
  assert.equal(one, same);
  assert.notEqual(one, other);
  await s.submit({ a: 1, b: 2 });
  assert.equal(s.commands.length, 2, 'it was told a moment ago');
  await s.clock.advance(6 * second);
  await s.submit({ a: 1, b: 2 });
  assert.equal(s.commands.length, 3, 'it might be about to end');
});

test('a manager that never answers is told again; then the tasks wait, but not for ever', async () => {
  const s = site();
  await online(s);
  const answer = s.submit();
  await s.clock.advance(39 * second);
  assert.equal(s.commands.length, 3);
  assert.equal(new Set(s.commands.map(({ queues }) => JSON.stringify(queues))).size, 1);
  await s.clock.advance(2 * second);
  const id = await answer;
  s.waiting.add(id);
  await s.clock.advance(9 * minute);
  await s.sut.watch();
  assert.deepEqual(s.failed, []);
  await s.clock.advance(2 * minute);
  await s.sut.watch();
  assert.deepEqual(s.failed, [`purge ${id}`,
    `ENDPOINT_START_FAILED User endpoint ${id} did not start: neither it nor a failure was heard of for 10 minutes. `
    + 'Ask the administrator of its endpoint to look into its log']);
});

test('one that takes long, and comes, keeps its tasks', async () => {
  const s = site();
  await online(s);
  const answer = s.submit();
  await s.clock.advance(41 * second);
  const id = await answer;
  s.waiting.add(id);
  await s.report(id, { heartbeat_period: 3600 });
  await s.clock.advance(20 * minute);
  await s.sut.watch();
  assert.deepEqual(s.failed, []);
});

test('a failure is the answer of all who wait, and the next submission has a start of its own', async () => {
  const s = site();
  await online(s);
  const answers = [s.submit({ a: 'wrong' }), s.submit({ a: 'wrong' })];
  await settle();
  const id = s.commands[0]?.endpointId ?? '';
  await s.report(id, { error: "(ValidationError) 'wrong' is not of type 'integer'", heartbeat_period: 3 });
  for (const answer of answers) {
    await assert.rejects(answer, {
      code: 'SEMANTICALLY_INVALID',
      message: "Request payload failed validation: (ValidationError) 'wrong' is not of type 'integer'",
    });
  }
  const again = s.submit({ a: 'wrong' });
  await settle();
  assert.equal(s.commands.length, 2, 'at once: the administrator may have changed the schema');
  await s.report(id, { heartbeat_period: 30 });
  assert.equal(await again, id);
});

test('after some failures within a minute no other start is tried, and the answer says for how long', async () => {
  const s = site();
  await online(s);
  const fail = async (a: number): Promise<void> => {
    const answer = assert.rejects(s.submit({ a }));
    await settle();
    await s.report(s.commands.at(-1)?.endpointId ?? '', { error: `bad ${a}` });
    await answer;
    await s.clock.advance(10 * second);
  };
  for (const a of [1, 2, 3]) await fail(a);
  await assert.rejects(s.submit({ a: 4 }), {
    code: 'FAILED_STARTS_EXCEEDED', status: 429, retryAfterS: 30,
    message: '3 starts of your user endpoints on endpoint manager failed within a minute, so no other is tried for '
      + '30 s. The last failed with: bad 3',
  });
  assert.equal(s.commands.length, 3);
  void s.submit({ a: 4 }, BOB);
  await settle();
  assert.equal(s.commands.length, 4, 'others are not kept from anything');
  await s.clock.advance(30 * second);
  void s.submit({ a: 4 });
  await settle();
  assert.equal(s.commands.at(-1)?.username, ALICE.username);
});

test('a failure that comes when nobody waits any more ends the tasks that were accepted', async () => {
  const s = site();
  await online(s);
  const answer = s.submit();
  await s.clock.advance(41 * second);
  const id = await answer;
  s.waiting.add(id);
  await s.report(id, { error: 'at last' });
  const said = [`purge ${id}`, `ENDPOINT_START_FAILED User endpoint ${id} did not start: at last`];
  assert.deepEqual(s.failed, said);

  // Those of an earlier submission, too, when a later one hears it.
  s.waiting.add(id);
  const later = assert.rejects(s.submit(), { message: /once more/ });
  await settle();
  await s.report(id, { error: 'once more' });
  await later;
  assert.deepEqual(s.failed.slice(2), said.map((text) => text.replace('at last', 'once more')));
});

test('a failure of one that is there is not its end until it is silent', async () => {
  const s = site();
  await online(s);
  const answer = s.submit();
  await settle();
  const id = s.commands[0]?.endpointId ?? '';
  await s.report(id, { heartbeat_period: 30 });
  assert.equal(await answer, id);
  s.waiting.add(id);
  await s.report(id, { error: 'Another instance of this endpoint is running.' });
  await s.sut.watch();
  assert.deepEqual([s.failed, s.commands.length], [[], 1]);
  await s.clock.advance(36 * second);
  await s.sut.watch();
  assert.equal(s.commands.length, 2, 'it is started again for what waits');
  await s.report(id, { error: 'it cannot' });
  assert.equal(s.failed.length, 2);
});

test('for a manager that is away tasks wait, and each user endpoint is started when it comes', async () => {
  const s = site();
  const ids = [await s.submit({ a: 1 }), await s.submit({ a: 2 }), await s.submit({ a: 3 })];
  assert.equal(s.commands.length, 0);
  for (const id of ids.slice(0, 2)) s.waiting.add(id);
  await online(s);
  assert.deepEqual(s.commands.map(({ endpointId }) => endpointId), ids.slice(0, 2), 'where there is something to do');
  await s.report(ids[0] ?? '', { error: 'no such account' });
  assert.match(s.failed.join(), /did not start: no such account/);
});

test('what ran below a manager is started again when that has come back, whenever it was heard of', async () => {
  const s = site();
  await s.report('manager', { heartbeat_period: 5 });
  const answer = s.submit();
  await settle();
  const id = s.commands[0]?.endpointId ?? '';
  await s.report(id, { heartbeat_period: 3600 });
  s.waiting.add(await answer);
  await s.clock.advance(30 * second);
  await online(s);
  assert.deepEqual(s.commands.map(({ endpointId }) => endpointId), [id, id]);
});

test('one that went without a word is started again if tasks wait for it, and its manager is there', async () => {
  const s = site();
  await online(s);
  const ids: string[] = [];
  for (const a of [1, 2]) {
    const answer = s.submit({ a });
    await settle();
    await s.report(s.commands.at(-1)?.endpointId ?? '', { heartbeat_period: 30 });
    ids.push(await answer);
  }
  s.waiting.add(ids[0] ?? '');
  await s.clock.advance(90 * second);
  await s.sut.watch();
  assert.deepEqual(s.commands.slice(2).map(({ endpointId }) => endpointId), [ids[0]]);
  await s.sut.watch();
  assert.equal(s.commands.length, 3);
});

test('one that is removed while it is started gets no credentials; one that is locked gets others', async () => {
  const s = site();
  await online(s);
  const answer = s.submit();
  await settle();
  const id = s.commands[0]?.endpointId ?? '';
  const row = s.rows.get(id);
  assert.ok(row);
  s.rows.set(id, { ...row, salt: 'another' });
  await s.clock.advance(15 * second);
  assert.deepEqual(s.commands.map(({ queues }) => queues.task_queue_info.queue), [`${id} salt 1`, `${id} another`]);
  await s.sut.removeAllOf(ALICE.id);
  await s.clock.advance(30 * second);
  await answer;
  assert.deepEqual([s.commands.length, s.rows.size], [2, 0]);
});

test('so many user endpoints are enough, and those that are unused go', async () => {
  const s = site();
  const ids = [await s.submit({ a: 1 }), await s.submit({ a: 2 }), await s.submit({ a: 3 })];
  const [row] = s.rows.values();
  assert.ok(row);
  for (let i = s.rows.size; i < 1_000; i++) s.rows.set(`other ${i}`, { ...row, id: `other ${i}` });
  await assert.rejects(s.submit({ a: 4 }), { status: 422, message: /there are 1000 user endpoints of yours/ });
  assert.equal(await s.submit({ a: 3 }), ids[2], 'those that there are go on');
  assert.equal(await s.sut.expire(0, new AbortController().signal), 2);
  assert.deepEqual(s.failed, ids.slice(0, 2).map((id) => `end ${id} User endpoint ${id} was not used for long`));
  assert.notEqual(await s.submit({ a: 4 }), '');
});

test('an id that is somebody else’s is refused', async () => {
  const s = site();
  const id = await s.submit();
  const row = s.rows.get(id);
  assert.ok(row);
  const refused = { code: 'RESOURCE_CONFLICT', message: /change a value of user_endpoint_config/ };
  s.rows.set(id, { ...row, identity: BOB.id });
  await assert.rejects(s.submit(), refused);
  s.rows.set(id, { ...row, manager: 'another' });
  await assert.rejects(s.submit(), refused);
  s.rows.delete(id);
  s.taken.add(id);
  await assert.rejects(s.submit(), refused);
});
