// Tokens: how programs get them, how long they are good, and that they are written down nowhere.

import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { testService, type TestService, type User } from '../service.ts';
import { until } from './harness.ts';

const COMPUTE = 'https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all';
const MANAGE = 'urn:globus:auth:scope:auth.globus.org:manage_projects';

suite('tokens of the service', () => {
  let service: TestService;
  let alice: User;
  let bob: User;

  before(async () => {
    service = await testService();
    alice = await service.user('alice@example.org');
    bob = await service.user('bob@example.org');
  });
  after(() => service[Symbol.asyncDispose]());

  const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    service.ask('POST', path, {
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  const basic = (id: string, secret: string) =>
    ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
  const credentials = (user: User, scope: string, secret = user.token) =>
    form('/v2/oauth2/token', { grant_type: 'client_credentials', scope }, basic(user.identity, secret));
  const works = async (token: string) => (await service.ask('GET', '/v2/endpoints', { as: token })).status;

  /** A log-in with the pages, up to the code. */
  const codeFor = async (user: User, challenge: string, scope: string): Promise<string> => {
    const query = new URLSearchParams({
      client_id: randomClient, redirect_uri: `${service.url}/v2/web/auth-code`, scope, state: '_default',
      response_type: 'code',
      code_challenge: challenge, code_challenge_method: 'S256', access_type: 'offline',
    });
    const page = await service.ask('GET', `/v2/oauth2/authorize?${query.toString()}`);
    assert.equal(page.status, 200);
    const answer = await form('/v2/oauth2/authorize', {
      ...Object.fromEntries(query), login_username: user.username, login_token: user.token,
    });
    return /<code>([^<]+)</.exec(answer.text)?.[1] ?? '';
  };
  const randomClient = randomUUID();
  const exchange = (code: string, verifier: string, extra: Record<string, string> = {}) => form('/v2/oauth2/token', {
    grant_type: 'authorization_code', client_id: randomClient, code, code_verifier: verifier,
    redirect_uri: `${service.url}/v2/web/auth-code`, ...extra,
  });
  const pair = () => {
    const verifier = randomBytes(32).toString('base64url');
    return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
  };

  test('an identity with its token as the secret gets one token for each server', async () => {
    const { status, body, headers } = await credentials(alice, `${COMPUTE} ${COMPUTE}`);
    assert.equal(status, 200);
    const { access_token: token, ...rest } = body;
    assert.deepEqual(rest, {
      scope: COMPUTE, expires_in: 172_800, token_type: 'Bearer', resource_server: 'funcx_service', other_tokens: [],
    });
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(await works(token as string), 200);
    const agent = await credentials(alice, `openid openid ${MANAGE}`);
    assert.deepEqual([agent.body.resource_server, agent.body.scope], ['auth.globus.org', `openid ${MANAGE}`]);
    const me = await service.ask('GET', '/v2/oauth2/userinfo', { as: agent.body.access_token as string });
    assert.deepEqual([me.body.sub, me.body.preferred_username, me.body.identity_set[0].sub],
      [alice.identity, alice.username, alice.identity]);
    const wrong = await service.ask('GET', '/v2/endpoints', { as: agent.body.access_token as string });
    assert.deepEqual([wrong.status, wrong.body.code], [403, 'INSUFFICIENT_AUTH_SCOPE']);
  });

  test('who it is not, gets nothing, and everybody the same nothing', async () => {
    const answers = [
      await credentials(alice, COMPUTE, 'wrong'), await credentials(alice, COMPUTE, bob.token),
      await credentials({ ...alice, identity: randomUUID() }, COMPUTE),
    ];
    for (const { status, body } of answers) assert.deepEqual([status, body.error], [401, 'invalid_client']);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    const scope = await credentials(alice, 'urn:everything');
    assert.deepEqual([scope.status, scope.body.error], [400, 'invalid_scope']);
    const grant = await form('/v2/oauth2/token', { grant_type: 'password', username: 'alice', password: 'x' });
    assert.equal(grant.status, 400);
    assert.equal((await service.ask('GET', '/v2/oauth2/userinfo', { as: 'wrong' })).status, 401);
  });

  test('a log-in gives a code that is good once, for whoever holds the verifier', async () => {
    const { verifier, challenge } = pair();
    const code = await codeFor(alice, challenge, `openid ${COMPUTE}`);
    const { status, body, text } = await exchange(code, verifier);
    assert.equal(status, 200, text);
    const servers = [body, ...body.other_tokens];
    assert.deepEqual(new Set(servers.map((one) => one.resource_server)), new Set(['auth.globus.org', 'funcx_service']));
    for (const one of servers) assert.equal(typeof one.refresh_token, 'string');
    const claims = JSON.parse(Buffer.from((body.id_token as string).split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual([claims.sub, claims.aud], [alice.identity, randomClient]);
    assert.deepEqual(
      [(await exchange(code, verifier)).status, (await exchange(code, verifier)).body.error], [400, 'invalid_grant'],
    );

    const stolen = await codeFor(alice, challenge, COMPUTE);
    assert.equal((await exchange(stolen, pair().verifier)).status, 400);
    assert.equal((await exchange(stolen, verifier)).status, 400, 'a wrong guess uses it up');
    assert.equal(
      (await exchange(await codeFor(alice, challenge, COMPUTE), verifier, { client_id: randomUUID() })).status, 400,
    );

    const compute = servers.find((one) => one.resource_server === 'funcx_service');
    const renewed = await form('/v2/oauth2/token', {
      grant_type: 'refresh_token', client_id: randomClient, refresh_token: compute.refresh_token,
    });
    assert.deepEqual(
      [renewed.status, renewed.body.resource_server, renewed.body.other_tokens], [200, 'funcx_service', []],
    );
    assert.deepEqual(
      [await works(renewed.body.access_token as string), await works(compute.access_token as string)], [200, 200],
    );
    assert.equal(await works(compute.refresh_token as string), 401, 'a refresh token opens nothing');

    await form('/v2/oauth2/token/revoke', { token: renewed.body.access_token, client_id: randomClient });
    assert.equal(await works(renewed.body.access_token as string), 401);
    await form('/v2/oauth2/token/revoke', { token: compute.refresh_token, client_id: randomClient });
    assert.equal((await form('/v2/oauth2/token', {
      grant_type: 'refresh_token', client_id: randomClient, refresh_token: compute.refresh_token,
    })).status, 400);
  });

  test('the pages give nothing away and run nothing that was put into them', async () => {
    const page = await service.ask('GET', '/v2/oauth2/authorize?state="><script>alert(1)</script>&client_id=x');
    assert.ok(!page.text.includes('<script>'));
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/);
    const wrong = await form(
      '/v2/oauth2/authorize', { login_username: alice.username, login_token: bob.token, client_id: 'x' },
    );
    assert.equal(wrong.status, 401);
    assert.ok(!wrong.text.includes(bob.token));
    const { challenge } = pair();
    const away = await form('/v2/oauth2/authorize', {
      login_username: alice.username, login_token: alice.token, client_id: randomClient, response_type: 'code',
      scope: COMPUTE,
      redirect_uri: 'https://attacker.example/steal', code_challenge: challenge, code_challenge_method: 'S256',
      state: 's',
    });
    assert.deepEqual([away.status, away.headers.get('location'), /<code>/.test(away.text)], [400, null, false]);
    const open = await form('/v2/oauth2/authorize', {
      login_username: alice.username, login_token: alice.token, client_id: randomClient, response_type: 'code',
      scope: COMPUTE,
      redirect_uri: `${service.url}/v2/web/auth-code`, state: 's',
    });
    assert.equal(open.status, 400, 'a program without a secret needs a challenge');
  });

  test('a token that is withdrawn takes with it what programs got for it', async () => {
    const carol = await service.user();
    const { body } = await credentials(carol, COMPUTE);
    assert.deepEqual([await works(carol.token), await works(body.access_token as string)], [200, 200]);
    assert.equal((await service.admin('DELETE', `tokens/${carol.token_id}`)).status, 200);
    assert.deepEqual([await works(carol.token), await works(body.access_token as string)], [401, 401]);
    assert.equal((await credentials(carol, COMPUTE)).status, 401);
  });

  test('tokens expire', async () => {
    await using hasty = await testService({ keys: { access_token_hours: 2 / 3600 } });
    const dave = await hasty.user();
    const { body } = await hasty.ask('POST', '/v2/oauth2/token', {
      body: `grant_type=client_credentials&scope=${encodeURIComponent(COMPUTE)}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(dave.identity, dave.token) },
    });
    const state = async () => (await hasty.ask('GET', '/v2/endpoints', { as: body.access_token as string })).status;
    assert.equal(await state(), 200);
    await until('its end', async () => await state() === 401);
    assert.equal((await hasty.ask('GET', '/v2/endpoints', { as: dave.token })).status, 200);
  });

  test('no token is in the database’s files or in the log', async () => {
    const { body } = await credentials(alice, COMPUTE);
    const secrets = [alice.token, body.access_token as string];
    const directory = join(service.directory, 'database');
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true })) {
      if (!name.isFile()) continue;
      const bytes = readFileSync(join(name.parentPath, name.name), 'latin1');
      for (const secret of secrets) assert.ok(!bytes.includes(secret), `in ${name.name}`);
    }
    for (const secret of secrets) assert.ok(!service.log().includes(secret));
  });
});
