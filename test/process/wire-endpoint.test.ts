import assert from 'node:assert/strict';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { command, Executor } from '../../src/sdk/index.ts';
import { scratch } from '../fakes/scratch.ts';
import { testService } from '../service.ts';
import { register, startEndpoint } from './endpoint.ts';
import { failure, task, within } from './harness.ts';

const COUNT = 5_000;

test('an executor and a real endpoint, with everything that is between them', async () => {
  await using files = await scratch();
  await using service = await testService();
  const user = await service.user();
  const registered = await register(service, user);
  await using endpoint = await startEndpoint(registered, { directory: files.at('endpoint') });
  assert.equal(endpoint.said.type, 'up');
  await using executor = new Executor({ endpointId: registered.id, serviceUrl: service.url, token: user.token });

  const values: number[] = [];
  const inputs = Array.from({ length: COUNT }, (_, i) => i);
  for await (const value of executor.map((x: number) => x * 2, inputs, { ordered: true })) values.push(value);
  assert.deepEqual(values, inputs.map((x) => x * 2));

  const large = new Uint8Array(300_000).fill(7);
  assert.deepEqual(await executor.submit(task('echo'), large), large, 'a function of a module, and bytes beside it');
  const { stdout, exitCode } = await executor.submit(command('pwd; echo {}'), 'it is');
  const directory = await realpath(join(endpoint.directory, 'tasks_working_dir'));
  assert.deepEqual([exitCode, stdout], [0, `${directory}\nit is\n`], 'a command runs where the endpoint’s tasks do');

  const timed = executor.submit(() => 1);
  assert.equal(await timed, 1);
  const { submittedAtMs, sentAtMs, startedAtMs, finishedAtMs, settledAtMs } = timed.timings ?? {};
  const times = [submittedAtMs, sentAtMs, startedAtMs, finishedAtMs, settledAtMs].map(Number);
  assert.ok(times.every((time, i) => time >= (times[i - 1] ?? 0) - 5), JSON.stringify(times));
  assert.equal(timed.details?.['endpoint_id'], registered.id);

  await failure('FUNCTION_NOT_FOUND', executor.submit(task('nowhere' as 'echo'), large));
  await failure('WORKER_LOST', executor.submit(() => { process.exit(3); }));
  await within(60_000, 'the rest', executor.drain());
  assert.equal(executor.status().service?.duplicates, 0);
});
