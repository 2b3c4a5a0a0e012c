import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ComputeError, Executor, type TaskFuture } from '../../src/sdk/index.ts';
import { serveScripts, type Ran } from '../script-endpoint.ts';
import { testService, type TestService, type User } from '../service.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';

suite('an executor of an endpoint', () => {
  let service: TestService;
  let alice: User;
  let endpoint: StandInEndpoint;
  let ran: Ran;

  before(async () => {
    service = await testService();
    alice = await service.user();
    endpoint = await StandInEndpoint.register(service, alice, { body: { metadata: { bundles: true } } });
    ran = await serveScripts(endpoint);
  });
  after(async () => {
    await endpoint[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const open = (options: object = {}): Executor => new Executor({
    endpointId: endpoint.id, serviceUrl: service.url, token: alice.token, ...options,
  });

  test('runs functions there, and their values come back as they are', async () => {
    await using executor = open();
    const sums = Array.from({ length: 3000 }, (_, i) => executor.submit((a: number, b: number) => a + b, i, 1));
    assert.deepEqual(await Promise.all(sums), Array.from({ length: 3000 }, (_, i) => i + 1));
    const rich = { when: new Date(5), set: new Set([1n]), bytes: new Uint8Array(100_000).fill(7), none: undefined };
    assert.deepEqual(await executor.submit((value: unknown) => value, rich), rich);
    const [first] = sums;
    assert.ok(first?.timings !== undefined && first.taskId !== undefined && first.details?.['os'] === 'Test');
    assert.deepEqual([first.status, first.attempts, first.ranOn, executor.status().service?.unsent],
      ['done', 1, undefined, 0]);
    assert.equal(ran.count, 3001);
  });

  test('maps inputs with a window', async () => {
    await using executor = open();
    const seen: number[] = [];
    for await (const value of executor.map((x: number) => x * 2, [1, 2, 3], { ordered: true, window: 2 })) {
      seen.push(value);
    }
    assert.deepEqual(seen, [2, 4, 6]);
  });

  test('an exception comes back with its class, its cause and its properties', async () => {
    await using executor = open();
    const failed = executor.submit(() => {
      throw Object.assign(new RangeError('too far', { cause: new Error('deeper') }), { code: 'EFAR', at: 7 });
    });
    const error = await failed.catch((reason: unknown) => reason);
    assert.ok(error instanceof RangeError);
    const { message, cause, code, at } = error as RangeError & Record<'code' | 'at', unknown>;
    assert.deepEqual([message, (cause as Error).message, code, at], ['too far', 'deeper', 'EFAR', 7]);
    assert.equal(failed.status, 'failed');
  });

  const codeOf = async (future: PromiseLike<unknown>): Promise<string> => {
    const error = await Promise.resolve(future).then(() => undefined, (reason: unknown) => reason);
    return error instanceof ComputeError ? error.code : String(error);
  };

  test('what has not left can be cancelled, what has cannot', async () => {
    await using executor = open();
    const early = executor.submit(() => 1);
    assert.equal(await early.cancel(), true);
    assert.deepEqual([await codeOf(early), early.status], ['TASK_CANCELLED', 'cancelled']);
    const done = executor.submit(() => 2);
    assert.equal(await done, 2);
    assert.equal(await done.cancel(), false);
    const stop = new AbortController();
    const stoppable = executor.with({ signal: stop.signal });
    const some: TaskFuture<number>[] = Array.from({ length: 5 }, () => stoppable.submit(() => 3));
    stop.abort();
    assert.deepEqual(await Promise.all(some.map(codeOf)), some.map(() => 'TASK_CANCELLED'));
  });
});
