// The Python SDK's futures when, in the middle of many tasks, a part of the way dies: each settles once, with its own
// result, and only what was running may have run twice.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ownBroker, type OwnBroker } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { documentIn, startScript, type Place, type Script } from '../sdk-script.ts';
import { testService } from '../service.ts';
import { linesOf, until } from './harness.ts';

const COUNT = 20_000;
const SETTLED_MS = 10 * 60_000;
/**
 * A broker that is killed forgets the acknowledgements that it has not written, and delivers again. The stand-in does
 * not remember what it has done.
 */
const FORGOTTEN = 500;
/** Tasks that the stand-in has taken and not answered: it runs one at a time. */
const RUNNING = 1;
/** What the SDK submits in one request. A service that is killed between a confirm and its note sends it again. */
const TOGETHER = 128;

interface Scene {
  readonly place: Place;
  readonly broker: OwnBroker;
  readonly endpoint: Endpoint;
  readonly script: Script;
}

interface Endpoint extends AsyncDisposable {
  readonly id: string;
  /** Killed, and started again. */
  crash(): Promise<void>;
}

async function standIn(place: Place): Promise<Endpoint> {
  const { body } = await place.service.ask('POST', '/v3/endpoints', {
    as: place.user?.token, body: { endpoint_name: 'stand-in', metadata: {} },
  });
  const launch = async (): Promise<Script> => {
    const script = await startScript(place, 'stand_in.py', [], SETTLED_MS);
    script.child.stdin?.end(JSON.stringify(body));
    script.end.catch(() => { /* it is killed when all is done */ });
    await until('the stand-in', () => script.said().includes('ready'), SETTLED_MS);
    return script;
  };
  let script = await launch();
  const end = async (): Promise<void> => {
    script.child.kill('SIGKILL');
    await script.end.catch(() => { /* as it was killed */ });
  };
  return {
    id: body.endpoint_id as string,
    crash: async () => {
      await end();
      script = await launch();
    },
    [Symbol.asyncDispose]: end,
  };
}

/** COUNT tasks of the SDK, with `strike` in the middle of them. */
async function survives(
  t: TestContext, { twiceMax, reloads }: { twiceMax: number; reloads: boolean },
  strike: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using home = await scratch();
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const place = { service, user: await service.user(), home: home.path };
  await using endpoint = await standIn(place);
  const marks = home.at('marks');
  const script = await startScript(place, 'many_tasks.py', [endpoint.id, marks, String(COUNT)], SETTLED_MS);
  const settled = (): number => Number(/.*settled (\d+)/s.exec(script.said())?.[1] ?? 0);
  await until('a third of the results', () => settled() >= COUNT / 3, SETTLED_MS);
  await strike({ place, broker, endpoint, script });
  const atStrike = settled();
  const { reloaded, ...outcome } = documentIn(await script.end) as { reloaded: number };
  assert.deepEqual(outcome, { settled: COUNT, 'settled again': 0, right: COUNT, failures: {} }, script.complained());
  const ran = linesOf(marks);
  assert.equal(new Set(ran).size, COUNT, 'no task was lost');
  const twice = ran.length - COUNT;
  t.diagnostic(`${COUNT} tasks, struck when ${atStrike} had settled: ${twice} ran twice, ${reloaded} reloaded`);
  assert.ok(twice <= twiceMax, `${twice} tasks ran twice`);
  assert.ok(reloads || reloaded === 0, `${reloaded} results came only when they were asked for again`);
}

// The SDK's own watch over its result stream ends with its connection when there was something to acknowledge; then it
// is for its user to load the tasks again.
test('the broker is killed and restarted in the middle of many tasks', (t) => survives(
  t, { twiceMax: FORGOTTEN, reloads: true }, async ({ broker, script }) => {
    await until('all to be submitted', () => script.said().includes('submitted'), SETTLED_MS);
    await broker.crash();
  },
));

test('the service is killed and restarted in the middle of many tasks', (t) => survives(
  t, { twiceMax: TOGETHER, reloads: false }, async ({ place: { service } }) => {
    await service.kill('SIGKILL');
    await service.restart();
  },
));

test('the endpoint is killed and restarted in the middle of many tasks', (t) => survives(
  t, { twiceMax: RUNNING, reloads: false }, ({ endpoint }) => endpoint.crash(),
));
