// Users of one multi-user endpoint who mean harm, or have bad luck: what they do to their own user endpoint touches
// nobody else's, and what is the administrator's or another user's stays out of their reach. Everything is real: the
// service, the supervisor as root, a script of the site's in between, and the user endpoints.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import type { RegisteredQueues } from '../../src/amqp/queue-info.ts';
import { scratch } from '../fakes/scratch.ts';
import { installation } from '../installation.ts';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { testService, type TestService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import { start, switchyard, type Started } from './command.ts';
import { argumentsFor, outcomeOf, registerFunction, resultsOf, submit } from './endpoint.ts';
import { isRunning, until } from './harness.ts';
import { mailOf } from './supervisor-site.ts';
import { TEMPLATE } from './user-endpoint.ts';

const CANARY = 'canary-5f1c';
/** What an administrator's shell may have, and no user is to see. */
const ADMINS = {
  SITE_SECRET: CANARY, AWS_SECRET_ACCESS_KEY: CANARY, SLURM_JWT: CANARY, PYTHONPATH: `/${CANARY}`,
  PYTHONSTARTUP: `/${CANARY}`, BASH_ENV: `/${CANARY}`, ENV: `/${CANARY}`, LD_LIBRARY_PATH: `/${CANARY}`,
  NODE_PATH: `/${CANARY}`, NODE_OPTIONS: `--title=${CANARY}`, TMPDIR: '/tmp', IFS: CANARY,
};
const DISK = '4m';

interface Person {
  readonly account: LocalAccount;
  readonly user: User;
  /** What the user endpoint is asked with. */
  readonly values: object;
}

suite('users that mean harm', () => {
  let service: TestService;
  let files: Awaited<ReturnType<typeof scratch>>;
  let admin: User;
  let alice: Person;
  let bob: Person;
  let started: Started;
  const mounted: string[] = [];
  const file = (name: string): string => `${files.path}/.switchyard/endpoints/one/${name}`;
  const managerId = (): string => (JSON.parse(readFileSync(file('endpoint.json'), 'utf8')) as {
    endpoint_id: string;
  }).endpoint_id;
  const supervisorPid = (): number => (JSON.parse(readFileSync(file('daemon.pid'), 'utf8')) as { pid: number }).pid;
  const managerLog = (): string => readFileSync(file('endpoint.log'), 'utf8');

  before(async () => {
    files = await scratch();
    // What a generous system allows.
    execFileSync('prlimit', ['--pid', String(process.pid), '--core=unlimited']);
    const accounts = [await localAccount(), await localAccount()] as const;
    service = await testService();
    admin = await service.user();
    const people = await Promise.all(accounts.map(async (account) => (
      { account, user: await service.user(mailOf(account)), values: {} })));
    [alice, bob] = people as [Person, Person];
    mount(alice.account, mounted);
    plantPrograms(alice.account);
    await chmod(files.path, 0o711);
    await writeSite(files.path, file);
    await writeFile(file('map.json'), mapOf([alice, bob]));
    const env = { SWITCHYARD_SERVICE_URL: service.url };
    const login = await switchyard(['login', '--token'], { cwd: files.path, input: `${admin.token}\n`, env });
    assert.equal(login.status, 0, login.stderr);
    started = start(['endpoint', 'start', 'one', '--debug'], { cwd: files.path, env: { ...ADMINS, ...env } });
    const end = started.ended.then(({ stdout, stderr }) => assert.fail(`it has ended: ${stdout}${stderr}`));
    await Promise.race([end, until('its banner', () => started.texts.stdout.includes('<<<'), 60_000)]);
    end.catch(() => { /* only while it starts */ });
  });
  after(async () => {
    started.child.kill('SIGTERM');
    await started.ended;
    for (const { account } of [alice, bob]) {
      await until('the end of its processes', () => processesOf(account).length === 0);
    }
    for (const path of mounted) execFileSync('umount', ['--lazy', path]);
    for (const { account } of [alice, bob]) await account[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  });

  const begin = async ({ user, values }: Person, source: string, ...args: readonly unknown[]) => {
    const fn = await registerFunction(service, user, { form: 'source', name: 'f', source });
    const { group, ids } = await submit(service, user, {
      endpoint: managerId(), fn, payloads: [argumentsFor(...args)], keys: { user_endpoint_config: values },
    });
    return async (): Promise<unknown> => {
      await using stream = await resultStream(service, user, group);
      const [result] = (await resultsOf(stream.seen, ids)).values();
      assert.ok(result !== undefined);
      return outcomeOf(result);
    };
  };
  const call = async (who: Person, source: string, ...args: readonly unknown[]): Promise<unknown> =>
    await (await begin(who, source, ...args))();
  const works = async (who: Person): Promise<void> => assert.equal(await call(who, '() => process.getuid()'),
    who.account.uid);

  /** Of a start for other values, once this was run as the user. */
  const refusal = async ({ user, account }: Person, values: object, command: string): Promise<string> => {
    spawnSync('setpriv', ['--reuid', String(account.uid), '--clear-groups', 'sh', '-c', command]);
    const fn = await registerFunction(service, user, { form: 'source', name: 'f', source: '() => 9' });
    const { status, body } = await service.ask('POST', `/v3/endpoints/${managerId()}/submit`, {
      as: user.token, body: { tasks: { [fn]: [argumentsFor()] }, user_endpoint_config: values },
    });
    assert.equal(status, 422);
    return body.detail as string;
  };

  test('a script of the site\'s comes before them, and nothing of the administrator\'s gets past it', async () => {
    const [hers, his] = await Promise.all([alice, bob].map(async (who) => await call(who, '() => process.env')));
    for (const [who, environment] of [[alice, hers], [bob, his]] as const) {
      const { FROM_SITE, HOME, USER } = environment as NodeJS.ProcessEnv;
      const { name, home } = who.account;
      assert.deepEqual([FROM_SITE, HOME, USER], [`loaded for ${name}`, home, name]);
    }
    const { body } = await service.ask('PUT', `/v3/endpoints/${managerId()}`, {
      as: admin.token, body: { endpoint_name: 'one', multi_user: true, metadata: {} },
    });
    const { command_queue_info: { connection_url: url } } = body as RegisteredQueues;
    const secrets = [CANARY, admin.token, new URL(url).password];
    const seen = [managerLog(), readFileSync(`/proc/${supervisorPid()}/cmdline`, 'latin1')];
    for (const { account } of [alice, bob]) {
      const pids = processesOf(account);
      assert.ok(pids.length >= 3, 'endpoint, block and workers');
      for (const pid of pids) for (const what of ['cmdline', 'environ']) seen.push(procFile(pid, what));
      seen.push(...logsOf(account));
    }
    for (const secret of secrets) assert.ok(secret.length > 8 && !seen.some((text) => text.includes(secret)), secret);
    // Whoever's password it is: the user endpoints' own, too.
    assert.ok(!seen.some((text) => /amqps?:\/\/[^\s"/@]*:[^\s"@]+@/.test(text)));
    assert.equal(existsSync(`${alice.account.home}/planted`), false, 'what is planted in a home is not run');
    for (const pid of [supervisorPid(), endpointOf(alice), endpointOf(bob)]) {
      assert.match(procFile(pid, 'limits'), /^Max core file size +0 /m, `process ${pid} leaves no image of its memory`);
    }
  });

  test('nothing of others, and nothing of the administrator\'s, is in their reach', async () => {
    const others = [supervisorPid(), endpointOf(bob)];
    const signals = await call(alice, `(pids) => pids.map((pid) => {
      try { return process.kill(pid, 'SIGKILL'); } catch (error) { return error.code; }
    })`, others);
    assert.deepEqual(signals, ['EPERM', 'EPERM']);
    const closed = [
      ...others.flatMap((pid) => ['environ', 'mem', 'fd'].map((what) => `/proc/${pid}/${what}`)),
      ...['config.yaml', 'endpoint.log', 'daemon.pid', '../../credentials.json'].map(file), bob.account.home,
    ];
    const codes = await call(alice, `async (paths) => {
      const { openSync, readdirSync, statSync } = await import('node:fs');
      return paths.map((path) => {
        try {
          return statSync(path).isDirectory() ? readdirSync(path) : openSync(path, 'r');
        } catch (error) { return error.code; }
      });
    }`, closed);
    assert.deepEqual(codes, closed.map(() => 'EACCES'));
    await works(bob);
  });

  test('whoever stops or kills his own user endpoint has nobody else wait, and gets another', async () => {
    const pid = endpointOf(alice);
    asUser(alice.account, 'kill', '-STOP', String(pid));
    const waiting = await begin(alice, '() => 7');
    await works(bob);
    asUser(alice.account, 'kill', '-CONT', String(pid));
    assert.equal(await waiting(), 7);
    asUser(alice.account, 'kill', '-KILL', String(pid));
    await until('its end', () => !isRunning(pid));
    await works(bob);
    // With other values at once; with the same, when the service misses the one that went without a word.
    alice = { ...alice, values: { once: 'more' } };
    await works(alice);
  });

  test('whose disk is full waits for room, and nobody else does', async () => {
    const { home } = alice.account;
    const full = await call(alice, `async (path) => {
      const { appendFileSync } = await import('node:fs');
      try { for (;;) appendFileSync(path, Buffer.alloc(4_096)); } catch (error) { return error.code; }
    }`, `${home}/filler`);
    assert.equal(full, 'ENOSPC');
    const waiting = await begin(alice, '() => 8');
    await works(bob);
    const pid = endpointOf(alice);
    await rm(`${home}/filler`);
    assert.equal(await waiting(), 8);
    assert.equal(endpointOf(alice), pid, 'it goes on');
    const refused = await refusal(alice, { other: 'values' }, `cat /dev/zero > ${home}/filler`);
    assert.match(refused, /\[exit code: (78|83); \(OSError\) could not write .*: check space and permissions\]$/);
    await works(bob);
    await rm(`${home}/filler`);
  });

  test('who is taken out of the identity map loses the user endpoint that runs, and nobody else does', async () => {
    const [hers, his] = [endpointOf(alice), endpointOf(bob)];
    await writeFile(file('map.json'), mapOf([bob]));
    await until('the end of hers', () => !isRunning(hers));
    await until('the end of everything of hers', () => processesOf(alice.account).length === 0);
    assert.match(managerLog(), new RegExp(`not mapped to ${alice.account.name} any more`));
    await works(bob);
    assert.equal(endpointOf(bob), his);
    await assert.rejects(works(alice), /Identity failed to map to a local user name/);
  });
});

/** A home of so many bytes. */
function mount({ home, uid, gid }: LocalAccount, mounted: string[]): void {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},uid=${uid},gid=${gid},mode=700`, 'tmpfs', home]);
  } catch (cause) {
    throw new Error('a test with a full disk needs to mount a tmpfs: run it as root, with CAP_SYS_ADMIN', { cause });
  }
  mounted.push(home);
}

function plantPrograms(account: LocalAccount): void {
  const script = `#!/bin/sh\necho "$0" >> ${account.home}/planted\n`;
  for (const name of ['switchyard-endpoint', 'node', 'sh', 'env', '.profile', '.bashrc', '.shrc']) {
    const plant = 'mkdir -p ~/bin; printf %s "$1" > ~/$0; chmod 755 ~/$0; cp ~/$0 ~/bin/$0';
    asUser(account, 'sh', '-c', plant, name, script);
  }
}

async function writeSite(path: string, file: (name: string) => string): Promise<void> {
  await mkdir(file(''), { recursive: true });
  await mkdir(`${path}/site`);
  const { node, dist } = await installation();
  // As the documentation has it.
  await writeFile(`${path}/site/switchyard-endpoint`, `#!/bin/sh
export FROM_SITE="loaded for $USER"
exec ${node} ${dist}/src/cli/main.js endpoint "$@"
`);
  for (const one of [`${path}/site`, `${path}/site/switchyard-endpoint`]) await chmod(one, 0o755);
  await chmod(file(''), 0o711);
  await writeFile(file('config.yaml'),
    'multi_user: true\npublic: true\nidentity_mapping_config_path: map.json\nheartbeat_period: 5\ndebug: true\n');
  await chmod(file('config.yaml'), 0o600);
  await writeFile(file('user_config_template.yaml.j2'), TEMPLATE);
  await writeFile(file('user_environment.yaml'), `PATH: ${path}/site:/usr/local/bin:/usr/bin:/bin\n`);
}

function mapOf(people: readonly Person[]): string {
  const mappings = people.map(({ account, user }) => ({
    source: '{username}', match: user.username.replaceAll('.', '\\.'), output: account.name,
  }));
  return JSON.stringify([{ DATA_TYPE: 'expression_identity_mapping#1.0.0', mappings }]);
}

/** With this user's rights alone. */
function asUser({ uid, gid, home }: LocalAccount, ...command: readonly string[]): void {
  const { status, stderr } = spawnSync('setpriv', ['--reuid', String(uid), '--regid', String(gid), '--clear-groups',
    '--', ...command], { encoding: 'utf8', env: { HOME: home, PATH: '/usr/bin:/bin' } });
  assert.equal(status, 0, stderr);
}

function logsOf({ home }: LocalAccount): string[] {
  const above = `${home}/.switchyard/endpoints`;
  return readdirSync(above).map((name) => readFileSync(`${above}/${name}/endpoint.log`, 'utf8'));
}

function endpointOf({ account }: Person): number {
  const found = processesOf(account).filter((pid) => procFile(pid, 'cmdline').startsWith('Switchyard Endpoint ('));
  assert.equal(found.length, 1, `user endpoints of ${account.name}: ${found.join()}`);
  return found[0] ?? 0;
}

function processesOf({ uid }: LocalAccount): number[] {
  return readdirSync('/proc').map(Number)
    .filter((pid) => pid > 0 && procFile(pid, 'status').includes(`\nUid:\t${uid}\t`) && isRunning(pid));
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it is gone
  }
}
