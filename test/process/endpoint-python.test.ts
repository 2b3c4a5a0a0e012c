// The field's own Python SDK, unchanged, with an endpoint of ours.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { pythonVenv } from '../python-venv.ts';
import { runScript, type Place } from '../sdk-script.ts';
import { testService, type User } from '../service.ts';
import { register, startEndpoint, WORKERS, type RunningEndpoint } from './endpoint.ts';
import { sdkExamples } from './sdk-examples.ts';

suite('the Python SDK with an endpoint', () => {
  let place: Place & { readonly user: User };
  let files: Awaited<ReturnType<typeof scratch>>;
  let endpoint: RunningEndpoint;

  before(async () => {
    const venv = await pythonVenv();
    files = await scratch();
    const service = await testService();
    place = { service, user: await service.user(), home: files.path };
    endpoint = await startEndpoint(await register(service, place.user), {
      directory: files.at('endpoint'),
      config: { engine: { ...WORKERS['engine'] as object, run_in_sandbox: true } },
      environment: { PATH: `${venv.bin('')}:${process.env['PATH'] ?? ''}` },
    });
    assert.equal(endpoint.said.type, 'up', endpoint.said.message);
  });
  after(async () => {
    await endpoint?.[Symbol.asyncDispose]();
    await place?.service[Symbol.asyncDispose]();
    await files?.[Symbol.asyncDispose]();
  });

  sdkExamples(() => ({ place, endpoint: endpoint.id }));

  test('results, exceptions, lost workers, shell functions, sandboxes', async () => {
    const said = JSON.parse(await runScript(place, 'endpoint_tasks.py', [endpoint.id])) as Record<string, unknown>;
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
