// `switchyard endpoint map`, with an account that really is there.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { exec } from '../../src/common/exec.ts';
import { scratch } from '../fakes/scratch.ts';
import { switchyard, type Ended } from './command.ts';

const NAME = `swyt-${randomBytes(4).toString('hex')}`;
const GROUP = `${NAME}-g`;

before(async () => {
  await run('groupadd', GROUP);
  await run('useradd', '-M', '-N', '-G', GROUP, '-s', '/usr/sbin/nologin', NAME);
});
after(async () => {
  await run('userdel', NAME);
  await run('groupdel', GROUP);
});

async function run(...argv: [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await exec(argv, { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`this test makes a local account, as root: ${argv.join(' ')}: ${stderr}`);
  return stdout;
}

const identity = (username: string, status = 'used'): object => ({ id: `id-of-${username}`, username, status });

async function map(
  mappings: readonly object[], identities: unknown, words: readonly string[] = [], keys = '',
): Promise<Ended> {
  await using files = await scratch();
  await mkdir(files.at('site'));
  await writeFile(files.at('site/map.json'),
    JSON.stringify([{ DATA_TYPE: 'expression_identity_mapping#1.0.0', mappings }]));
  await writeFile(files.at('site/config.yaml'), `multi_user: true\nidentity_mapping_config_path: map.json\n${keys}`);
  await writeFile(files.at('identities.json'), JSON.stringify(identities));
  const place = words.includes('site') ? [] : ['--map', 'site/map.json'];
  const args = ['endpoint', 'map', ...words, ...place, '--identities', 'identities.json', '--config-dir', '.'];
  return await switchyard(args, { cwd: files.path });
}

const RULE = { source: '{username}', match: '(.*)@one\\.edu', output: '{0}' };

test('an identity that is somebody here is shown with its rule and its account', async () => {
  const identities = [identity(`${NAME}@two.edu`), identity(`${NAME}@one.edu`), identity('x@one.edu', 'unused')];
  const { status, stdout, stderr } = await map([RULE], identities, ['site']);
  const ids = (await run('id', '-G', NAME)).trim();
  assert.equal(stderr, '');
  assert.equal(stdout, `"${NAME}@two.edu" (id-of-${NAME}@two.edu)
    no mapping matches
"${NAME}@one.edu" (id-of-${NAME}@one.edu)
  → "${NAME}"  mapper 1 of 1 (expression), mapping 1 of 1, "(.*)@one\\\\.edu" → "{0}"
"x@one.edu" (id-of-x@one.edu)
    no mapping matches; its status is "unused", and expressions look only at used and private ones

Local account ${NAME}: uid ${(await run('id', '-u', NAME)).trim()}, gid ${ids.split(' ')[0]}, groups ${ids}, `
    + `home /home/${NAME}, shell /usr/sbin/nologin\nThey may use the endpoint.\n`);
  assert.equal(status, 0);
});

test('which uids are of people is for the endpoint to say', async () => {
  const rule = { ...RULE, match: '.*', output: 'daemon' };
  const found = await map([rule], [identity('alice@one.edu')], ['site'], 'minimum_uid: 1\n');
  assert.match(found.stdout, /\nThey may use the endpoint\.\n$/);
  const refused = await map([rule], [identity('alice@one.edu')], ['site'], 'minimum_uid: 5000\n');
  assert.match(refused.stdout, /endpoint: daemon has uid \d+, which is below minimum_uid \(5000\)/);
});

test('who may not use it learns why, and the exit status says so', async () => {
  const cases: readonly (readonly [name: string, expected: RegExp])[] = [
    ['root', /root \(uid 0\) is the account that the endpoint itself runs as/],
    ['daemon', /daemon has uid \d+, which is below minimum_uid \(1000\)/],
    ['-rf', /"-rf" is no name of an account: it begins with/],
    [`${NAME}x`, /there is no local account/], ['a\u001b[31m\nb', /"a\\u001b\[31m\\nb" is no name of an account/],
  ];
  for (const [name, expected] of cases) {
    const { status, stdout } = await map([{ ...RULE, match: '.*', output: name }], [identity('alice@one.edu')]);
    assert.match(stdout, expected);
    assert.match(stdout, /\nThey may not use the endpoint: /);
    assert.equal(status, 77);
  }
});

test('the same as JSON, of one identity or of what the field\'s authority answers', async () => {
  for (const document of [identity(`${NAME}@one.edu`), { identities: [identity(`${NAME}@one.edu`)] }]) {
    const { stdout } = await map([RULE], document, ['--json']);
    const { chosen, account, refusal } = JSON.parse(stdout) as Record<string, Record<string, unknown> | null>;
    assert.deepEqual([chosen?.['local_name'], account?.['name'], refusal], [NAME, NAME, null]);
  }
});

test('what cannot be read is said', async () => {
  const cases: readonly (readonly [Promise<Ended>, number, RegExp])[] = [
    [map([{ ...RULE, match: '(' }], [identity('a')]), 78, /\(InvalidMappingError\) mapping 1 of 1: .* a \( is not/],
    [map([RULE], []), 64, /identities\.json: expected a JSON list of identities/],
    [map([RULE], ['x']), 64, /expected a JSON list of identities/],
    [map([RULE], [identity('a')], ['nowhere']), 64, /either an endpoint or --map/],
  ];
  for (const [asked, expected, text] of cases) {
    const { status, stderr } = await asked;
    assert.match(stderr, text);
    assert.equal(status, expected);
  }
});
