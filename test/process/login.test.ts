// `switchyard login`, `whoami` and `logout` against a real service.

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { testService, type TestService, type User } from '../service.ts';
import { start, switchyard, type Ended } from './command.ts';
import { until } from './harness.ts';

suite('who this machine is to the service', () => {
  let service: TestService;
  let user: User;
  before(async () => {
    service = await testService();
    user = await service.user('alice@example.org');
  });
  after(async () => { await service[Symbol.asyncDispose](); });

  const as = (directory: string, env: Readonly<Record<string, string>> = {}) =>
    async (args: readonly string[], input = ''): Promise<Ended> => await switchyard(args, {
      cwd: directory, input, env: { SWITCHYARD_SERVICE_URL: service.url, ...env },
    });

  /** What a person does with the address that the command prints: logs in there, and copies the code. */
  const codeFrom = async (text: string): Promise<string> => {
    const url = new URL(/^http\S+\/v2\/oauth2\/authorize\?\S+$/m.exec(text)?.[0] ?? '');
    const form = new URLSearchParams([
      ...url.searchParams, ['login_username', user.username], ['login_token', user.token],
    ]);
    const page = await service.ask('POST', url.pathname, {
      body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    return /<code>([^<]+)<\/code>/.exec(page.text)?.[1] ?? '';
  };

  test('with a code that is copied by hand, until the log-out gives it back', async () => {
    await using files = await scratch();
    const command = as(files.path);
    const says = async (args: readonly string[], status: number, text: RegExp) => {
      const ended = await command(args);
      assert.equal(ended.status, status, ended.stderr);
      assert.match(status === 0 ? ended.stdout : ended.stderr, text);
    };
    await says(['whoami'], 77, /there is no token for the service at .*: log in with switchyard login/);
    await says(['login'], 77, /there was no code on standard input: log in at a terminal, or with --token/);

    await using login = start(['login'], { cwd: files.path, env: { SWITCHYARD_SERVICE_URL: service.url } });
    await until('the question', () => login.texts.stderr.endsWith('Enter the resulting Authorization Code here: '));
    login.child.stdin?.write(`${await codeFrom(login.texts.stderr)}\n`);
    const ended = await login.ended;
    assert.deepEqual([ended.status, ended.stdout], [0, `Logged in to ${service.url} as alice@example.org\n`]);
    const path = files.at('.switchyard/credentials.json');
    assert.equal(statSync(path).mode & 0o777, 0o600);

    await says(['whoami'], 0, new RegExp(`^USERNAME .*\nalice@example.org .*${user.identity}`));
    await says(['endpoint', 'whoami', '--json', '--linked-identities'], 0, new RegExp(`"id":"${user.identity}"`));
    await says(['login'], 0, /^Already logged in\. Use --force to run login flow anyway/);

    // A token ends long before a log-in does: another takes its place.
    const first = readFileSync(path, 'utf8');
    writeFileSync(path, first.replace(/"expires": \d+/, '"expires": 1'));
    await says(['whoami'], 0, /^alice@example\.org/m);
    const text = readFileSync(path, 'utf8');
    assert.notEqual(/"token": "([^"]+)"/.exec(text)?.[1], /"token": "([^"]+)"/.exec(first)?.[1]);
    await service.ask('POST', '/v2/oauth2/token/revoke', {
      body: `token=${/"token": "([^"]+)"/.exec(text)?.[1]}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    await says(['whoami'], 0, /^alice@example\.org/m);
    const tokens = [...readFileSync(path, 'utf8').matchAll(/swy_[\w-]+/g)].map(([token]) => token);
    assert.ok(!tokens.includes(user.token), 'what a person typed elsewhere is not kept');
    await says(['logout'], 0, /^Logout succeeded and all cached credentials were revoked/);
    assert.doesNotMatch(readFileSync(path, 'utf8'), /swy_/);
    assert.equal(new Set(tokens).size, 2);
    for (const token of tokens) {
      assert.equal((await service.ask('GET', '/v2/oauth2/userinfo', { as: token })).status, 401);
    }
    await says(['logout'], 0, /^Nobody was logged in/);
  });

  test('a wrong code, a wrong token, and a service that is not there are told apart', async () => {
    await using files = await scratch();
    const command = as(files.path);
    const refused = async (ended: Promise<Ended>, status: number, text: RegExp) => {
      const { status: found, stderr, stdout } = await ended;
      assert.deepEqual([found, stdout], [status, ''], stderr);
      assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', text);
    };
    await refused(command(['login'], 'wrong\n'), 77, /does not take this code: it is wrong, was used before/);
    await refused(command(['login', '--token'], 'wrong\n'), 77, /does not know this token/);
    await refused(command(['login', '--token'], '\n'), 64, /there was no token on standard input/);
    const absent = as(files.path, { SWITCHYARD_SERVICE_URL: 'http://127.0.0.1:1' });
    await refused(absent(['login', '--token'], 'any\n'), 75, /the service at http:\/\/127.0.0.1:1 cannot be reached/);
    await refused(absent(['login'], 'any\n'), 75, /cannot be reached: is it running/);
    const odd = as(files.path, { SWITCHYARD_SERVICE_URL: 'localhost' });
    await refused(odd(['whoami']), 64, /the service's URL is localhost/);
    await refused(command(['login', 'token']), 64, /too many arguments/);
  });

  test('with a token that an administrator gave out; a client in the environment comes before it', async () => {
    await using files = await scratch();
    const command = as(files.path);
    const { status, stdout, stderr } = await command(['endpoint', 'login', '--token', '--json'], `${user.token}\n`);
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { service: service.url, username: 'alice@example.org', id: user.identity });
    assert.ok(!stderr.includes(user.token));

    const bob = await service.user('bob@example.org');
    const client = as(files.path, {
      GLOBUS_COMPUTE_CLIENT_ID: bob.identity, GLOBUS_COMPUTE_CLIENT_SECRET: bob.token,
    });
    assert.match((await client(['whoami'])).stdout, /^bob@example\.org/m);
    assert.match((await client(['login'])).stderr, /say who you are: there is nothing to log in for/);
    assert.match((await command(['whoami'])).stdout, /^alice@example\.org/m);
    const wrong = await as(files.path, {
      GLOBUS_COMPUTE_CLIENT_ID: bob.identity, GLOBUS_COMPUTE_CLIENT_SECRET: 'wrong',
    })(['whoami']);
    assert.equal(wrong.status, 77, wrong.stderr);

    const out = await command(['logout']);
    assert.match(out.stdout, /no longer on this machine\. It is good until an administrator withdraws it/);
    assert.equal((await command(['whoami'])).status, 77);
    assert.equal((await service.ask('GET', '/v2/oauth2/userinfo', { as: user.token })).status, 200);
  });

  test('a token that was withdrawn is unknown; once one has ended, a log-in needs no force', async () => {
    await using files = await scratch();
    const carol = await service.user();
    const command = as(files.path);
    assert.equal((await command(['login', '--token'], `${carol.token}\n`)).status, 0);
    assert.equal((await service.admin('DELETE', `tokens/${carol.token_id}`)).status, 200);
    const refused = await command(['whoami']);
    assert.equal(refused.status, 77);
    assert.match(refused.stderr, /does not know this token: log in again with switchyard login/);
    const again = await command(['login', '--token', '--force'], `${user.token}\n`);
    assert.equal(again.status, 0, again.stderr);
    const path = files.at('.switchyard/credentials.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"token"', '"expires": 1, "token"'));
    assert.match((await command(['login', '--token'], `${user.token}\n`)).stdout, /^Logged in/);
  });
});
