// What a Python task gives is what the field's own agent makes of it: bytes, texts and all.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRunning, until } from './harness.ts';
import { withPython, type PythonSite } from './python-site.ts';

const CONCRETES = 'globus_compute_sdk.serialize.concretes';

interface Case {
  readonly fn: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly code?: string;
  readonly data?: string;
  readonly serializers?: readonly string[];
  readonly allowed?: readonly string[];
}

const CASES: readonly Case[] = [
  { fn: 'add', args: [1], kwargs: { b: 2 } },
  { fn: 'echo', args: [{ a: [1, 2.5, null, 'é😀', { b: true }], long: 'x'.repeat(200) }] },
  { fn: 'echo', args: [[]], data: 'JSONData' },
  { fn: 'add', args: [1, 2], code: 'AllCodeStrategies', data: 'AllDataStrategies' },
  { fn: 'add', args: [1, 2], code: 'st' },
  { fn: 'add', args: [1, 2], code: 'sd', data: 'JSONData' },
  ...['DillCode', 'DillCodeSource', 'DillCodeTextInspect', 'PureSourceTextInspect', 'PureSourceDill', 'CombinedCode']
    .map((code) => ({ fn: 'add', args: [1, 2], code })),
  { fn: 'add', args: [1, 2], serializers: [`${CONCRETES}.JSONData`] },
  { fn: 'add', args: [1, 2], serializers: [`${CONCRETES}.AllDataStrategies`] },
  { fn: 'add', args: [1, 2], serializers: [`${CONCRETES}.DillCode`, `${CONCRETES}.DillDataBase64`] },
  { fn: 'unserializable', serializers: [`${CONCRETES}.JSONData`] },
  { fn: 'echo', args: [1], serializers: ['no.such.Thing'] },
  { fn: 'make_function' },
  { fn: 'unserializable' },
  { fn: 'boom', args: ['text'] },
  { fn: 'just_boom', args: ['é😀'] },
  { fn: 'add', args: [1, 'x'] },
  { fn: 'add' },
  { fn: 'size', args: [11 * 1024 * 1024] },
  { fn: 'size', args: [7 * 1024 * 1024] },
  { fn: 'add', args: [1], allowed: ['globus_compute_sdk.*Code', 'globus_compute_sdk.*Data'] },
  { fn: 'add', args: [1], allowed: [`${CONCRETES}.PureSourceTextInspect`, `${CONCRETES}.JSONData`] },
  { fn: 'add', args: [1], code: 'PureSourceTextInspect',
    allowed: [`${CONCRETES}.PureSourceTextInspect`, `${CONCRETES}.JSONData`] },
  { fn: 'add', args: [1], code: 'PureSourceTextInspect', data: 'JSONData',
    allowed: [`${CONCRETES}.PureSourceTextInspect`, `${CONCRETES}.JSONData`] },
  { fn: 'add', args: [1], allowed: ['globus_compute_sdk.*Code'] },
];

/** What has no frame below the caller's shows the caller's own. Addresses of objects differ, too. */
const comparable = (text: string): string => text.replaceAll(/0x[0-9a-f]+/g, '0x…')
  .replaceAll(/ {2}File "\S+\/(helper|task)\.py", line \d+, in (execute_task|perform)\n( {4}.*\n)+/g,
    '  (caller)\n');

async function compare(
  { sdk, define, submit, directory }: PythonSite, one: Case, payloadGiven?: string,
): Promise<void> {
  const { fn, args = [], kwargs = {}, data, serializers = [], allowed = [] } = one;
  const code = await sdk.code(fn, one.code);
  const payload = payloadGiven ?? await sdk.payload(args, kwargs, data);
  const kind = await define(fn, { code, resultSerializers: serializers, allowedSerializers: allowed });
  const ours = await submit(kind, payload);
  const agents = await sdk.agent({ code, payload, directory, allowed, serializers }).catch((error: unknown) => error);
  const name = JSON.stringify(one);
  if (agents instanceof Error) {
    assert.notEqual(ours.failure, undefined, `${name}: the agent could not even start it: ${agents.message}`);
    return;
  }
  const { data: theirs, error, details } = agents as Awaited<ReturnType<typeof sdk.agent>>;
  assert.deepEqual(ours.failure ?? null, error, name);
  assert.equal(comparable(ours.data), comparable(theirs), name);
  assert.deepEqual(ours.details, details);
}

