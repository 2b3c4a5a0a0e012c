import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { scratch } from '../../fakes/scratch.ts';
import {
  hasClient, readCredentials, removeCredentials, serviceUrl, tokenSource, writeCredentials,
} from '../../../src/sdk/credentials.ts';

test('the service is the one that was given, else the environment’s, else this machine’s', () => {
  const environment = { SWITCHYARD_SERVICE_URL: 'https://compute.example.org/' };
  assert.equal(serviceUrl('http://localhost:1/', environment), 'http://localhost:1');
  assert.equal(serviceUrl(undefined, environment), 'https://compute.example.org');
  assert.equal(serviceUrl(undefined, { SWITCHYARD_SERVICE_URL: '' }), 'http://localhost:5000');
  for (const bad of ['localhost:5000', 'ftp://x', '']) assert.throws(() => serviceUrl(bad), { code: 'CONFIG_INVALID' });
});

test('one token is kept for each service, for their user alone', async () => {
  await using files = await scratch();
  const file = files.at('home/.switchyard/credentials.json');
  assert.equal(await readCredentials('http://a', file), undefined);
  await writeCredentials('http://a/', { token: '1', username: 'alice@example.org' }, file);
  await writeCredentials('http://b', { token: '2' }, file);
  await writeCredentials('http://a', { token: '3' }, file);
  assert.deepEqual([await readCredentials('http://a', file), await readCredentials('http://b/', file)],
    [{ token: '3' }, { token: '2' }]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const removed = [await removeCredentials('http://a', file), await removeCredentials('http://a', file)];
  assert.deepEqual(removed, [true, false]);
  assert.deepEqual([await readCredentials('http://a', file), await readCredentials('http://b', file)],
    [undefined, { token: '2' }]);
});

test('a file that cannot be understood is refused, and not written over', async () => {
  await using files = await scratch();
  const file = files.at('credentials.json');
  for (const text of ['', '{', '[]', '{"services":1}', 'null']) {
    await writeFile(file, text);
    await assert.rejects(readCredentials('http://a', file), { code: 'CONFIG_INVALID' }, text);
    await assert.rejects(writeCredentials('http://a', { token: '1' }, file), { code: 'CONFIG_INVALID' }, text);
  }
});

test('half of a client is refused, and a given token is the one', async () => {
  assert.throws(() => tokenSource('http://a', undefined, { GLOBUS_COMPUTE_CLIENT_SECRET: 's' }),
    /GLOBUS_COMPUTE_CLIENT_ID is not/);
  assert.equal(hasClient({ GLOBUS_COMPUTE_CLIENT_ID: 'i', GLOBUS_COMPUTE_CLIENT_SECRET: 's' }), true);
  assert.equal(hasClient({ GLOBUS_COMPUTE_CLIENT_ID: 'i' }), false);
  const given = tokenSource('http://a', 'mine', { GLOBUS_COMPUTE_CLIENT_ID: 'i', GLOBUS_COMPUTE_CLIENT_SECRET: 's' });
  assert.deepEqual([await given.token(), given.forget('mine')], ['mine', false]);
});
