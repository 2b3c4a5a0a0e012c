import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accountNameProblem } from '../../../src/supervisor/account-name.ts';
import { findAccount, refusalOf, type Account, type NameService } from '../../../src/supervisor/accounts.ts';
import { isRunning, until } from '../../process/harness.ts';

const ROOT = { uid: 0, name: 'root', minimumUid: 1000 };
const ALICE: Account = {
  name: 'alice', uid: 5001, gid: 5001, gecos: '', directory: '/home/alice', shell: '/bin/bash', groups: [5001, 44],
};
let directory: string;

before(async () => { directory = await mkdtemp(join(tmpdir(), 'swy-accounts-')); });
after(() => rm(directory, { recursive: true, force: true }));

/** A name service whose two programs print these, after they have noted that they were asked. */
async function service(getent: string, id = 'echo 5001 44', timeoutMs = 5_000): Promise<NameService> {
  const program = async (name: string, body: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, `#!/bin/sh\necho "${name} $*" >> ${directory}/asked\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  };
  await writeFile(join(directory, 'asked'), '');
  return {
    getent: ['/nowhere/getent', await program('getent', getent)], id: [await program('id', id)], timeoutMs,
  };
}

const record = (text: string): string => `echo '${text}'`;

test('names that a program would take for something else are refused before one is asked', async () => {
  const names = [
    '0', '1000', '٣', '-rf', '--help', '../x', '/etc', 'a b', 'a\nb', 'alice\n', 'a\0b', '', '.', '..', '.x', '@x',
    'аlice', 'alice\u200B', 'a'.repeat(300), 'DOM\\alice', 'a:b', 'a,b', '$x', '{{7*7}}', '+alice', '%wheel', '~',
  ];
  const programs = await service(record('alice:x:5001:5001::/home/alice:/bin/bash'));
  for (const name of names) {
    assert.notEqual(accountNameProblem(name), undefined, JSON.stringify(name));
    assert.equal(await findAccount(name, undefined, programs), undefined);
  }
  assert.equal(await readFile(join(directory, 'asked'), 'utf8'), '');
});

test('names that accounts have are asked for', () => {
  const names = ['alice', 'root', '_apt', 'j.doe', 'a-b', 'user@dom.example', '0day', 'MACHINE$', 'x'.repeat(255)];
  for (const name of names) assert.equal(accountNameProblem(name), undefined, name);
});

test('an account has its groups, the primary one first', async () => {
  const programs = await service(record('alice:x:5001:5001:A. Lice,,,:/home/alice:/bin/zsh'), 'echo 44 5001 7');
  assert.deepEqual(await findAccount('alice', undefined, programs), {
    name: 'alice', uid: 5001, gid: 5001, gecos: 'A. Lice,,,', directory: '/home/alice', shell: '/bin/zsh',
    groups: [5001, 44, 7],
  });
  assert.equal(await readFile(join(directory, 'asked'), 'utf8'), 'getent passwd alice\nid -G alice\n');
});

test('who has no account, or one of another spelling, is not found', async () => {
  assert.equal(await findAccount('alice', undefined, await service('exit 2')), undefined);
  const other = await service(record('Alice:x:5001:5001::/home/alice:/bin/bash'));
  assert.equal(await findAccount('alice', undefined, other), undefined);
});

test('an answer that cannot be one is an error, not an account', async () => {
  const answers = [
    'alice:x:-1:5001::/h:/s', 'alice:x:4294967295:5001::/h:/s', 'alice:x:4294967296:5001::/h:/s',
    'alice:x::5001::/h:/s', 'alice:x:5001:-1::/h:/s', 'alice:x:5001:4294967296::/h:/s',
    'alice:x:0x10:5001::/h:/s', 'alice:x: 1:5001::/h:/s',
    'alice:x:5001:5001:/h:/s', 'alice:x:5001:5001:a:b:/h:/s', '',
    'alice:x:5001:5001::/h:/s\nalice:x:0:0::/h:/s',
  ];
  for (const answer of answers) {
    const asked = findAccount('alice', undefined, await service(record(answer)));
    await assert.rejects(asked, { code: 'COMMAND_FAILED' }, answer);
  }
  const good = record('alice:x:5001:5001::/h:/s');
  await assert.rejects(findAccount('alice', undefined, await service('exit 1')), /getent ended with 1/);
  await assert.rejects(findAccount('alice', undefined, await service(good, 'echo 1 -1')), /id did not answer/);
  await assert.rejects(findAccount('alice', undefined, await service(good, 'exit 1')), /id did not answer/);
  await assert.rejects(findAccount('alice', undefined, await service(good, 'echo 44')), /was it just changed/);
});

test('a name service that hangs is killed, and so is what it started', async () => {
  const programs = await service('sleep 60 & echo $! > "$(dirname "$0")/sleeper"; wait', '', 300);
  await assert.rejects(findAccount('alice', undefined, programs), /getent did not end within 0\.3 s/);
  const sleeper = Number(await readFile(join(directory, 'sleeper'), 'utf8'));
  await until('its end', () => !isRunning(sleeper));
});

test('a system without the programs says so', async () => {
  const programs = { getent: ['/nowhere/getent'], id: [], timeoutMs: 1_000 };
  await assert.rejects(findAccount('alice', undefined, programs), /there is none of \/nowhere\/getent/);
});

test('nobody is mapped to the account that the endpoint runs as, by name or by number', () => {
  assert.equal(refusalOf(ALICE, ROOT), undefined);
  const remedies = /the endpoint itself runs as \(root, uid 0\).*without privileges.*identity_mapping_config_path/;
  assert.match(refusalOf({ ...ALICE, name: 'toor', uid: 0 }, ROOT) ?? '', remedies);
  assert.match(refusalOf({ ...ALICE, name: 'root' }, ROOT) ?? '', remedies);
  assert.match(refusalOf({ ...ALICE, uid: 0 }, { ...ROOT, uid: 7, name: 'svc' }) ?? '', /nobody's tasks run as root/);
});

test('numbers that are not a person\'s are refused', () => {
  const cases: readonly (readonly [Partial<Account>, RegExp])[] = [
    [{ uid: 999 }, /below minimum_uid \(1000\): an account of the system.*config\.yaml/],
    [{ uid: 65_534 }, /stands for ids that cannot be shown/],
    [{ uid: 2 ** 31 }, /negative number/], [{ uid: 2 ** 32 - 1 }, /no id of an account/], [{ uid: -1 }, /no id/],
    [{ uid: 2 ** 32 }, /no id/], [{ uid: 1.5 }, /no id/], [{ uid: Number.NaN }, /no id/],
    [{ gid: 0, groups: [0] }, /primary group of alice is 0/], [{ groups: [5001, 0] }, /in group 0, root's/],
    [{ groups: [5001, 2 ** 31] }, /in group 2147483648, which some/],
  ];
  for (const [changed, expected] of cases) assert.match(refusalOf({ ...ALICE, ...changed }, ROOT) ?? '', expected);
  assert.equal(refusalOf({ ...ALICE, uid: 33 }, { ...ROOT, minimumUid: 1 }), undefined, 'unless it is allowed');
});

test('the accounts of this machine are found, and root is refused', async () => {
  const root = await findAccount('root');
  assert.deepEqual([root?.uid, root?.gid, root?.groups.includes(0)], [0, 0, true]);
  assert.notEqual(root && refusalOf(root, ROOT), undefined);
  const daemon = await findAccount('daemon');
  assert.match(daemon && refusalOf(daemon, ROOT) || '', /an account of the system/);
  assert.equal(await findAccount('swyt-there-is-none'), undefined);
});
