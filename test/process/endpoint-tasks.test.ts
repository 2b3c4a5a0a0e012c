// Tasks through service, broker and a real endpoint.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { testService, type TestService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import {
  argumentsFor, outcomeOf, register, registerFunction, resultsOf, startEndpoint, submit, type Registered,
  type RunningEndpoint,
} from './endpoint.ts';

suite('an endpoint', () => {
  let service: TestService;
  let alice: User;
  let registered: Registered;
  let endpoint: RunningEndpoint;
  let files: Awaited<ReturnType<typeof scratch>>;

  before(async () => {
    service = await testService();
    alice = await service.user();
    registered = await register(service, alice);
    files = await scratch();
    endpoint = await startEndpoint(registered, { directory: files.at('endpoint') });
  });
  after(async () => {
    await endpoint[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const call = async (source: string, calls: readonly (readonly unknown[])[], keys = {}) => {
    const fn = await registerFunction(service, alice, { form: 'source', name: 'f', source });
    const payloads = calls.map((args) => argumentsFor(...args));
    const { group, ids } = await submit(service, alice, { endpoint: registered.id, fn, payloads, keys });
    await using stream = await resultStream(service, alice, group);
    const results = await resultsOf(stream.seen, ids);
    return ids.map((id) => {
      const result = results.get(id);
      assert.ok(result !== undefined);
      return result;
    });
  };

  test('runs JavaScript functions and says where and when', async () => {
    assert.deepEqual(endpoint.said, { type: 'up', rerun: 0, resent: 0, notes: [] });
    const [result] = await call('(a, b) => ({ sum: a + b })', [[1, 2]]);
    assert.ok(result !== undefined);
    assert.deepEqual(outcomeOf(result), { sum: 3 });
    assert.equal(result.details?.['endpoint_id'], registered.id);
    assert.deepEqual(result.transitions?.map(({ state, actor }) => [state, actor]),
      [['execution-start', 'worker'], ['execution-end', 'worker']]);
  });

  test('runs a thousand in their submission\'s order of results or any other, each once', async () => {
    const results = await call('(n) => n * 2', Array.from({ length: 1000 }, (_, n) => [n]));
    assert.deepEqual(results.map(outcomeOf), Array.from({ length: 1000 }, (_, n) => n * 2));
  });
});