test('a task gives what the field\'s agent gives, and fails with its words', () => withPython({}, async (site) => {
  for (const one of CASES) await compare(site, one);
  // A second time, when the functions are known.
  for (const one of CASES.slice(0, 8)) await compare(site, one);
}));

test('payloads that are no payloads fail as they do there', () => withPython({}, async (site) => {
  const good = await site.sdk.payload([1]);
  for (const payload of ['', 'x', '3\n99\n', '12\n00\ngAR9lC4=\n', `${good}${good}`, '6\n00\n!!!12\n00\ngAR9lC4=\n',
    good.replace('00', '77'), good.slice(0, -4), '-1\n00\n']) {
    await compare(site, { fn: 'add' }, payload);
  }
}));

test('times are those of the run, in nanoseconds, and come as exact numbers', () => withPython({}, async (site) => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const { startedNs, endedNs } = await site.submit(await site.define('add'), await site.sdk.payload([1]));
  assert.ok(typeof startedNs === 'bigint' && before <= startedNs && startedNs < endedNs);
  assert.ok(endedNs <= BigInt(Date.now() + 1) * 1_000_000n);
}));

test('a task finds its id, its directory and, where asked for, a sandbox of its own', () =>
  withPython({ max_workers_per_node: 1 }, async ({ sdk, define, submit, run, workingDirectory }) => {
    const none = await sdk.payload([]);
    const see = async (sandbox: boolean): Promise<[string, Record<string, unknown>]> => {
      const task = submit(await define('place', { sandbox }), none);
      return [task.task, await sdk.read((await task).data) as Record<string, unknown>];
    };
    const [plain, seen] = await see(false);
    const root = realpathSync(workingDirectory);
    assert.deepEqual([seen['task'], seen['cwd'], seen['sandbox']], [plain, root, null]);
    const [boxed, inside] = await see(true);
    const box = join(workingDirectory, boxed);
    assert.deepEqual([inside['task'], inside['cwd'], inside['sandbox']], [boxed, realpathSync(box), box]);
    assert.equal(inside['pid'], seen['pid'], 'the interpreter is the same');
    await run(await define('leave_in_environment', { sandbox: true }));
    const [, after] = await see(false);
    assert.deepEqual([after['cwd'], after['sandbox']], [root, null]);
  }));

test('shell functions: exit status, walltime, what they leave behind, and plain dictionaries', () =>
  withPython({}, async ({ sdk, define, submit, workingDirectory }) => {
    const none = await sdk.payload([]);
    mkdirSync(workingDirectory, { recursive: true });
    const call = async (expression: string, options = {}): Promise<Record<string, unknown>> => {
      const result = await submit(await define('shell', { code: await sdk.code(expression), ...options }), none);
      assert.equal(result.failure, undefined, result.data);
      return await sdk.read(result.data) as Record<string, unknown>;
    };
    const three = await call('ShellFunction("echo out; echo err >&2; exit 3")', { sandbox: true });
    assert.deepEqual(three, { cmd: 'echo out; echo err >&2; exit 3', stdout: 'out\n', stderr: 'err\n', returncode: 3,
      exception_name: 'subprocess.CalledProcessError', type: 'ShellResult' });
    assert.match(String((await call('ShellFunction("true")'))['stderr']), /^WARNING: Task sandboxing will not work/);
    const pids = join(workingDirectory, 'pids');
    const command = `echo $$ >> ${pids}; (echo $BASHPID >> ${pids}; sleep 1000) & sleep 1000`;
    const late = await call(`ShellFunction("${command}", walltime=0.5)`, { sandbox: true });
    assert.deepEqual([late['returncode'], late['exception_name']], [124, 'subprocess.TimeoutExpired']);
    const { readFileSync } = await import('node:fs');
    const left = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
    assert.equal(left.length, 2);
    await until('what the command left behind', () => left.every((pid) => !isRunning(pid)));
    const json = { resultSerializers: [`${CONCRETES}.JSONData`], sandbox: true };
    const code = await sdk.code('ShellFunction("echo hi", return_dict=True)');
    const { data } = await submit(await define('shell', { code, ...json }), none);
    assert.deepEqual(JSON.parse(data.slice(3)),
      { cmd: 'echo hi', stdout: 'hi\n', stderr: '', returncode: 0, exception_name: null });
    assert.ok(data.startsWith('11\n') && existsSync(workingDirectory));
  }));
