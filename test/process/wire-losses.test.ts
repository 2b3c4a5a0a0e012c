// An executor of an endpoint when something on the way dies: every task settles once, with its own value.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Executor, type TaskFuture } from '../../src/sdk/index.ts';
import { ownBroker } from '../broker.ts';
import { serveScripts } from '../script-endpoint.ts';
import { testService, type ServiceOptions, type TestService } from '../service.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { failure, settled, until, within } from './harness.ts';

const COUNT = 20_000;
const SETTLED_MS = 300_000;

/** COUNT tasks, a part of them before `strike`, a part meanwhile, the rest after it. */
async function survives(options: ServiceOptions, strike: (service: TestService) => Promise<void>): Promise<Executor> {
  await using service = await testService(options);
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user, { body: { metadata: { bundles: true } } });
  await serveScripts(endpoint);
  await using executor = new Executor({
    endpointId: endpoint.id, serviceUrl: service.url, token: user.token, batchSize: 100,
  });
  const twice = (x: number): number => x * 2;
  const submit = (from: number, to: number): TaskFuture<number>[] =>
    Array.from({ length: to - from }, (_, i) => executor.submit(twice, from + i));
  const futures = submit(0, COUNT / 2);
  let done = 0;
  for (const future of futures) void future.then(() => { done++; });
  await until('some results', () => done > 200);
  const struck = strike(service);
  futures.push(...submit(COUNT / 2, (COUNT * 3) / 4));
  await struck;
  futures.push(...submit((COUNT * 3) / 4, COUNT));
  const values = await within(SETTLED_MS, 'every task', Promise.all(futures));
  assert.deepEqual(values, Array.from({ length: COUNT }, (_, i) => i * 2));
  const { service: status, settled: count } = executor.status();
  assert.deepEqual([count, status?.unsent], [COUNT, 0], 'each settled once');
  return executor;
}

test('tasks survive the death of the service', async () => {
  await survives({}, async (service) => {
    await service.kill('SIGKILL');
    await service.restart();
  });
});

test('tasks survive the death of the broker', async () => {
  await using broker = await ownBroker();
  const executor = await survives({ broker }, () => broker.crash());
  assert.ok((executor.status().service?.reconnects ?? 0) > 0);
});

test('a task group is reloaded in another process, with what has ended and what has not', async () => {
  await using service = await testService();
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user, { body: { metadata: { bundles: true } } });
  let release = (): void => { /* set before it is called */ };
  const released = new Promise<void>((resolve) => { release = resolve; });
  let tasks = 0;
  await serveScripts(endpoint, async () => { if (++tasks > 2) await released; });
  const first = new Executor({ endpointId: endpoint.id, serviceUrl: service.url, token: user.token });
  assert.equal(await first.submit(() => 'done'), 'done');
  assert.ok((await settled(first.submit(() => { throw new TypeError('bad'); }))).error instanceof TypeError);
  const late = first.submit(() => 'late');
  const id = await until('its id', () => late.taskId);
  const { taskGroupId = '' } = first;
  await first.close('cancel');
  await failure('ENGINE_CLOSED', late);

  const child = spawn(process.execPath, [
    fileURLToPath(new URL('../fixtures/wire-client.js', import.meta.url)), endpoint.id, taskGroupId, service.url,
    user.token,
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (lines.length === 1) release();
  });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  assert.equal(await within(SETTLED_MS, 'the other process', ended), 0);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), ['done', 'failed', 'waiting']);
  const [done, bad, last] = lines.slice(1).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([done?.['value'], bad?.['error'], last],
    ['done', 'TypeError: bad', { id, value: 'late' }]);
});
