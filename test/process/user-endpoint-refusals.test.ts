// What a user endpoint refuses to start from, and how it says so.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { endpointQueues, registeredQueues } from '../../src/amqp/queue-info.ts';
import { thisProcess } from '../../src/common/holder.ts';
import { localAccount, type LocalAccount } from '../local-account.ts';
import type { Registered } from './endpoint.ts';
import { within } from './harness.ts';
import { CLI, startUserEndpoint, TEMPLATE, type Answer, type UserEndpointOptions } from './user-endpoint.ts';

const ID = '7ae2b1f4-0000-4000-8000-000000000001';
const NAME = `uep.${ID}`;
const SENTENCE = /^Missing or invalid endpoint information from stdin\. \(Hint: this command is not meant to be /;
// Nothing listens there: whatever is refused is refused before.
const registered: Registered = { id: ID, queues: registeredQueues(ID, 'amqp://u:p@127.0.0.1:9/v') };

suite('a user endpoint does not start', () => {
  let account: LocalAccount;
  before(async () => { account = await localAccount(); });
  after(async () => { await account[Symbol.asyncDispose](); });

  const refused = async (options: UserEndpointOptions): Promise<Answer> => {
    const endpoint = startUserEndpoint(account, registered, { name: NAME, ...options });
    const answer = await endpoint.answer;
    assert.equal(answer.type, 'failed');
    assert.equal(await within(20_000, 'its end', endpoint.exited), answer.step);
    return answer;
  };

  test('by hand, whoever the person is', () => {
    const argv = [CLI, 'endpoint', '_start-user-endpoint', NAME];
    for (const input of ['', 'garbage', '[]']) {
      const { status, stderr, stdout } = spawnSync(process.execPath, argv, { input, encoding: 'utf8' });
      assert.deepEqual([status, SENTENCE.test(stderr)], [1, true], stderr);
      assert.equal((JSON.parse(stdout) as Answer).step, 1);
    }
    const older = [CLI, 'endpoint', 'start', NAME, '--die-with-parent'];
    assert.equal(spawnSync(process.execPath, older, { input: '', encoding: 'utf8' }).status, 1);
    const line = [process.execPath, ...argv].join(' ');
    const typed = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8' });
    assert.equal(typed.status, 1);
    assert.match(typed.stdout, SENTENCE);
  });

  test('as root, whatever it is told', () => {
    const argv = [CLI, 'endpoint', '_start-user-endpoint', NAME];
    const input = JSON.stringify({ amqp_creds: { endpoint_id: ID, ...endpointQueues(ID, 'amqp://a') } });
    const { status, stderr } = spawnSync(process.execPath, argv, { input, encoding: 'utf8' });
    assert.equal(status, 74);
    assert.match(stderr, /^Unexpectedly regained original privileges!/);
  });

  test('under a name that leaves its place', async () => {
    for (const name of ['../x', 'a\nb']) {
      const { step, message = '' } = await refused({ name });
      assert.deepEqual([step, message.split(':')[0]], [78, 'Invalid endpoint name']);
    }
    assert.equal(existsSync(join(account.home, '.switchyard/x')), false);
  });

  test('where its home or its files are not the user\'s', async () => {
    const above = join(account.home, '.switchyard/endpoints');
    for (const path of [join(account.home, '.switchyard'), above]) {
      mkdirSync(path, { recursive: true });
      chownSync(path, account.uid, account.gid);
    }
    assert.match((await refused({ environment: { HOME: '/nowhere' } })).message ?? '', /home directory cannot be used/);
    const { message = '' } = await refused({ environment: { HOME: '/' } });
    assert.match(message, /home directory is not the user's/);
    symlinkSync('/etc', join(above, NAME));
    assert.match((await refused({})).message ?? '', /is a link and not a directory/);
    rmSync(join(above, NAME));
    mkdirSync(join(above, NAME));
    assert.match((await refused({})).message ?? '', /is not the user's/);
    chownSync(join(above, NAME), account.uid, account.gid);
    const elsewhere = join(account.home, 'elsewhere');
    writeFileSync(elsewhere, 'untouched');
    symlinkSync(elsewhere, join(above, NAME, 'endpoint.log'));
    const answer = await refused({});
    assert.deepEqual([answer.step, answer.error], [83, 'OSError']);
    assert.match(answer.message ?? '', /endpoint\.log: it is a link$/);
    assert.equal(readFileSync(elsewhere, 'utf8'), 'untouched');
    rmSync(join(above, NAME), { recursive: true });
  });

  test('without an engine, and says what could be missing', async () => {
    const { step, error, message = '' } = await refused({ template: 'heartbeat_period: 30\n' });
    assert.deepEqual([step, error], [1, 'SystemExit']);
    assert.match(message, new RegExp(`^Configuration for endpoint ${NAME} is missing an \`engine\` field`));
  });

  test('when its set-up fails, with the last of what that said', async () => {
    const template = `${TEMPLATE}endpoint_setup: echo no licence >&2; exit 3\n`;
    const { step, message = '' } = await refused({ template });
    assert.equal(step, 78);
    assert.match(message, /^endpoint_setup failed with exit code 3: .*\nno licence$/);
  });

  test('while it runs already', async () => {
    const directory = join(account.home, '.switchyard/endpoints', NAME);
    writeFileSync(join(directory, 'daemon.pid'), JSON.stringify(thisProcess()));
    const { step, message = '' } = await refused({});
    assert.equal(step, 73);
    assert.match(message, /^Another instance of this endpoint is running\. /);
    rmSync(join(directory, 'daemon.pid'));
  });
});
