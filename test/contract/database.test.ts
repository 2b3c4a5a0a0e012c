// What every database has to do, asked of the one inside and of a server.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../../src/common/log.ts';
import type { Database } from '../../src/service/database.ts';
import { newId } from '../../src/service/ids.ts';
import { migrate } from '../../src/service/migrations.ts';
import { openDatabase } from '../../src/service/open-database.ts';
import { storeIn, type Store } from '../../src/service/store.ts';
import type { Submission } from '../../src/service/store/tasks.ts';
import { scratch } from '../fakes/scratch.ts';
import { postgresServer } from '../postgres.ts';
import { copyDatabase } from '../service.ts';

interface Opened {
  readonly open: () => Promise<Database>;
  readonly end: () => PromiseLike<void>;
}

const KINDS: Readonly<Record<string, () => Promise<Opened>>> = {
  'the embedded database': async () => {
    const files = await scratch();
    await copyDatabase(files.at('database'));
    const options = { url: null, directory: files.at(''), reserveBytes: 0 };
    return { open: () => openDatabase(options, silentLog), end: () => files[Symbol.asyncDispose]() };
  },
  'a PostgreSQL server': async () => {
    const server = await postgresServer();
    const url = await server.database();
    const options = { url, directory: '', reserveBytes: 0 };
    return { open: () => openDatabase(options, silentLog), end: () => server[Symbol.asyncDispose]() };
  },
};

for (const [kind, make] of Object.entries(KINDS)) describe(kind, () => suite(make));

