// The field's own Python SDK, unchanged, against the service. Its endpoint is a stand-in that runs what it is sent.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scratch } from '../fakes/scratch.ts';
import { pythonVenv, type PythonVenv } from '../python-venv.ts';
import { testService, type TestService, type User } from '../service.ts';
import { until, within } from './harness.ts';

const SCRIPTS = fileURLToPath(new URL('../../../test/fixtures/sdk/', import.meta.url));
const SCRIPT_MS = 120_000;

interface Script {
  readonly child: ChildProcess;
  readonly said: () => string;
  /** Its standard output; throws what it said on the other when it failed. */
  readonly end: Promise<string>;
}

suite('the Python SDK', () => {
  let service: TestService;
  let alice: User;
  let venv: PythonVenv;
  let home: Awaited<ReturnType<typeof scratch>>;
  let endpoint: string;
  let standIn: Script;

  before(async () => {
    venv = await pythonVenv();
    home = await scratch();
    service = await testService();
    alice = await service.user();
    const { body } = await service.ask('POST', '/v3/endpoints', {
      as: alice.token, body: { endpoint_name: 'stand-in', metadata: {} },
    });
    endpoint = body.endpoint_id as string;
    standIn = start('stand_in.py');
    standIn.child.stdin?.end(JSON.stringify(body));
    standIn.end.catch(() => { /* it is killed when all is done */ });
    await until('the stand-in', () => standIn.said().includes('ready'), 60_000);
  });
  after(async () => {
    standIn?.child.kill('SIGKILL');
    await standIn?.end.catch(() => { /* as it was killed */ });
    await service?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  /** With nothing but the environment to tell it where the service is, and who it is. */
  const start = (name: string, args: readonly string[] = [], identity = true): Script => {
    const child = spawn(venv.python, ['-u', SCRIPTS + name, ...args], {
      stdio: 'pipe',
      env: {
        PATH: process.env['PATH'], HOME: home.path, GLOBUS_COMPUTE_USER_DIR: home.at(`.${name}`),
        GLOBUS_SDK_ENVIRONMENT: 'local', GLOBUS_SDK_SERVICE_URL_AUTH: `${service.url}/`,
        PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: `${SCRIPTS}local`, SWITCHYARD_TEST_SERVICE: service.url,
        ...identity ? { GLOBUS_COMPUTE_CLIENT_ID: alice.identity, GLOBUS_COMPUTE_CLIENT_SECRET: alice.token } : {},
      },
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
    const end = new Promise<string>((resolve, reject) => {
      child.once(
        'close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${name} ended with ${code}:\n${out}${err}`))),
      );
    });
    return { child, said: () => out, end: within(SCRIPT_MS, name, end) };
  };
  const json = async (script: Script): Promise<unknown> => JSON.parse(
    /\{.*\}$/.exec((await script.end).trim())?.[0] ?? '',
  );

  test('hello_from_node', async () => {
    assert.match(await start('hello_from_node.py', [endpoint]).end, /^Hello Alice from \S+ at .*!\n$/);
  });

  test('three hundred tasks with as_completed', async () => {
    assert.equal(await start('jitter_double.py', [endpoint]).end, 'True\nTrue 0\n');
  });

  test('registered functions, Client.run, batches, failures, reload_tasks', async () => {
    assert.deepEqual(await json(start('registered.py', [endpoint])), {
      function: 'add', run: 3, failure: true, batch: [0, 2, 4, 6, 8], registered: 42, raised: 'TaskExecutionFailed',
      reloaded: ['False', 'True'], status: 'offline', removed: 302,
    });
  });

  test('refusals reach the user with their status, code and text', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    assert.deepEqual(await json(start('refusals.py', [endpoint])), {
      endpoint: [404, 'ENDPOINT_NOT_FOUND', `Endpoint ${nobody} could not be resolved`],
      function: [404, 'FUNCTION_NOT_FOUND', `Function ${nobody} could not be resolved`],
      task: [404, 'TASK_NOT_FOUND', `Task ${nobody} could not be resolved`],
      payload: [413, 'TASK_PAYLOAD_TOO_LARGE', 'function and arguments of a task may have 10485760 bytes'],
    });
  });

  test('a person logs in once; tokens are renewed and given back', async () => {
    const script = start('login.py', [], false);
    const url = await until('the address of the log-in', () => /http\S+authorize\S+/.exec(script.said())?.[0], 60_000);
    const code = await login(url, alice);
    script.child.stdin?.write(`${code}\n`);
    const outcome = await json(script);
    assert.deepEqual(outcome, { name: 'f', servers: ['auth.globus.org', 'funcx_service'], renewed: true });
  });
});

/** What a person does with a browser. */
async function login(url: string, { username, token }: User): Promise<string> {
  const page = await (await fetch(url)).text();
  const fields = [...page.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) =>
    [name, value.replaceAll('&amp;', '&')] as const);
  const form = new URLSearchParams(
    [...fields, ['login_username', username], ['login_token', token]] as [string, string][],
  );
  const answer = await fetch(url.split('?')[0] ?? '', { method: 'POST', body: form });
  return /<code>([^<]+)<\/code>/.exec(await answer.text())?.[1] ?? '';
}
