// A user endpoint as a real local account: what it is allowed, what it sees, and with whom it ends.

import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { testService, type TestService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import { argumentsFor, outcomeOf, register, registerFunction, resultsOf, submit, type Registered } from './endpoint.ts';
import { until, within } from './harness.ts';
import { startUserEndpoint, TEMPLATE, type RunningUserEndpoint } from './user-endpoint.ts';

/** From the end of its supervisor, with a machine that does more than this. */
const ENDS_MS = 5_000;

/** Told from inside a task. */
interface Inside {
  readonly status: string;
  readonly umask: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly descriptors: readonly number[];
  readonly regained: readonly string[];
  readonly limits: string;
}

const LOOK_AROUND = `async () => {
  const { execFileSync } = await import('node:child_process');
  const { readFileSync } = await import('node:fs');
  const sh = (text) => execFileSync('/bin/sh', ['-c', text], { encoding: 'utf8' });
  const tried = (what) => {
    try {
      execFileSync(process.execPath, ['-e', what], { stdio: 'pipe' });
      return [what];
    } catch { return []; }
  };
  return {
    status: sh('cat /proc/self/status'), umask: Number.parseInt(sh('umask'), 8), environment: { ...process.env },
    descriptors: execFileSync('/bin/ls', ['/proc/self/fd'], { encoding: 'utf8' }).trim().split(/\\s+/).map(Number),
    regained: ['process.setuid(0)', 'process.setgid(0)', 'process.setgroups([0])'].flatMap(tried),
    limits: readFileSync('/proc/self/limits', 'utf8'),
  };
}`;

suite('a user endpoint', () => {
  let service: TestService;
  let alice: User;
  let account: LocalAccount;
  const running: RunningUserEndpoint[] = [];

  before(async () => {
    [service, account] = await Promise.all([testService(), localAccount()]);
    alice = await service.user();
  });
  after(async () => {
    for (const { child } of running) child.kill('SIGTERM');
    await until('the end of its processes', () => processesOf(account.uid).length === 0);
    await account[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const started = (registered: Registered, options = {}): RunningUserEndpoint => {
    const endpoint = startUserEndpoint(account, registered, options);
    running.push(endpoint);
    return endpoint;
  };
  const functionOf = async (source: string): Promise<string> =>
    await registerFunction(service, alice, { form: 'source', name: 'f', source });
  const call = async (endpoint: string, source: string, ...args: readonly unknown[]): Promise<unknown> =>
    await callOf(endpoint, await functionOf(source), ...args);
  const callOf = async (endpoint: string, fn: string, ...args: readonly unknown[]): Promise<unknown> => {
    const { group, ids } = await submit(service, alice, { endpoint, fn, payloads: [argumentsFor(...args)] });
    await using stream = await resultStream(service, alice, group);
    const [result] = (await resultsOf(stream.seen, ids)).values();
    assert.ok(result !== undefined);
    return outcomeOf(result);
  };

  test('is the user and nothing more, and so are its tasks', async () => {
    const registered = await register(service, alice);
    const secret = openSync('/etc/shadow', 'r');
    const endpoint = started(registered, { leaked: secret });
    closeSync(secret);
    const answer = await endpoint.answer;
    assert.equal(answer.type, 'up', answer.message);
    const inside = await call(registered.id, LOOK_AROUND) as Inside;
    const line = (name: string): string[] =>
      (new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(inside.status)?.[1] ?? '').trim().split(/\s+/);
    assert.deepEqual(line('Uid').map(Number), Array(4).fill(account.uid));
    assert.deepEqual(line('Gid').map(Number), Array(4).fill(account.gid));
    assert.deepEqual(new Set(line('Groups').map(Number)), new Set(account.groups));
    assert.equal(account.groups.length, 3);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.deepEqual(line(set), ['0'.repeat(16)]);
    assert.deepEqual(line('NoNewPrivs'), ['1']);
    assert.deepEqual(inside.regained, []);
    assert.equal(inside.umask, 0o077);
    const { HOME, USER, CWD, GC_USER_SDK_VERSION: sdk, GC_USER_PYTHON_VERSION: python } = inside.environment;
    assert.deepEqual([HOME, USER, CWD, sdk, python],
      [account.home, account.name, account.home, '4.19.0', '3.12.1']);
    const foreign = Object.keys(inside.environment).filter((name) => name in process.env
      && inside.environment[name] === process.env[name]);
    assert.deepEqual(foreign.filter((name) => !['PATH', 'LANG', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name)), []);
    // The fourth is the directory that is looked at.
    assert.deepEqual(inside.descriptors, [0, 1, 2, 3]);
    assert.match(inside.limits, /Max processes/);
    // Of the whole tree of its processes none has what the supervisor had open.
    for (const pid of processesOf(account.uid)) {
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.deepEqual(open.filter((target) => target.includes('shadow')), [], `process ${pid}`);
    }
    assert.equal(statSync(endpoint.directory).mode & 0o777, 0o700);
    assert.equal(statSync(`${endpoint.directory}/endpoint.log`).mode & 0o777, 0o600);
    assert.equal(readFileSync(`/proc/${endpoint.child.pid}/cmdline`, 'utf8').replace(/\0.*$/s, ''),
      `Switchyard Endpoint (${registered.id}, uep.${registered.id})`);
    const { pid } = JSON.parse(readFileSync(`${endpoint.directory}/daemon.pid`, 'utf8')) as { pid: number };
    assert.equal(pid, endpoint.child.pid);
    assert.equal(await endpoint.stop(), 0);
  });

  test('stands for the user\'s values, and refuses what the schema does not allow', async () => {
    const registered = await register(service, alice);
    const schema = JSON.stringify({ properties: { INIT: { type: 'string' } }, additionalProperties: false });
    const template = TEMPLATE.replace('init_blocks', 'worker_init: {{ INIT }}, init_blocks');
    const refused = started(registered, { schema, template, options: { INIT: 1 } });
    const { step, error, message = '' } = await refused.answer;
    assert.deepEqual([step, error, message.split('\n')[0]], [77, 'ValidationError', "1 is not of type 'string'"]);
    assert.equal(await within(20_000, 'its end', refused.exited), 77);
    const options = { INIT: 'export COLOUR="deep blue, \u{1f600}"' };
    // What the manager allows is allowed, whatever the template says.
    const fn = await functionOf('() => process.env.COLOUR');
    const endpoint = started(registered, {
      schema, options, template: `${template}allowed_functions: []\n`, allowedFunctions: [fn],
    });
    const answer = await endpoint.answer;
    assert.equal(answer.type, 'up', answer.message);
    assert.equal(await callOf(registered.id, fn), 'deep blue, \u{1f600}');
    assert.equal(await endpoint.stop(), 0);
  });

  /** A task that runs until it is run a second time. */
  const begun = async (endpoint: string): Promise<{ readonly done: () => Promise<void> }> => {
    const mark = `${account.home}/${endpoint}`;
    const source = `async (mark) => {
      const { existsSync, writeFileSync } = await import('node:fs');
      if (existsSync(mark)) return 'again';
      writeFileSync(mark, '');
      await new Promise((resolve) => { setTimeout(resolve, 600_000); });
    }`;
    const outcome = call(endpoint, source, mark);
    await until('the task', () => existsSync(mark));
    return { done: async () => assert.equal(await within(30_000, 'the task', outcome), 'again') };
  };

  for (const wrapper of [[], ['/bin/sh', '-c', '"$@"; exit $?', 'sh']]) {
    const how = wrapper.length === 0 ? 'its supervisor' : 'its supervisor, behind a script';
    test(`ends with ${how}, and its blocks with it`, async () => {
      const registered = await register(service, alice);
      const endpoint = started(registered, { wrapper, viaSupervisor: true });
      const answer = await endpoint.answer;
      assert.equal(answer.type, 'up', answer.message);
      const task = await begun(registered.id);
      endpoint.child.kill('SIGKILL');
      await until('the end of every process of the user', () => processesOf(account.uid).length === 0, ENDS_MS);
      // The task is not lost with it: the next start of the same endpoint runs it anew.
      const next = started(registered);
      assert.equal((await next.answer).type, 'up');
      await task.done();
      assert.equal(await next.stop(), 0);
    });
  }

  test('does not start with more than the user has', async () => {
    const registered = await register(service, alice);
    const { uid, gid, groups } = account;
    const [group] = groups.slice(1);
    const ids = ['--reuid', String(uid), '--regid', String(gid)];
    const without = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs'];
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[...ids, '--groups', `0,${groups.join(',')}`, ...without], /the groups 0 are not the user's/],
      [[...ids, '--groups', String(group), ...without], /the user's groups \d+ are missing/],
      [[...ids, '--groups', groups.join(','), ...without.slice(0, 2), '--no-new-privs'], /CapBnd/],
      [[...ids, '--groups', groups.join(','), ...without.slice(0, 3)], /new privileges are possible/],
      [['--regid', String(gid), '--groups', groups.join(','), '--no-new-privs'], /the real uid is 0/],
      [['--reuid', String(uid), '--clear-groups', '--no-new-privs'], /the real gid is 0/],
      [[...ids, '--groups', groups.join(','), '--inh-caps=+kill', '--no-new-privs'], /CapInh/],
    ];
    for (const [setpriv, detail] of cases) {
      const endpoint = started(registered, { setpriv });
      const answer = await endpoint.answer;
      assert.deepEqual([answer.step, answer.error, answer.message],
        [74, 'PermissionError', 'failed to start endpoint']);
      assert.match(answer.detail ?? '', detail);
      assert.equal(await within(20_000, 'its end', endpoint.exited), 74);
    }
  });
});

/** Of this user, on this machine. */
function processesOf(uid: number): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return pid > 0 && status.includes(`\nUid:\t${uid}\t`) && !/^State:\s+[ZX]/m.test(status);
    } catch {
      return false; // it is gone
    }
  });
}
