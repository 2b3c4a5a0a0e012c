// What an endpoint survives: its own kill in the middle of thousands of tasks, its broker's, and what it does not.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { ResultMessage } from '../../src/amqp/messages.ts';
import { ownBroker, type OwnBroker } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { testService, type TestService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import {
  argumentsFor, mayHaveRunTwice, outcomeOf, register, registerFunction, resultsOf, startEndpoint, submit, WORKERS,
} from './endpoint.ts';
import { linesOf, until, within } from './harness.ts';

const TASKS = 3_000;

suite('an endpoint\'s losses', () => {
  let broker: OwnBroker;
  let service: TestService;
  let alice: User;
  let files: Awaited<ReturnType<typeof scratch>>;

  before(async () => {
    broker = await ownBroker();
    service = await testService({ broker });
    alice = await service.user();
    files = await scratch();
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  });

  const doubling = async (endpoint: string, source: string, count = TASKS) => {
    const fn = await registerFunction(service, alice, { form: 'source', name: 'f', source });
    const payloads = Array.from({ length: count }, (_, n) => argumentsFor(n));
    return await submit(service, alice, { endpoint, fn, payloads });
  };
  const allDoubled = async (seen: readonly ResultMessage[], ids: readonly string[]) => {
    const results = await resultsOf(seen, ids, 120_000);
    ids.forEach((id, n) => {
      const result = results.get(id);
      assert.ok(result !== undefined);
      assert.equal(outcomeOf(result), n * 2);
    });
  };

  test('killed among thousands of tasks, it runs those that had no result again, and loses none', async () => {
    const registered = await register(service, alice);
    const directory = files.at('killed');
    const runs = files.at('runs');
    let endpoint = await startEndpoint(registered, { directory });
    const { group, ids } = await doubling(registered.id, `async (n) => {
      const { appendFileSync } = await import('node:fs');
      appendFileSync(${JSON.stringify(runs)}, n + '\\n');
      await new Promise((resolve) => { setTimeout(resolve, 4); });
      return n * 2;
    }`);
    await using stream = await resultStream(service, alice, group);
    let rerun = 0;
    for (const part of [1, 2]) {
      await until('some results', () => stream.seen.length >= part * TASKS / 5, 60_000);
      await endpoint.stop('SIGKILL');
      endpoint = await startEndpoint(registered, { directory });
      assert.equal(endpoint.said.type, 'up', endpoint.said.message);
      rerun += endpoint.said.rerun ?? 0;
    }
    await allDoubled(stream.seen, ids);
    assert.equal(new Set(linesOf(runs)).size, TASKS, 'each ran');
    assert.ok(rerun > 0, 'it says how many run again');
    assert.match(endpoint.log(), /"count":\d+,"msg":"tasks of an earlier process run again"/);
    const twice = linesOf(runs).length - TASKS;
    assert.ok(twice < TASKS / 10, `${twice} ran twice: those that ran, and those whose results were on their way`);
    assert.ok(twice <= mayHaveRunTwice(endpoint.log()), `${twice} ran twice, and the endpoint says less`);
    assert.equal(await endpoint.stop(), 0);
  });

  test('stopped in order, it finishes what runs and leaves the rest to the next start', async () => {
    const registered = await register(service, alice);
    const directory = files.at('stopped');
    const first = await startEndpoint(registered, { directory });
    const { group, ids } = await doubling(registered.id, `(n) => new Promise((resolve) => {
      setTimeout(() => resolve(n * 2), 200);
    })`, 40);
    await using stream = await resultStream(service, alice, group);
    await until('a result', () => stream.seen.length >= 1, 60_000);
    assert.equal(await first.stop(), 0);
    assert.match(first.log(), /tasks and results were left to the next start/);
    await using second = await startEndpoint(registered, { directory });
    assert.ok((second.said.rerun ?? 0) > 0);
    await allDoubled(stream.seen, ids);
    assert.equal(new Set(stream.seen.map(({ taskId }) => taskId)).size, stream.seen.length, 'each has one result');
  });

  test('it goes on when its broker was killed and has come back', async () => {
    const registered = await register(service, alice);
    await using endpoint = await startEndpoint(registered, { directory: files.at('broker') });
    const { group, ids } = await doubling(registered.id, '(n) => n * 2');
    await using stream = await resultStream(service, alice, group);
    await until('some results', () => stream.seen.length >= TASKS / 5, 60_000);
    await broker.crash();
    await allDoubled(stream.seen, ids);
    assert.equal(endpoint.child.exitCode, null, 'it is the same process');
  });

  test('tasks that end while the broker is away have their results afterwards', async () => {
    const registered = await register(service, alice);
    await using endpoint = await startEndpoint(registered, { directory: files.at('away') });
    const done = files.at('away-done');
    const go = files.at('away-go');
    const { group, ids } = await doubling(registered.id, `async (n) => {
      const { appendFileSync, existsSync } = await import('node:fs');
      while (!existsSync(${JSON.stringify(go)})) await new Promise((resolve) => { setTimeout(resolve, 20); });
      appendFileSync(${JSON.stringify(done)}, n + '\\n');
      return n * 2;
    }`, 20);
    await using stream = await resultStream(service, alice, group);
    await until('all to be on the disk', () => existsSync(join(endpoint.directory, 'ledger'))
      && /"msg":"endpoint is up"/.test(endpoint.log()));
    await until('all to be taken', async () => {
      const { body } = await broker.api('GET', `queues/%2F/${registered.id}.tasks`);
      return (body as { messages?: number }).messages === 0;
    }, 30_000);
    await broker.stop();
    await writeFile(go, '');
    await until('all to have run', () => linesOf(done).length === 20, 60_000);
    await broker.go();
    await allDoubled(stream.seen, ids);
  });

  test('a second instance is refused and says why; the first goes on', async () => {
    const registered = await register(service, alice);
    await using first = await startEndpoint(registered, { directory: files.at('one') });
    const second = await startEndpoint(registered, { directory: files.at('two') });
    assert.equal(second.said.type, 'failed');
    assert.match(second.said.message ?? '', /another instance of this endpoint takes its tasks/);
    assert.equal(await within(20_000, 'the end of the second', second.exited), 73);
    const { group, ids } = await doubling(registered.id, '(n) => n * 2', 1);
    await using stream = await resultStream(service, alice, group);
    await allDoubled(stream.seen, ids);
    assert.equal(first.child.exitCode, null);
  });

  test('an endpoint that is deleted ends, and says what may have happened', async () => {
    const registered = await register(service, alice);
    const endpoint = await startEndpoint(registered, { directory: files.at('deleted') });
    const { status } = await service.ask('DELETE', `/v2/endpoints/${registered.id}`, { as: alice.token });
    assert.equal(status, 200);
    assert.equal(await within(60_000, 'the end of the endpoint', endpoint.exited), 77);
    assert.match(endpoint.log(), /endpoint failed/);
  });

  test('where every block fails, tasks hear of it, and it stops', async () => {
    const registered = await register(service, alice);
    const endpoint = await startEndpoint(registered, {
      directory: files.at('broken'),
      config: { engine: { type: 'GlobusComputeEngine', address: '127.0.0.1', provider: {
        type: 'LocalProvider', init_blocks: 0, max_blocks: 1, worker_init: 'echo no such module >&2; exit 7',
      } } },
    });
    const { group, ids } = await doubling(registered.id, '(n) => n * 2', 2);
    await using stream = await resultStream(service, alice, group);
    const results = await resultsOf(stream.seen, ids, 60_000);
    for (const { error } of results.values()) {
      assert.equal(error?.code, 'BLOCKS_FAILED');
      assert.match(error?.userMessage ?? '', /no such module/);
    }
    assert.equal(await within(60_000, 'the end of the endpoint', endpoint.exited), 69);
  });

  test('it stops when it was idle for as long as it may', async () => {
    const registered = await register(service, alice);
    const endpoint = await startEndpoint(registered, {
      directory: files.at('idle'),
      config: { ...WORKERS, heartbeat_period: 5, idle_heartbeats_soft: 1 },
    });
    const { group, ids } = await doubling(registered.id, '(n) => n * 2', 3);
    await using stream = await resultStream(service, alice, group);
    await allDoubled(stream.seen, ids);
    assert.equal(await within(40_000, 'the end of the endpoint', endpoint.exited), 0);
    assert.match(endpoint.log(), /it was idle for idle_heartbeats_soft/);
    await until('the service to know', async () => {
      const { body } = await service.ask('GET', `/v2/endpoints/${registered.id}/status`, { as: alice.token });
      return (body as { status: string }).status === 'offline';
    });
  });
});
