// Small decisions of the service, each by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cache } from '../../../src/service/cache.ts';
import { parseServiceConfig } from '../../../src/service/config.ts';
import { readsRuntime } from '../../../src/service/endpoints.ts';
import { idOf, newId } from '../../../src/service/ids.ts';
import { byServer, COMPUTE_SCOPE } from '../../../src/service/oauth/scopes.ts';
import { failedBody, Refusal } from '../../../src/service/refusal.ts';
import { isFull, storageError } from '../../../src/service/storage-error.ts';
import { digestOf, freshToken, sameSecret } from '../../../src/service/tokens.ts';
import { childId } from '../../../src/service/wish.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('new ids are UUIDs that sort by their time; derived ones are the same for the same data', () => {
  const ids = [1_000, 2_000, 1_795_275_740_641].map(newId);
  for (const id of ids) assert.match(id, UUID);
  assert.deepEqual([...ids].sort(), ids);
  assert.notEqual(newId(5), newId(5));
  assert.match(idOf({ a: 1 }), UUID);
  assert.equal(idOf({ a: [1, { b: 2n, c: 3 }], d: null }), idOf({ d: null, a: [1, { c: 3, b: 2n }] }));
  assert.notEqual(idOf({ a: 12345678901234567890n }), idOf({ a: 12345678901234567891n }));
});

test('a user’s computers share an endpoint; other options, users or Pythons have their own', () => {
  const wish = {
    identity: { id: 'i', username: 'u', fullName: '', email: '' }, options: { a: 1 },
    runtime: {
      globus_compute_sdk_version: '4.19.0', python: { version_tuple: [3, 11, 7] }, platform: { node: 'laptop' },
    },
  };
  const same = childId('m', { ...wish, runtime: { ...wish.runtime, platform: { node: 'desktop' } } });
  assert.equal(childId('m', wish), same);
  const others = [
    childId('n', wish), childId('m', { ...wish, options: { a: 2 } }),
    childId('m', { ...wish, identity: { ...wish.identity, id: 'j' } }),
    childId('m', { ...wish, runtime: { ...wish.runtime, python: { version_tuple: [3, 12, 0] } } }),
  ];
  assert.equal(new Set([same, ...others]).size, 5);
});

test('versions of Python tell user endpoints apart only where the template can', () => {
  const reads = (template: unknown): boolean => readsRuntime({
    metadata: JSON.stringify({ user_config_template: template }),
  });
  for (const template of [
    'engine: {{ user_runtime.python_version }}', "{{ _GC['user_runtime'] }}", "{%- include 'site.yaml' %}",
    "{% from 'site.yaml' import engine %}", undefined,
  ]) assert.ok(reads(template), String(template));
  for (const template of ['engine: {}', 'account: {{ ACCOUNT }} # an important one', '']) assert.ok(!reads(template));
});

test('a cache keeps what was used last and never more than fits', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 6 }))), (
    writes,
  ) => {
    const cache = new Cache<number>(10);
    for (const [key, size] of writes) cache.set(key, size, size);
    const kept = ['a', 'b', 'c', 'd'].map((key) => cache.get(key) ?? 0);
    assert.ok(kept.reduce((sum, size) => sum + size, 0) <= 10);
    const last = writes.at(-1);
    if (last !== undefined) assert.equal(cache.get(last[0]), last[1]);
  }));
});

test('what is refused is refused for good: clients repeat a request for some statuses', () => {
  const body = failedBody(new Refusal('STORAGE_FULL', 'text', ['x']));
  assert.deepEqual(body, {
    status: 'Failed', code: 'STORAGE_FULL', error_args: ['x'], http_status_code: 507, detail: 'text', reason: 'text',
  });
});

test('a database without room is told from one that failed', () => {
  const failures: [object, boolean][] = [
    [{ code: '53100' }, true], [{ code: 'ENOSPC' }, true],
    [{ message: 'could not extend file "x": No space left on device' }, true],
    [{ code: '23505', message: 'duplicate' }, false], [{}, false],
  ];
  for (const [cause, full] of failures) assert.equal(isFull(storageError(cause)), full, JSON.stringify(cause));
  assert.equal(storageError({ code: '23505' }).details['state'], '23505');
});

test('scopes go to the server that they are for; one that is not known spoils all', () => {
  assert.deepEqual(byServer(['openid', COMPUTE_SCOPE, 'openid']), [
    { resourceServer: 'funcx_service', scopes: [COMPUTE_SCOPE] }, {
      resourceServer: 'auth.globus.org', scopes: ['openid'],
    },
  ]);
  assert.deepEqual(byServer([]), []);
  assert.equal(byServer([COMPUTE_SCOPE, 'other']), undefined);
});

test('tokens are chance, and only their digest is kept', () => {
  const [one, other] = [freshToken(), freshToken()];
  assert.notEqual(one, other);
  assert.match(one, /^swy_[\w-]{43}$/);
  assert.match(digestOf(one), /^[0-9a-f]{64}$/);
  assert.deepEqual([sameSecret(one, one), sameSecret(one, other), sameSecret(one, '')], [true, false, false]);
});

test('the configuration is complete, and says what is wrong with it', () => {
  const { broker, ...config } = parseServiceConfig({ data_directory: '/srv/x' });
  assert.deepEqual(broker, {
    directory: '/srv/x/broker', host: '127.0.0.1', port: undefined, public_host: undefined, program: undefined,
  });
  assert.deepEqual([config.host, config.port, config.databaseUrl, config.publicUrl], ['127.0.0.1', 5000, null, null]);
  const given = parseServiceConfig(
    { data_directory: 'x', broker: { url: 'amqps://u:p@host/v' }, public_url: 'https://x/' },
  );
  assert.deepEqual(
    given.broker, { url: 'amqps://u:p@host/v', management_url: 'https://u:p@host:15671', public_url: undefined },
  );
  assert.equal(given.publicUrl, 'https://x');
  const wrong: [object, RegExp][] = [
    [{}, /data_directory is missing/], [{ data_directory: 'x', prot: 1 }, /unknown key prot; did you mean port/],
    [{ data_directory: 'x', database_url: 'mysql://x' }, /expected a URL like postgres/],
    [{ data_directory: 'x', task_retention_days: 0 }, /task_retention_days/],
  ];
  for (const [keys, text] of wrong) assert.throws(() => parseServiceConfig(keys), text);
});
