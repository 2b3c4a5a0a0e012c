// A multi-user endpoint as an administrator has it, and two people who use it: their scripts with the field's SDK and
// with ours, their own accounts, their own values.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Executor } from '../../src/sdk/index.ts';
import { installation } from '../installation.ts';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { pythonVenv } from '../python-venv.ts';
import { runScript } from '../sdk-script.ts';
import { testService, type TestService, type User } from '../service.ts';
import type { Started } from './command.ts';
import { withEndpointSite, type EndpointSite } from './endpoint-site.ts';
import { isRunning, until } from './harness.ts';
import { mailOf } from './supervisor-site.ts';

const TEMPLATE = `
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 1
  address: 127.0.0.1
  provider:
    type: LocalProvider
    init_blocks: 0
    min_blocks: 0
    max_blocks: 1
    nodes_per_block: 1
    worker_init: |
      export ACCOUNT={{ ACCOUNT_ID|default('"none"')|shell_escape }}
      export NODES={{ NODES_PER_BLOCK|default(1)|int }}
heartbeat_period: 5
idle_heartbeats_soft: {{ IDLE|default(0)|int }}
`;
const END_MS = 30_000;

interface Person {
  readonly account: LocalAccount;
  readonly user: User;
}

interface Live {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly title: string;
}

/** What runs on this machine. */
function processes(): Live[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const number = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
      const title = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid: Number(name), parent: number('PPid'), uid: number('Uid'), title }];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

function of({ account: { uid } }: Person): Live[] {
  return processes().filter((one) => one.uid === uid);
}

/** As the administrator's guide says it, with a script of the administrator's in the place of the program. */
async function configured(site: EndpointSite): Promise<void> {
  const { status, stderr } = await site.endpoint('configure', 'one', '--multi-user');
  assert.equal(status, 0, stderr);
  await chmod(site.directory, 0o711);
  const bin = join(site.directory, 'bin');
  await mkdir(bin);
  await chmod(bin, 0o755);
  const { node, dist } = await installation();
  const wrapper = join(bin, 'switchyard-endpoint');
  await writeFile(wrapper, `#!/bin/sh\nexport FROM_SITE=yes\nexec ${node} ${dist}/src/cli/main.js endpoint "$@"\n`);
  await chmod(wrapper, 0o755);
  const venv = dirname((await pythonVenv()).python);
  await writeFile(site.file('user_environment.yaml'), `PATH: ${bin}:${venv}:${dirname(node)}:/usr/bin:/bin\n`);
  await writeFile(site.file('user_config_template.yaml.j2'), TEMPLATE);
  await writeFile(site.file('example_identity_mapping_config.json'), JSON.stringify([{
    DATA_TYPE: 'expression_identity_mapping#1.0.0',
    mappings: [{ source: '{username}', match: '(.*)@example\\.org', output: '{0}' }],
  }]));
}

interface Surroundings {
  readonly uid: number;
  readonly groups: readonly number[];
  readonly account: string | undefined;
  readonly home: string | undefined;
}

const surroundings = (): Surroundings => ({
  uid: process.getuid?.() ?? -1, groups: process.getgroups?.() ?? [], account: process.env['ACCOUNT'],
  home: process.env['HOME'],
});

suite('two users of a multi-user endpoint', () => {
  let service: TestService;
  const people: Person[] = [];
  before(async () => {
    service = await testService();
    for (const account of await Promise.all([localAccount(), localAccount()])) {
      people.push({ account, user: await service.user(mailOf(account)) });
    }
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    for (const { account } of people) await account[Symbol.asyncDispose]();
  });

  test('from its start to its end', async (t) => {
    const [alice, bob] = people;
    assert.ok(alice !== undefined && bob !== undefined);
    await withEndpointSite(service, await service.user(), async (site) => {
      await configured(site);
      await using first = await started(site);
      const place: Place = { service, site, alice, bob, id: site.id() };
      await t.test('their scripts run as they themselves, each with his own values', () => ownValues(place));
      await t.test('all that runs for them is below one supervisor', () => oneTree(place));
      await t.test('what nobody uses ends by itself, and starts again when it is used', () => goesWhenIdle(place));
      await t.test('the supervisor is killed: what it started ends', async () => {
        process.kill(site.pid(), 'SIGKILL');
        await gone(place);
        await first.ended;
      });
      await using second = await started(site);
      await t.test('started again, they go on, and nothing outlives its stop', async () => {
        assert.equal(await script(place, alice, 'some_task.py'), 'Result: 1\n');
        const { status, stderr } = await site.endpoint('stop', 'one');
        assert.equal(status, 0, stderr);
        await second.ended;
        await gone(place);
      });
    });
  });
});

