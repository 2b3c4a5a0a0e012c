// The field's own endpoint agent, unchanged, registered with our service: what it does with the tasks of both SDKs.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { FieldAgent } from '../../bench/peers/field-agent.ts';
import { Executor } from '../../src/sdk/index.ts';
import { fieldAgent, isOnline, started } from '../agent.ts';
import { scratch } from '../fakes/scratch.ts';
import { tellingScript, type Place } from '../sdk-script.ts';
import { testService, type User } from '../service.ts';
import { resultStream } from '../stand-in-endpoint.ts';
import { settled, until } from './harness.ts';
import { sdkExamples } from './sdk-examples.ts';

const FIRST_RESULT_MS = 240_000;

/** A packed buffer: each item behind its length. */
function packed(...items: readonly string[]): string {
  return items.map((item) => `${item.length}\n${item}`).join('');
}

suite("the field's agent", () => {
  let place: Place & { readonly user: User };
  let home: Awaited<ReturnType<typeof scratch>>;
  let agent: FieldAgent;
  let endpoint: string;

  before(async () => {
    home = await scratch();
    const service = await testService();
    place = { service, user: await service.user(), home: home.path };
    agent = await fieldAgent(place);
    endpoint = await started(agent, place);
  });
  after(async () => {
    await agent?.[Symbol.asyncDispose]();
    await place?.service[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const ask = (method: string, path: string, body?: unknown) =>
    place.service.ask(method, path, { as: place.user.token, body });

  /** One task for each number: one more than that. */
  const submitted = async (numbers: readonly number[]): Promise<{ ids: string[]; group: string }> => {
    const { body: { function_uuid: fn } } = await ask('POST', '/v3/functions', {
      function_name: 'add', function_code: packed('st\nadd:def add(a, b):\n    return {"sum": a + b}\n'),
    });
    const { status, body, text } = await ask('POST', `/v3/endpoints/${endpoint}/submit`, {
      create_queue: true, tasks: { [fn]: numbers.map((n) => packed(`11\n[${n}, 1]`, '11\n{}')) },
      result_serializers: ['globus_compute_sdk.serialize.concretes.JSONData'],
    });
    assert.equal(status, 200, text);
    return { ids: body.tasks[fn] as string[], group: body.task_group_id as string };
  };

  test('what it registered as is what users see', async () => {
    const { body } = await ask('GET', `/v2/endpoints/${endpoint}`);
    assert.deepEqual(
      [body.name, body.multi_user, body.endpoint_version, body.local_user !== ''], ['agent', false, '4.19.0', true],
    );
    assert.match(body.user_config_template, /GlobusComputeEngine/);
  });

  sdkExamples(() => ({ place, endpoint }));

  test('a registered function runs for whoever speaks HTTP and AMQP', async () => {
    const numbers = [...Array(100).keys()];
    const { ids, group } = await submitted(numbers);
    await using stream = await resultStream(place.service, place.user, group);
    await until('every result', () => stream.seen.length >= numbers.length, FIRST_RESULT_MS);
    const results = new Map(stream.seen.map(({ taskId, data }) => [taskId, data]));
    assert.deepEqual(ids.map((id) => results.get(id)), numbers.map((n) => `11\n{"sum": ${n + 1}}`));
  });

  test('a function of JavaScript is refused with words that say so', async () => {
    const { service: { url: serviceUrl }, user: { token } } = place;
    await using executor = new Executor({ endpointId: endpoint, serviceUrl, token });
    const { error } = await settled(executor.submit((number: number) => number + 1, 41), FIRST_RESULT_MS);
    assert.match(error.message, /javascript/i, error.stack);
  });

  test('what users set reaches its template; what they may not set is refused with its words', async () => {
    const { why, ...rest } = await tellingScript(place, 'user_config.py', [endpoint]) as { why: string };
    assert.deepEqual(rest, { set: 'hello', refused: [true, 422, 'SEMANTICALLY_INVALID'] });
    assert.match(why, /7 is not of type 'string'/);
  });

  test('it stops, and is away; tasks wait for it, and it comes back under its id', async () => {
    await agent.stop();
    assert.equal(await isOnline(place, endpoint), false);
    assert.deepEqual(agent.processes(), []);
    const { ids: [waiting] } = await submitted([41]);
    assert.equal(await started(agent, place), endpoint);
    const done = await until('the task', async () => {
      const { body } = await ask('GET', `/v2/tasks/${waiting}`);
      return body.status === 'success' && body.result as string;
    }, FIRST_RESULT_MS);
    assert.equal(done, '11\n{"sum": 42}');
  });

  test('stopped from elsewhere it is locked out, and deleted it is gone', async () => {
    const refused = await agent.command('delete', '--yes', 'agent');
    assert.match(refused.stdout + refused.stderr, /currently running/);
    const { body } = await ask('POST', `/v3/endpoints/${endpoint}/lock`);
    assert.ok(body.lock_expiration_timestamp > Date.now() / 1000);
    assert.equal(await isOnline(place, endpoint), false);
    await until('its end', () => agent.processes().length === 0, FIRST_RESULT_MS);
    const again = await agent.command('start', 'agent');
    assert.equal(again.code, 69);
    assert.match(again.stdout + again.stderr, /RESOURCE_LOCKED/);
    await agent.must('delete', '--yes', 'agent');
    assert.equal((await ask('GET', `/v2/endpoints/${endpoint}`)).status, 404);
  });
});
