// The field's own Python SDK, unchanged, with an endpoint of ours.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/common/exec.ts';
import { scratch } from '../fakes/scratch.ts';
import { pythonVenv, type PythonVenv } from '../python-venv.ts';
import { testService, type TestService, type User } from '../service.ts';
import { register, startEndpoint, WORKERS, type RunningEndpoint } from './endpoint.ts';

const SCRIPTS = fileURLToPath(new URL('../../../test/fixtures/sdk/', import.meta.url));
const SCRIPT_MS = 120_000;

suite('the Python SDK with an endpoint', () => {
  let service: TestService;
  let alice: User;
  let venv: PythonVenv;
  let files: Awaited<ReturnType<typeof scratch>>;
  let endpoint: RunningEndpoint;

  before(async () => {
    venv = await pythonVenv();
    files = await scratch();
    service = await testService();
    alice = await service.user();
    endpoint = await startEndpoint(await register(service, alice), {
      directory: files.at('endpoint'),
      config: { engine: { ...WORKERS['engine'] as object, run_in_sandbox: true } },
      environment: { PATH: `${venv.bin('')}:${process.env['PATH'] ?? ''}` },
    });
    assert.equal(endpoint.said.type, 'up', endpoint.said.message);
  });
  after(async () => {
    await endpoint?.[Symbol.asyncDispose]();
    await service?.[Symbol.asyncDispose]();
    await files?.[Symbol.asyncDispose]();
  });

  const run = async (name: string): Promise<string> => {
    const { code, stdout, stderr } = await exec([venv.python, '-u', SCRIPTS + name, endpoint.id], {
      timeoutMs: SCRIPT_MS,
      env: {
        PATH: process.env['PATH'], HOME: files.path, GLOBUS_COMPUTE_USER_DIR: files.at(`.${name}`),
        GLOBUS_SDK_ENVIRONMENT: 'local', GLOBUS_SDK_SERVICE_URL_AUTH: `${service.url}/`,
        PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: `${SCRIPTS}local`, SWITCHYARD_TEST_SERVICE: service.url,
        GLOBUS_COMPUTE_CLIENT_ID: alice.identity, GLOBUS_COMPUTE_CLIENT_SECRET: alice.token,
      },
    });
    assert.equal(code, 0, stdout + stderr + endpoint.log());
    return stdout;
  };

  test('hello_from_node', async () => {
    assert.match(await run('hello_from_node.py'), /^Hello Alice from \S+ at .*!\n$/);
  });

  test('three hundred tasks with as_completed', async () => {
    assert.equal(await run('jitter_double.py'), 'True\nTrue 0\n');
  });

  test('results, exceptions, lost workers, shell functions, sandboxes', async () => {
    const said = JSON.parse(await run('endpoint_tasks.py')) as Record<string, unknown>;
    assert.deepEqual(said['doubles'], Array.from({ length: 100 }, (_, n) => n * 2));
    assert.match(String(said['fails']), /TaskExecutionFailed[^]*ValueError: this one/);
    assert.match(String(said['large']), /MaxResultSizeExceeded/);
    assert.match(String(said['dies']), /TaskExecutionFailed[^]*\+{68}\n ?WorkerLost: /);
    assert.equal(said['after'], 8);
    assert.deepEqual([said['shell'], said['slow']], [[3, 'hello\n'], 124]);
    const [directory, task, sandbox] = said['where'] as string[];
    assert.equal(directory, `${endpoint.directory}/tasks_working_dir/${task}`);
    assert.equal(sandbox, directory);
    assert.equal(said['json'], 42);
    assert.match(String(said['resources']), /Failed to start task: Task resource specification only accepts these/);
  });
});
