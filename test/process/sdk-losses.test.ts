// The Python SDK's futures when, in the middle of many tasks, a part of the way dies: each settles once, with its own
// result, and only what was running may have run twice.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ownBroker, type OwnBroker } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import { pythonVenv } from '../python-venv.ts';
import { documentIn, startScript, type Place, type Script } from '../sdk-script.ts';
import { testService, type User } from '../service.ts';
import { register, startEndpoint, type RunningEndpoint } from './endpoint.ts';
import { linesOf, until } from './harness.ts';

const COUNT = 20_000;
const SETTLED_MS = 10 * 60_000;
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
  /** Killed, and started again. How many tasks it says that it runs a second time. */
  crash(): Promise<number>;
}

async function endpointAt({ service, user, home }: Place & { readonly user: User }): Promise<Endpoint> {
  const { bin } = await pythonVenv();
  const registered = await register(service, user);
  const launch = async (): Promise<RunningEndpoint> => {
    const running = await startEndpoint(registered, {
      directory: join(home, 'endpoint'), environment: { PATH: `${bin('')}:${process.env['PATH'] ?? ''}` },
    });
    assert.equal(running.said.type, 'up', running.said.message);
    return running;
  };
  let running = await launch();
  return {
    id: registered.id,
    crash: async () => {
      await running.stop('SIGKILL');
      running = await launch();
      return running.said.rerun ?? 0;
    },
    [Symbol.asyncDispose]: async () => { await running.stop(); },
  };
}

/** COUNT tasks of the SDK, with `strike` in the middle of them; it says how many may run twice for it. */
async function survives(
  t: TestContext, { reloads }: { reloads: boolean }, strike: (scene: Scene) => Promise<number>,
): Promise<void> {
  await using home = await scratch();
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const place = { service, user: await service.user(), home: home.path };
  await using endpoint = await endpointAt(place);
  const marks = home.at('marks');
  const script = await startScript(place, 'many_tasks.py', [endpoint.id, marks, String(COUNT)], SETTLED_MS);
  const settled = (): number => Number(/.*settled (\d+)/s.exec(script.said())?.[1] ?? 0);
  await until('a third of the results', () => settled() >= COUNT / 3, SETTLED_MS);
  const twiceMax = await strike({ place, broker, endpoint, script });
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
  t, { reloads: true }, async ({ broker, script }) => {
    await until('all to be submitted', () => script.said().includes('submitted'), SETTLED_MS);
    await broker.crash();
    return 0;
  },
));

test('the service is killed and restarted in the middle of many tasks', (t) => survives(
  t, { reloads: false }, async ({ place: { service } }) => {
    await service.kill('SIGKILL');
    await service.restart();
    return TOGETHER;
  },
));

test('the endpoint is killed and restarted in the middle of many tasks', (t) => survives(
  t, { reloads: false }, ({ endpoint }) => endpoint.crash(),
));