function suite(make: () => Promise<Opened>): void {
  let opened: Opened;
  let database: Database;
  let store: Store;

  before(async () => {
    opened = await make();
    database = await opened.open();
    await migrate(database);
    store = storeIn(database);
  });
  after(async () => {
    await database?.close();
    await opened?.end();
  });

  test('numbers, texts, booleans and nothing come back as such, alone and in columns', async () => {
    const [row] = await database.query(
      `select $1::text as t, $2::double precision as n, $3::boolean as b, $4::text as nothing, $5::uuid as id,
        $6::integer as i`, ['é𝄞"\\{}', 1795224080.706055, true, null, '01a1fec6-57b4-7288-a8fc-2cf773bc6074', 7],
    );
    assert.deepEqual({ ...row as object }, {
      t: 'é𝄞"\\{}', n: 1795224080.706055, b: true, nothing: null, id: '01a1fec6-57b4-7288-a8fc-2cf773bc6074', i: 7,
    });
    const rows = await database.query<{ t: string | null; n: number }>(
      'select * from unnest($1::text[], $2::double precision[]) as one (t, n)', [
        ['a,b', 'NULL', '', '{"', null], [1, 2, 3, 4, 5.5],
      ],
    );
    assert.deepEqual(rows.map(({ t, n }) => [t, n]), [['a,b', 1], ['NULL', 2], ['', 3], ['{"', 4], [null, 5.5]]);
  });

  test('a second migration changes nothing, and a newer version is refused', async () => {
    await migrate(database);
    await database.query('insert into schema_version values (999)');
    await assert.rejects(migrate(database), /newer release.*upgrade/);
    await database.query('delete from schema_version where version = 999');
  });

  test('what the first release has written, this one reads', async () => {
    await database.script(`alter table token drop column authenticated; drop table auth_policy;
      drop index endpoint_policy; alter table user_endpoint drop column used;
      drop index user_endpoint_identity; delete from schema_version where version = 2`);
    const identity = randomUUID();
    await store.identities.add({ id: identity, username: identity, fullName: '', email: '' }, 10);
    const family = randomUUID();
    for (const [digest, kind, createdS] of [['personal', 'personal', 100], ['access', 'access', 900]] as const) {
      await database.query(
        `insert into token (digest, id, identity, kind, client, scope, family, note, created, expires)
          values ($1, $2, $3, $4, '', '', $5, '', $6, 1e9)`,
        [digest + family, kind === 'personal' ? family : randomUUID(), identity, kind, family, createdS],
      );
    }
    await migrate(database);
    for (const digest of ['personal', 'access']) {
      assert.equal((await store.identities.token(digest + family, 1000))?.authenticatedS, 100, digest);
    }
  });

  test('user endpoints keep their salt, are counted and found by their user and their use, and go with their manager',
    async () => {
      const { endpoints } = store;
      const [manager, alice, bob] = [randomUUID(), randomUUID(), randomUUID()];
      await endpoints.put({
        id: manager, owner: alice, name: 'm', displayName: null, templated: true, multiUser: true, isPublic: false,
        highAssurance: false, metadata: '{}', allowedFunctions: [], authenticationPolicy: null, subscription: null,
        admins: [], lockedUntilS: 0, salt: 's',
      }, 1);
      const child = {
        id: randomUUID(), manager, identity: bob, options: '{}', runtime: '{}', salt: 'first', usedS: 100,
      };
      await endpoints.addChild(child);
      await endpoints.addChild({ ...child, salt: 'second' });
      assert.deepEqual(await endpoints.child(child.id), child);
      for (const [user, count] of [[bob, 1], [alice, 0]] as const) {
        assert.equal(await endpoints.countChildren(manager, user), count);
      }
      assert.deepEqual([await endpoints.childrenOf(bob), await endpoints.children(manager)], [[child], [child]]);

      const unused = async (beforeS: number, nowS: number): Promise<string[]> =>
        (await endpoints.unusedChildren(beforeS, nowS, 10)).map(({ id }) => id);
      await endpoints.putPresences([{ id: child.id, seenS: 100, untilS: 200, report: '{}' }]);
      assert.deepEqual([await unused(100, 300), await unused(101, 199), await unused(101, 300)], [[], [], [child.id]]);
      await endpoints.markUsed(child.id, 150);
      assert.deepEqual(await unused(101, 300), []);

      await endpoints.lock(manager, 5, 'third');
      assert.equal((await endpoints.find(manager))?.salt, 'third');
      assert.equal((await endpoints.child(child.id))?.salt, 'third');
      assert.deepEqual((await endpoints.find(manager))?.allowedFunctions, []);
      await endpoints.remove(manager);
      assert.equal(await endpoints.child(child.id), undefined);
    });

  test('a policy is found with its endpoints, and comes back as it was', async () => {
    const policy = {
      id: randomUUID(), owner: randomUUID(), project: null, displayName: 'a\u0000𝄞', description: '',
      allowedDomains: ['*.b'], excludedDomains: [], authTimeoutS: 60, highAssurance: true,
    };
    await store.policies.add(policy, 1);
    assert.deepEqual(await store.policies.find(policy.id), policy);
    assert.deepEqual(await store.policies.list(policy.owner), [policy]);
    assert.deepEqual([await store.policies.count(policy.owner), await store.policies.users(policy.id, 3)], [1, []]);
    await store.policies.remove(policy.id);
    assert.equal(await store.policies.find(policy.id), undefined);
  });

  test('a script is done as a whole or not at all', async () => {
    await assert.rejects(database.script('create table half (a text); select * from nowhere'));
    await assert.rejects(database.query('select * from half'), { code: 'STORAGE_FAILED' });
    // The failure left nothing open behind it.
    assert.equal((await database.query('select 1')).length, 1);
  });

  test('payloads come back exactly, whatever is in them', async () => {
    const payloads = ['plain', '', '\u0000 NUL', 'lone \ud83d surrogate', '𝄞\n"\\', 'x'.repeat(300_000)];
    const submission = submissionOf(payloads);
    await store.tasks.add([submission, submissionOf(['other'])]);
    assert.deepEqual(await store.tasks.load(submission.id), submission);
  });

  test('the first result of a task counts; others get none, and nobody gets one from a stranger', async () => {
    const submission = submissionOf(['a', 'b', 'c']);
    const group = submission.taskGroup;
    await store.tasks.addGroup(group, submission.owner, 'single', 1);
    await store.tasks.add([submission]);
    const [a = '', b = '', c = ''] = submission.tasks.map(({ id }) => id);
    const arrived = (task: string, message: string, sender = submission.target) =>
      ({ task, sender, message, completedS: 2 });
    const stored = await store.results.add([
      arrived(a, '"first"'), arrived(b, '"forged"', randomUUID()), arrived(a, '"second"'),
      arrived(randomUUID(), '"unknown"'),
    ]);
    const where = { task: a, taskGroup: group, owner: submission.owner, stream: 'single' };
    assert.deepEqual(stored, [{ ...where, fresh: true }, undefined, { ...where, fresh: false }, undefined]);
    assert.deepEqual(await store.results.add([arrived(a, '"third"')]), [{ ...where, fresh: false }]);
    assert.equal(await store.results.message(a), '"first"');
    const records = await store.tasks.records(submission.owner, [a, b]);
    assert.deepEqual(new Map(records.map(({ id, message }) => [id, message])), new Map([[a, '"first"'], [b, null]]));
    assert.deepEqual(await store.tasks.records(randomUUID(), [a, b]), [], 'nobody sees the tasks of others');
    assert.deepEqual(
      (await store.tasks.load(submission.id))?.tasks.map(({ id }) => id), [b, c], 'what is done is not sent again',
    );
    assert.deepEqual((await store.results.openTasks(submission.target, 10)).sort(), [b, c].sort());
  });

  test('a first result of a stored task is kept as it came, and stays the first', async () => {
    const submission = submissionOf(['a', 'b']);
    await store.tasks.addGroup(submission.taskGroup, submission.owner, 'single', 1);
    await store.tasks.add([submission]);
    const [a = '', b = ''] = submission.tasks.map(({ id }) => id);
    const arrived = (task: string, message: string) => ({ task, sender: submission.target, message, completedS: 2.5 });
    await store.results.addFirst([arrived(a, '"of {a}\\"'), arrived(b, 'null')]);
    await store.results.addFirst([arrived(a, '"second"')]);
    assert.equal((await store.results.add([arrived(b, '"third"')]))[0]?.fresh, false);
    const records = await store.tasks.records(submission.owner, [a, b]);
    assert.deepEqual(
      new Map(records.map(({ id, message, completed }) => [id, [message, completed]])),
      new Map([[a, ['"of {a}\\"', 2.5]], [b, ['null', 2.5]]]),
    );
    assert.deepEqual(await store.results.openTasks(submission.target, 10), []);
  });

  test('a request that was not answered is found again; an answered one is only by its name', async () => {
    const submission = submissionOf(['a', 'b']);
    await store.tasks.add([submission]);
    const { owner, digest, id } = submission;
    const found = await store.tasks.repeated(owner, digest, []);
    assert.deepEqual(found?.tasks.map((task) => task.id), submission.tasks.map((task) => task.id));
    assert.equal(await store.tasks.repeated(randomUUID(), digest, []), undefined);
    assert.equal(await store.tasks.repeated(owner, digest, [randomUUID(), id]), undefined);
    const unanswered = async (sinceS: number): Promise<boolean> =>
      (await store.tasks.unanswered(sinceS)).includes(digest);
    const { createdS } = submission;
    assert.deepEqual([await unanswered(createdS - 1), await unanswered(createdS + 1)], [true, false]);
    await store.tasks.markAnswered([id]);
    assert.equal(await unanswered(createdS - 1), false);
    assert.equal(await store.tasks.repeated(owner, digest, []), undefined);
    assert.equal((await store.tasks.repeated(owner, digest))?.id, id);
  });

  test('what is not published is known after a restart, in its order', async () => {
    const [one, two, three] = [submissionOf(['a'], 10), submissionOf(['b'], 5), submissionOf(['c'], 20)];
    await store.tasks.add([one, two, three]);
    await store.tasks.markPublished([one.id]);
    await database.close();
    database = await opened.open();
    store = storeIn(database);
    const open = await store.tasks.unpublished();
    assert.deepEqual(open.filter((id) => [one.id, two.id, three.id].includes(id)), [two.id, three.id]);
  });

  test('old tasks go with their results; those that ended lately stay', async () => {
    const [old, late] = [submissionOf(['a', 'b'], 1), submissionOf(['c'], 1)];
    await store.tasks.add([old, late]);
    const result = ({ tasks, target }: Submission, completedS: number) =>
      ({ task: tasks[0]?.id ?? '', sender: target, message: '"m"', completedS });
    await store.results.add([result(old, 2), result(late, 50)]);
    while (await store.tasks.sweep(4, 10, 2) > 0);
    assert.equal(await store.tasks.load(old.id), undefined);
    assert.deepEqual(await store.tasks.records(old.owner, old.tasks.map(({ id }) => id)), []);
    assert.equal((await store.tasks.records(late.owner, late.tasks.map(({ id }) => id))).length, 1);
    await database.tidy();
  });
}

function submissionOf(payloads: readonly string[], createdS = 1_000): Submission {
  const target = randomUUID();
  return {
    id: newId(createdS * 1000), taskGroup: randomUUID(), owner: randomUUID(), endpoint: target, target, resources: null,
    serializers: ['a.b'], digest: randomUUID(), createdS,
    tasks: payloads.map((payload) => ({ id: newId(createdS * 1000), function: randomUUID(), payload })),
  };
}
