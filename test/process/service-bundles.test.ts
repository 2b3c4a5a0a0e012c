import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { encodeMessage, type ResultMessage, type WireMessage } from '../../src/amqp/messages.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { resultStream, StandInEndpoint } from '../stand-in-endpoint.ts';
import { until } from './harness.ts';

suite('bundles in the service', () => {
  let service: TestService;
  let alice: User;
  let functions: readonly string[];

  before(async () => {
    service = await testService();
    alice = await service.user();
    functions = await Promise.all(['CODE1', 'CODE2'].map((code) => functionOf(service, alice, code)));
  });
  after(() => service[Symbol.asyncDispose]());

  const register = (bundles: boolean) => StandInEndpoint.register(service, alice, { body: { metadata: { bundles } } });
  const submit = async (endpoint: StandInEndpoint, body: unknown) => {
    const answer = await service.ask('POST', `/v3/endpoints/${endpoint.id}/submit`, { as: alice.token, body });
    assert.equal(answer.status, 200, answer.text);
    return answer.body as { task_group_id: string; tasks: Record<string, string[]> };
  };
  const payloads = (count: number): string[] => Array.from({ length: count }, (_, i) => `ARGS${i}`);
  const resultOf = (taskId: string, data = `result of ${taskId}`): ResultMessage => ({
    type: 'result', taskId, data, details: { os: 'Test' }, error: undefined,
    transitions: [{ timestampNs: 1795224080706055542n, state: 'execution-start', actor: 'worker' }],
  });

  test('an endpoint that reads them gets tasks of one function together, with the function once', async () => {
    await using endpoint = await register(true);
    const [one = '', other = ''] = functions;
    const seen: WireMessage[] = [];
    await endpoint.messages((message) => { if (message.type !== 'refused') seen.push(message); });
    const { tasks } = await submit(endpoint, {
      tasks: { [one]: payloads(300), [other]: payloads(1) }, resource_specification: { num_nodes: 2 },
      result_serializers: ['a.b.C'],
    });
    await until('three messages', () => seen.length === 3);
    const shared = {
      resourceSpecification: { num_nodes: 2 }, resultSerializers: ['a.b.C'], straightTo: undefined,
    };
    const bundles = seen.filter((message) => message.type === 'task_bundle');
    assert.deepEqual(new Set(bundles.map((bundle) => bundle.tasks.length)), new Set([256, 44]));
    for (const { tasks: _, ...rest } of bundles) {
      assert.deepEqual(rest, { type: 'task_bundle', functionId: one, code: 'CODE1', ...shared });
    }
    const got = bundles.flatMap((bundle) => bundle.tasks).sort((a, b) => a.taskId < b.taskId ? -1 : 1);
    assert.deepEqual(new Map(got.map(({ taskId, payload }) => [taskId, payload])),
      new Map(tasks[one]?.map((id, i) => [id, `ARGS${i}`])));
    const single = { type: 'task', taskId: tasks[other]?.[0], taskBuffer: 'CODE2ARGS0' };
    assert.deepEqual(seen.find((message) => message.type === 'task'), single, 'one alone goes as the field sends it');
  });

  test('one that does not say so gets each in a message of its own', async () => {
    await using endpoint = await register(false);
    const seen: WireMessage[] = [];
    await endpoint.messages((message) => { if (message.type !== 'refused') seen.push(message); });
    await submit(endpoint, { tasks: { [functions[0] ?? '']: payloads(5) } });
    await until('five messages', () => seen.length === 5);
    assert.deepEqual(seen.map(({ type }) => type), Array.from({ length: 5 }, () => 'task'));
  });

  test('results that came together are stored one by one, and reach each stream as its reader takes them', async () => {
    await using endpoint = await register(true);
    const fn = functions[0] ?? '';
    const stream = { create_queue: true };
    const mine = await submit(endpoint, { tasks: { [fn]: payloads(40) }, ...stream, result_bundles: true });
    const field = await submit(endpoint, { tasks: { [fn]: payloads(10) }, ...stream });
    const [mineIds = [], fieldIds = []] = [mine.tasks[fn], field.tasks[fn]];
    await using bundles = await resultStream(service, alice, mine.task_group_id);
    await using singles = await resultStream(service, alice, field.task_group_id);
    const results = [...mineIds, ...fieldIds].map((id) => resultOf(id));
    await endpoint.send(encodeMessage({ type: 'result_bundle', results }));
    await until('all results', () => bundles.seen.length >= 40 && singles.seen.length >= 10);
    assert.deepEqual(byTask(bundles.seen), byTask(results.slice(0, 40)));
    assert.deepEqual(byTask(singles.seen), byTask(results.slice(40)), 'nanoseconds and all');
    assert.ok(bundles.sizes.length < 40, `${bundles.sizes.length} messages`);
    assert.deepEqual(singles.sizes, fieldIds.map(() => 1));
    const { body } = await service.ask('GET', `/v2/tasks/${mineIds[7]}`, { as: alice.token });
    assert.equal(body.result, `result of ${mineIds[7]}`);
  });

  test('a second result changes nothing, in a bundle or alone', async () => {
    await using endpoint = await register(true);
    const fn = functions[0] ?? '';
    const { task_group_id: group, tasks } = await submit(
      endpoint, { tasks: { [fn]: payloads(2) }, create_queue: true, result_bundles: true },
    );
    await using stream = await resultStream(service, alice, group);
    const [a = '', b = ''] = tasks[fn] ?? [];
    const second = resultOf(a, 'second');
    await endpoint.send(encodeMessage({ type: 'result_bundle', results: [resultOf(a, 'first'), second] }));
    await endpoint.result(second);
    await endpoint.send(encodeMessage({ type: 'result_bundle', results: [second, resultOf(b, 'only')] }));
    await until('the other', () => stream.seen.some(({ taskId }) => taskId === b));
    const said = new Set(stream.seen.filter(({ taskId }) => taskId === a).map(({ data }) => data));
    assert.deepEqual(said, new Set(['first']));
  });

  test('a group that one reader takes single messages of is sent single messages', async () => {
    await using endpoint = await register(true);
    const fn = functions[0] ?? '';
    const { task_group_id: group, tasks } = await submit(
      endpoint, { tasks: { [fn]: payloads(8) }, create_queue: true, result_bundles: true },
    );
    assert.equal((await service.ask('GET', `/v2/taskgroup/${group}`, { as: alice.token })).status, 200);
    await using stream = await resultStream(service, alice, group);
    const results = tasks[fn]?.map((id) => resultOf(id)) ?? [];
    await endpoint.send(encodeMessage({ type: 'result_bundle', results }));
    await until('all results', () => stream.seen.length >= 8);
    assert.deepEqual(stream.sizes, results.map(() => 1));
  });

  test('a bundle that cannot be read ends the tasks that it names, and no task of anybody else', async () => {
    await using endpoint = await register(true);
    await using stranger = await register(true);
    const fn = functions[0] ?? '';
    const mine = (await submit(endpoint, { tasks: { [fn]: payloads(2) } })).tasks[fn] ?? [];
    const others = (await submit(stranger, { tasks: { [fn]: payloads(1) } })).tasks[fn] ?? [];
    const results = [{ task_id: mine[0], data: 'fine' }, { task_id: mine[1], data: 7 }, { task_id: others[0] }];
    const body = JSON.stringify({ message_type: 'result_bundle', data: { results } });
    await endpoint.send(Buffer.from(`\x01${body}`));
    const statusOf = async (task: string | undefined) =>
      (await service.ask('GET', `/v2/tasks/${task}`, { as: alice.token })).body;
    for (const task of mine) {
      const exception = await until('its end', async () => (await statusOf(task)).exception as string | undefined);
      assert.match(exception, /could not be read: data\.results\[1\]\.data is not a text/);
    }
    assert.equal((await statusOf(others[0])).completion_t, undefined);
  });
});

function byTask(results: readonly ResultMessage[]): Map<string, ResultMessage> {
  return new Map(results.map((result) => [result.taskId, result]));
}
