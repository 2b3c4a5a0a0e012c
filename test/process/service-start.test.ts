// `switchyard service`: starting, not starting, users and tokens from the command line.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { sharedBroker } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { postgresServer } from '../postgres.ts';
import { copyDatabase, testService } from '../service.ts';
import { start, switchyard } from './command.ts';
import { until, within } from './harness.ts';

const START_MS = 60_000;

test('it starts with a file and flags, says where it listens, and ends in order', async () => {
  await using files = await scratch();
  await using broker = await sharedBroker();
  await copyDatabase(files.at('data/database'));
  await writeFile(files.at('service.yaml'), `data_directory: ${files.at('elsewhere')}\nport: 1\nlog_level: debug\n`
    + `broker:\n  management_url: ${broker.managementUrl}\n`);
  await using service = start([
    'service', 'start', '--config', files.at('service.yaml'), '--directory', files.at('data'), '--port', '0',
    '--broker-url', broker.url, '--log-file', files.at('log'),
  ], { cwd: files.path });
  const url = await until('the address', () => /^The service listens at (http:\/\/localhost:\d+)\n$/.exec(
    service.texts.stdout,
  )?.[1],
    START_MS);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal(statSync(files.at('data/service.json')).mode & 0o777, 0o600);
  const { pid } = JSON.parse(readFileSync(files.at('data/service.json'), 'utf8')) as { pid: number };
  assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0.*/s, ''), 'switchyard service');

  const user = async (...args: string[]) => await switchyard(
    ['service', ...args, '--directory', files.at('data')], { cwd: files.path },
  );
  const added = await user('user', 'add', 'alice@example.org', '--name', 'Alice', '--expires', '2');
  assert.equal(added.status, 0, added.stderr);
  const token = /^token {5}(swy_\S+)$/m.exec(added.stdout)?.[1] ?? '';
  const authorization = `Bearer ${token}`;
  const ask = async () => (await fetch(`${url}/v2/endpoints`, { headers: { authorization } })).status;
  assert.equal(await ask(), 200);
  assert.ok(!readFileSync(files.at('log'), 'utf8').includes(token));
  const again = await user('user', 'add', 'alice@example.org');
  assert.deepEqual([again.status, again.stderr.includes('there is a user alice@example.org')], [64, true]);
  assert.match((await user('user', 'add', 'nodomain')).stderr, /username must match/);
  assert.match((await user('user', 'list')).stdout,
    /^alice@example.org {2}[0-9a-f-]{36}\n {2}token [0-9a-f-]{36}, good until \d{4}/);
  const another = (await user('token', 'add', 'alice@example.org', '--json')).stdout;
  const more = JSON.parse(another) as { readonly token_id: string };
  assert.equal((await user('token', 'revoke', more.token_id)).status, 0);
  assert.deepEqual(
    [(await user('token', 'revoke', more.token_id)).status, await ask()], [64, 200], 'the other token is good',
  );
  assert.equal((await user('user', 'remove', 'alice@example.org')).status, 0);
  assert.equal(await ask(), 401);
  assert.deepEqual(JSON.parse((await user('user', 'list', '--json')).stdout), []);

  service.child.kill('SIGTERM');
  assert.equal((await within(START_MS, 'the end', service.ended)).status, 0);
  assert.ok(!existsSync(files.at('data/service.json')));
  assert.match((await user('user', 'list')).stderr, /no service runs on .*: start it with switchyard service start/);
});

test('it says in one line why it does not start, and what to do', async () => {
  await using files = await scratch();
  await using running = await testService();
  const { broker } = running;
  await copyDatabase(files.at('data/database'));
  const given = ['--broker-url', broker.url, '--management-url', broker.managementUrl];
  const refused = async (status: number, text: RegExp, ...args: string[]) => {
    const ended = await switchyard(['service', 'start', '--log-file', files.at('log'), ...args], { cwd: files.path });
    assert.deepEqual([ended.status, ended.stdout], [status, ''], ended.stderr);
    assert.match(ended.stderr, text);
    assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
  };
  await refused(64, /process \d+ uses this data directory: wait for its end, or name another/,
    '--directory', running.directory, ...given);
  await using taken = createServer().listen(0, '127.0.0.1');
  await until('the port', () => taken.listening);
  const { port } = taken.address() as { port: number };
  await refused(69, new RegExp(`port ${port} of 127.0.0.1 is in use.*--port`), '--directory', files.at('data'),
    '--port', String(port), ...given);
  await refused(69, /broker/, '--directory', files.at('data'), '--port', '0', '--broker-url', 'amqp://a:b@127.0.0.1:1',
    '--management-url', broker.managementUrl);
  await refused(69, /cannot use the database postgres:\/\/127.0.0.1:1\/x/, '--directory', files.at('data'),
    '--database-url', 'postgres://someone:secret@127.0.0.1:1/x', ...given);
  await refused(64, /service.port: must be <= 65535/, '--directory', files.at('data'), '--port', '70000', ...given);
  await writeFile(files.at('bad.yaml'), 'data_directry: x\n');
  await refused(64, /unknown key data_directry; did you mean data_directory/, '--config', files.at('bad.yaml'));
  await mkdir(files.at('none'));
  await writeFile(files.at('program.yaml'), `broker:\n  program: ${files.at('none/rabbitmq-server')}\n`);
  await refused(69, /rabbitmq/i, '--config', files.at('program.yaml'), '--directory', files.at('data'), '--port', '0');
});

test('two services do not share a PostgreSQL database', async () => {
  await using server = await postgresServer();
  const databaseUrl = await server.database();
  await using first = await testService({ databaseUrl });
  await first.user();
  await assert.rejects(testService({ databaseUrl }), /another service uses the database/);
});