interface Place {
  readonly service: TestService;
  readonly site: EndpointSite;
  readonly alice: Person;
  readonly bob: Person;
  readonly id: string;
}

async function started(site: EndpointSite): Promise<Started> {
  const command = site.begin('endpoint', 'start', 'one');
  await until('its banner', () => command.texts.stdout.includes('<<<'), END_MS);
  await site.online(true);
  return command;
}

async function script({ service, site, id }: Place, { user, account }: Person, name: string): Promise<string> {
  return await runScript({ service, user, home: join(site.directory, `sdk-${account.name}`) }, name, [id]);
}

async function ownValues(place: Place): Promise<void> {
  const { alice, bob, site } = place;
  const [hello, results] = await Promise.all([script(place, alice, 'obi_wan.py'), script(place, bob, 'polaris.py')]);
  assert.match(hello, /^Hello, Obi-Wan; I ran on \S+\n$/);
  assert.equal(results.match(/^Result: \(\d+, [\d.]+\)$/gm)?.length, 100);
  const two = tops(site.pid());
  assert.deepEqual(sorted(two.map(({ uid }) => uid)), sorted([alice, bob].map(({ account }) => account.uid)));
  const [, , one] = await Promise.all([
    twin(place, alice, { ACCOUNT_ID: 'OBIWAN123' }),
    twin(place, bob, { ACCOUNT_ID: 'user_allocation_account_id', NODES_PER_BLOCK: 2 }),
    script(place, alice, 'some_task.py'),
  ]);
  assert.equal(one, 'Result: 1\n');
  assert.equal(tops(site.pid()).length, 3,
    'the same values find the one that runs, whichever SDK sends them; others have another');
  for (const { pid } of two) assert.ok(isRunning(pid));
}

async function oneTree({ alice, bob, site }: Place): Promise<void> {
  const [supervisor, tree] = [site.pid(), processes()];
  for (const person of [alice, bob]) {
    for (const { pid, title } of of(person)) {
      // A block has one process that outlives whoever is killed, so that nothing else of it does.
      assert.ok(isBelow(pid, supervisor, tree) || / keep \d+$/.test(title), `${pid} ${title}`);
    }
    for (const top of tops(supervisor).filter(({ uid }) => uid === person.account.uid)) {
      assert.match(top.title, /^Switchyard Endpoint \([0-9a-f-]{36}, uep\.[0-9a-f-]{36}\.[0-9a-f-]{36}\)/);
      assert.equal(readlinkSync(`/proc/${top.pid}/cwd`), person.account.home);
    }
  }
}

async function goesWhenIdle(place: Place): Promise<void> {
  const { alice, site } = place;
  const others = new Set(tops(site.pid()).map(({ pid }) => pid));
  const lateOnes = (): Live[] => tops(site.pid()).filter(({ pid }) => !others.has(pid));
  await twin(place, alice, { ACCOUNT_ID: 'short', IDLE: 1 });
  assert.equal(lateOnes().length, 1);
  await until('its end', () => lateOnes().length === 0, END_MS);
  await twin(place, alice, { ACCOUNT_ID: 'short', IDLE: 1 });
  assert.equal(lateOnes().length, 1);
}

/** What has no parent any more, init has to bury. */
async function gone({ alice, bob }: Place): Promise<void> {
  await until('the last of them', () => of(alice).length + of(bob).length === 0);
}

/** What a supervisor has started. */
function tops(supervisor: number): Live[] {
  return processes().filter(({ parent }) => parent === supervisor);
}

/** What the scripts do, with our SDK. */
async function twin(
  { service, id }: Place, { user, account }: Person,
  values: Readonly<Record<string, string | number>>,
): Promise<void> {
  await using executor = new Executor({
    endpointId: id, serviceUrl: service.url, token: user.token, userEndpointConfig: values,
  });
  const { uid, home } = account;
  const seen = await executor.submit(surroundings);
  assert.deepEqual({ ...seen, groups: sorted(seen.groups) }, {
    uid, home, groups: sorted(account.groups), account: values['ACCOUNT_ID'],
  });
  const numbers: number[] = [];
  const tasks = [...Array(100).keys()];
  for await (const doubled of executor.map((number: number) => 2 * number, tasks)) numbers.push(doubled);
  assert.deepEqual(sorted(numbers), tasks.map((number) => 2 * number));
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

function isBelow(pid: number, ancestor: number, tree: readonly Live[]): boolean {
  const parents = new Map(tree.map((one) => [one.pid, one.parent]));
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (at === ancestor) return true;
  }
  return false;
}
