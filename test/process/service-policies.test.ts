// Authentication policies: who makes them, which endpoints may name them, and whom they keep out.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { Client } from '../../src/sdk/client.ts';
import { beginLogIn, finishLogIn } from '../../src/sdk/log-in.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { functionOf, testService, type Reply, type TestService, type User } from '../service.ts';
import { until } from './harness.ts';

const MANAGE = 'urn:globus:auth:scope:auth.globus.org:manage_projects';
const COMPUTE = 'https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all';

suite('authentication policies', () => {
  let service: TestService;
  let admin: User;
  let scholar: User;
  let guest: User;

  before(async () => {
    service = await testService();
    admin = await service.user('admin@site.example.edu');
    scholar = await service.user('scholar@cs.example.edu');
    guest = await service.user('guest@elsewhere.org');
  });
  after(() => service[Symbol.asyncDispose]());

  const create = (policy: Record<string, unknown>, as = admin.token): Promise<Reply> =>
    service.ask('POST', '/v2/api/policies', { as, body: { policy: { display_name: 'P', ...policy } } });
  const made = async (policy: Record<string, unknown>): Promise<string> => {
    const { status, body, text } = await create(policy);
    assert.equal(status, 200, text);
    return body.policy.id as string;
  };
  const register = (policy: string, extra: Record<string, unknown> = {}): Promise<Reply> =>
    service.ask('POST', '/v3/endpoints', { as: admin.token, body: {
      endpoint_name: 'limited', multi_user: true, metadata: {}, authentication_policy: policy, ...extra,
    } });
  const endpointWith = async (policy: string): Promise<string> => {
    const { status, body, text } = await register(policy);
    assert.equal(status, 200, text);
    return body.endpoint_id as string;
  };
  const submit = async (endpoint: string, user: User, token = user.token): Promise<Reply> => {
    const fn = await functionOf(service, user);
    return await service.ask('POST', `/v3/endpoints/${endpoint}/submit`, {
      as: token, body: { tasks: { [fn]: ['x'] }, create_queue: false },
    });
  };
  const logIn = async (user: User): Promise<string> => {
    const begun = beginLogIn(service.url);
    const form = new URLSearchParams(new URL(begun.url).search);
    form.set('login_username', user.username);
    form.set('login_token', user.token);
    const page = await service.ask('POST', '/v2/oauth2/authorize', {
      body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const code = /<code>([^<]+)</.exec(page.text)?.[1] ?? '';
    return (await finishLogIn(service.url, begun, code, Date.now() / 1000)).token;
  };
  const loggedInS = async (token: string): Promise<number> =>
    (await service.ask('GET', '/v2/oauth2/userinfo', { as: token })).body.identity_set[0].last_authentication as number;

  test('the SDK creates, shows, lists and deletes those of its user, and nobody else’s', async () => {
    const client = new Client({ serviceUrl: service.url, token: scholar.token });
    const projectId = randomUUID();
    const { id } = await client.createAuthPolicy({
      displayName: 'Só', description: 'D', projectId, allowedDomains: ['*.Example.edu', 'example.edu'],
      excludedDomains: ['x.example.edu'], authTimeoutS: 3600, highAssurance: true,
    });
    const policy = {
      id, displayName: 'Só', description: 'D', allowedDomains: ['*.example.edu', 'example.edu'],
      excludedDomains: ['x.example.edu'], authTimeoutS: 3600, highAssurance: true,
    };
    assert.deepEqual(await client.authPolicy(id), policy);
    assert.deepEqual(await client.authPolicies(), [policy]);
    const others = new Client({ serviceUrl: service.url, token: guest.token });
    assert.deepEqual(await others.authPolicies(), []);
    for (const ask of [() => others.authPolicy(id), () => others.deleteAuthPolicy(id)]) {
      await assert.rejects(ask, { code: 'SERVICE_REFUSED', message: /policy \S+ could not be resolved/ });
    }
    await client.deleteAuthPolicy(id);
    assert.deepEqual(await client.authPolicies(), []);
    await assert.rejects(client.authPolicy(id), /could not be resolved/);
  });

  test('what nobody could meet, or nobody could read, is not created', async () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ required_mfa: true }, /met by nobody, because this service knows no second factor/],
      [{ authentication_assurance_timeout: 0 }, /0 s could be met by nobody: give .* at least 1 s/],
      [{ domain_constraints_include: ['ok.org', '*edu'] }, /constraints_include has "\*edu", which is no domain/],
      [{ domain_constraints_exclude: ['a@b.org'] }, /domain_constraints_exclude has "a@b.org"/],
    ];
    for (const [policy, text] of wrong) {
      const { status, body } = await create(policy);
      assert.deepEqual([status, body.code], [422, 'SEMANTICALLY_INVALID']);
      assert.match(body.detail as string, text);
    }
    assert.equal((await create({ authentication_assurance_timeout: -1 })).status, 422);
    assert.equal((await create({}, 'nobody')).status, 401);
  });

  test('the field’s agents create them with the token that they have for that', async () => {
    const tokenFor = async (scope: string): Promise<string> => (await service.ask('POST', '/v2/oauth2/token', {
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${admin.identity}:${admin.token}`).toString('base64')}`,
      },
    })).body.access_token as string;
    assert.equal((await create({}, await tokenFor(MANAGE))).status, 200);
    assert.equal((await create({}, await tokenFor(COMPUTE))).status, 200);
    assert.deepEqual([(await create({}, await tokenFor('openid'))).body.code], ['INSUFFICIENT_AUTH_SCOPE']);
  });

  test('an endpoint names a policy of its owner’s, or is not registered', async () => {
    const unknown = randomUUID();
    const theirs = (await create({}, guest.token)).body.policy.id as string;
    const answers = [await register(unknown), await register(theirs)];
    for (const { status, body } of answers) {
      assert.deepEqual([status, body.code], [422, 'SEMANTICALLY_INVALID']);
      assert.match(body.detail as string, /there is no authentication policy \S+ of yours: create it first/);
    }
    assert.equal(answers[0]?.text.replaceAll(unknown, ''), answers[1]?.text.replaceAll(theirs, ''), 'no difference');
    const plain = await made({});
    assert.match((await register(plain, { high_assurance: true })).body.detail as string, /not a High Assurance one/);
    const assured = await made({ high_assurance: true });
    assert.equal((await register(assured.toUpperCase(), { high_assurance: true })).status, 200);
  });

  test('only users of allowed domains submit, and whoever may not learns which rule it was', async () => {
    const policy = await made({
      display_name: 'Scholars', domain_constraints_include: ['*.example.edu'],
      domain_constraints_exclude: ['site.example.edu'],
    });
    const endpoint = await endpointWith(policy);
    assert.equal((await submit(endpoint, scholar)).status, 200);
    const kept: [User, string][] = [
      [guest, 'guest@elsewhere.org is not of one of its allowed domains. Use an identity that is, or ask its owner'],
      [admin, 'admin@site.example.edu is of a domain that it excludes. Use another identity, or ask its owner'],
    ];
    for (const [user, rule] of kept) {
      const text = `Endpoint ${endpoint} is limited by the authentication policy "Scholars" (${policy}): ${rule}`;
      const { status, body } = await submit(endpoint, user);
      assert.deepEqual([status, body], [403, {
        status: 'Failed', code: 'ENDPOINT_ACCESS_FORBIDDEN', error_args: [endpoint, policy], http_status_code: 403,
        detail: text, reason: text,
      }]);
      assert.ok(service.log().includes(`"user":"${user.username}","rule":"`), 'its administrator can see it, too');
    }

    const inUse = await service.ask('DELETE', `/v2/api/policies/${policy}`, { as: admin.token });
    assert.deepEqual([inUse.status, inUse.body.code], [409, 'RESOURCE_CONFLICT']);
    assert.ok((inUse.body.detail as string).includes(`in use by endpoints: limited (${endpoint}). Delete them`));
    const again = { as: admin.token, body: { endpoint_name: 'limited', multi_user: true, metadata: {} } };
    assert.equal((await service.ask('PUT', `/v3/endpoints/${endpoint}`, again)).status, 200);
    assert.equal((await submit(endpoint, guest)).status, 200, 'it has no policy any more');
    assert.equal((await service.ask('DELETE', `/v2/api/policies/${policy}`, { as: admin.token })).status, 200);
  });

  test('where a log-in counts for some time, one that is older is asked for again', async () => {
    const policy = await made({ display_name: 'Fresh', authentication_assurance_timeout: 2 });
    const endpoint = await endpointWith(policy);
    const late = await until('a token that is too old', async () => {
      const answer = await submit(endpoint, scholar);
      return answer.status === 403 && answer;
    });
    const { code, detail, authorization_parameters: parameters } = late.body;
    assert.equal(code, 'ENDPOINT_ACCESS_FORBIDDEN');
    assert.match(detail as string,
      /: it asks for a log-in within the last 2 s, and yours was \d+ s ago\. Log in again \(switchyard login\)$/);
    assert.deepEqual(parameters, {
      session_message: detail, session_required_policies: [policy], prompt: 'login',
    });
    // Two seconds may be short on a busy machine: then once more.
    await until('a log-in that is new enough', async () =>
      (await submit(endpoint, scholar, await logIn(scholar))).status === 200);
    const given = await loggedInS(scholar.token);
    assert.ok(await loggedInS(await logIn(scholar)) > given);
  });

  test('an endpoint with a policy serves nobody by another door', async () => {
    const policy = await made({ domain_constraints_include: ['example.edu'] });
    await using endpoint = await StandInEndpoint.register(service, admin, { body: {
      public: true, authentication_policy: policy,
    } });
    assert.equal((await submit(endpoint.id, admin)).status, 403, 'its owner is a user, too');
    const runner = new Client({ serviceUrl: service.url, token: admin.token });
    const fn = await runner.registerFunction((x: number) => x);
    await assert.rejects(runner.run(endpoint.id, fn, 1), (error: Error) => {
      assert.match(error.message, /refused: Endpoint \S+ is limited by .* is not of one of its allowed domains/);
      return true;
    });
  });
});
