import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { failureOf, failureText, launchOf } from '../../../src/supervisor/launch.ts';
import { answerIn } from '../../../src/supervisor/spawn.ts';

const account = {
  name: 'alice', uid: 1001, gid: 1002, gecos: '', directory: '/home/alice', shell: '/bin/sh', groups: [1002, 50, 60],
};
const environment = { HOME: '/home/alice', PATH: '/usr/bin' };
const some = { account, name: 'uep.a.b', args: ['--debug'], environment, becomes: true, ownProgram: undefined };

test('the command line gives up everything before anything of the user\'s is touched', () => {
  const { file, args, shown } = launchOf(some);
  assert.equal(file, '/usr/bin/setpriv');
  const [script = ''] = args.slice(args.indexOf('-c') + 1);
  assert.deepEqual(args, [
    '--reuid', '1001', '--regid', '1002', '--groups', '1002,50,60', '--inh-caps=-all', '--ambient-caps=-all',
    '--bounding-set=-all', '--no-new-privs', '--pdeathsig', 'TERM', '--', '/bin/sh', '-c', script, 'sh', '/home/alice',
    'switchyard-endpoint', '_start-user-endpoint', 'uep.a.b', '--debug',
  ]);
  assert.equal(shown, 'switchyard-endpoint _start-user-endpoint uep.a.b --debug');
});

test('it starts where the environment says, with our own program where there is no other', () => {
  const { args } = launchOf({
    ...some, environment: { ...environment, CWD: '/scratch' }, ownProgram: ['/node', '/main.js', 'endpoint'],
  });
  assert.deepEqual(args.slice(-6), ['/scratch', '/node', '/main.js', 'endpoint', '_start-user-endpoint', 'uep.a.b',
    '--debug'].slice(-6));
  assert.equal(launchOf({ ...some, environment: { ...environment, CWD: 'here' } }).args.at(-5), '/home/alice');
  const homeless = { ...account, directory: '' };
  assert.equal(launchOf({ ...some, account: homeless }).args.at(-5), '/');
});

test('without privileges nothing is changed but who ends with whom', () => {
  assert.deepEqual(launchOf({ ...some, becomes: false }).args.slice(0, 3), ['--pdeathsig', 'TERM', '--']);
});

test('what it becomes leaves no image of its memory, and its user may ask for one', () => {
  const [printing, directory] = [['/bin/sh', '-c', 'ulimit -S -c; ulimit -H -c'], '/'] as const;
  const { args } = launchOf({ ...some, becomes: false, account: { ...account, directory } });
  const script = args.slice(0, args.indexOf('switchyard-endpoint'));
  const run = execFileSync('prlimit', ['--core=4096:8192', '/usr/bin/setpriv', ...script, ...printing],
    { encoding: 'utf8' });
  assert.equal(run, `0\n${8192 / 512}\n`);
});

test('nobody becomes root, or an id that means none', () => {
  for (const wrong of [{ uid: 0 }, { uid: -1 }, { uid: 2 ** 32 - 1 }, { uid: 1.5 }, { gid: 2 ** 32 }, {
    groups: [Number.NaN],
  }]) assert.throws(() => launchOf({ ...some, account: { ...account, ...wrong } }), RangeError);
  assert.ok(launchOf({ ...some, account: { ...account, groups: [] } }).args.includes('--clear-groups'));
});

test('the end of a process that was never up names the step that failed', () => {
  const end = { code: 127, signal: null, stderr: '' };
  const cases: [step: number, error: string, ended: Parameters<typeof failureOf>[0]][] = [
    [71, 'PermissionError', { ...end, stderr: 'setpriv: setresgid failed: Operation not permitted\n' }],
    [72, 'PermissionError', { ...end, stderr: 'setpriv: setgroups failed: Invalid argument\n' }],
    [73, 'PermissionError', { ...end, stderr: 'setpriv: setresuid failed: Resource temporarily unavailable\n' }],
    [74, 'PermissionError', { ...end, stderr: 'setpriv: apply bounding set: Operation not permitted\n' }],
    [87, 'FileNotFoundError', { ...end, code: 87 }],
    [87, 'FileNotFoundError', { ...end, code: 126, stderr: 'sh: 1: exec: x: Permission denied' }],
    [137, 'ChildProcessError', { code: null, signal: 'SIGKILL', stderr: '' }],
    [3, 'ChildProcessError', { ...end, code: 3, stderr: 'a\nb' }],
  ];
  for (const [step, error, ended] of cases) {
    const failure = failureOf(ended, '/usr/bin');
    assert.deepEqual([failure.step, failure.error], [step, error], failure.message);
  }
  assert.match(failureOf({ ...end, code: 3, stderr: 'a\u001b[2J\nb' }, '').message, /last words:\na\\u\{1b\}\[2J\nb$/);
  assert.equal(failureText('alice', { step: 77, error: 'ValidationError', message: '1 is not of type \'string\'' }),
    'Unable to start user endpoint process for alice [exit code: 77; (ValidationError) 1 is not of type \'string\']');
});

test('a user endpoint says how its start went in one line; whatever else is said there is not it', () => {
  assert.equal(answerIn('{"type":"up","notes":[]}'), 'up');
  assert.deepEqual(answerIn('{"type":"failed","step":77,"error":"ValidationError","message":"x","detail":"y"}'),
    { step: 77, error: 'ValidationError', message: 'x', detail: 'y' });
  assert.deepEqual(answerIn('{"type":"failed","step":-4,"error":"a b","message":{}}'),
    { step: 1, error: 'RuntimeError', message: 'the user endpoint did not say why' });
  for (const line of ['', 'Loading', '{"a":1}', '{', '[]', '{"type":"else"}']) assert.equal(answerIn(line), undefined);
});
