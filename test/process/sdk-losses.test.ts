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
import { mayHaveRunTwice, register, startEndpoint, type RunningEndpoint } from './endpoint.ts';
import { linesOf, until } from './harness.ts';

const COUNT = 20_000;
const SETTLED_MS = 10 * 60_000;
/** What the SDK submits in one request. It is sent on while it is stored: killed then, the service is asked again. */
const TOGETHER = 128;
/** How often the user starts the script at most: what the SDK refused or gave up is for the next start. */
const SESSIONS_MAX = 3;

interface Scene {
  readonly place: Place;
  readonly broker: OwnBroker;
  readonly endpoint: Endpoint;
  /** A line for each run of a task. */
  readonly marks: string;
}

interface Endpoint extends AsyncDisposable {
  readonly id: string;
  /** Killed, and started again. */
  crash(): Promise<void>;
  /** How many tasks it says that it may have run twice. */
  twice(): number;
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
    },
    twice: () => mayHaveRunTwice(running.log()),
    [Symbol.asyncDispose]: async () => { await running.stop(); },
  };
}

/** What the script says of one start. */
interface Session {
  readonly group: string;
  /** Tasks that an earlier start had submitted and not settled. */
  readonly reloaded: number;
  readonly refused: number;
  /** Accepted, and given up by the SDK with its connection. */
  readonly 'given up': number;
  /** Still open when nothing came any more. */
  readonly left: number;
}

interface Outcome {
  readonly task: string;
  readonly number: number;
  readonly value: number | null;
  readonly failure: string | null;
}

interface Promised {
  /** The SDK may give up what was accepted. */
  readonly givesUp: boolean;
  /** How many tasks may run twice. */
  readonly twiceMax: (scene: Scene) => number;
}

/** COUNT tasks of the SDK, with `strike` in the middle of them. */
async function survives(
  t: TestContext, { givesUp, twiceMax }: Promised, strike: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using home = await scratch();
  await using broker = await ownBroker();
  await using service = await testService({ broker });
  const place = { service, user: await service.user(), home: home.path };
  await using endpoint = await endpointAt(place);
  const marks = home.at('marks');
  const start = (): Promise<Script> =>
    startScript(place, 'many_tasks.py', [endpoint.id, home.path, String(COUNT)], SETTLED_MS);
  const script = await start();
  const { settled, submitted } = await until('a third of the results', () => {
    const [, seen, sent] = (/.*settled (\d+) submitted (\d+)\n/s.exec(script.said()) ?? []).map(Number);
    return seen !== undefined && sent !== undefined && seen >= COUNT / 3 && { settled: seen, submitted: sent };
  }, SETTLED_MS);
  const scene = { place, broker, endpoint, marks };
  await strike(scene);
  const sessions = [documentIn(await script.end) as Session];
  while (sessions.length < SESSIONS_MAX && unsettled(sessions) > 0) {
    sessions.push(documentIn(await (await start()).end) as Session);
  }
  const ran = linesOf(marks);
  const twice = ran.length - COUNT;
  t.diagnostic(`${COUNT} tasks, struck when ${submitted} were submitted and ${settled} settled: ${twice} ran twice, of `
    + `${twiceMax(scene)} that may; starts of the script: ${sessions.map((one) => JSON.stringify(one)).join(', ')}`);
  assert.ok(submitted < COUNT, 'the SDK was still submitting');
  assertSettledOnce(linesOf(home.at('outcomes')).map((line) => JSON.parse(line) as Outcome), script);
  assert.equal(new Set(ran).size, COUNT, 'no task was lost');
  assert.ok(twice <= twiceMax(scene), `${twice} tasks ran twice`);
  const { body } = await service.ask('GET', `/v2/taskgroup/${sessions[0]?.group}`, { as: place.user.token });
  assert.equal((body as { tasks: unknown[] }).tasks.length, COUNT, 'no task was accepted twice');
  assert.ok(givesUp || sessions.every((one) => one['given up'] === 0), 'results came only when asked for again');
}

function unsettled(sessions: readonly Session[]): number {
  const last = sessions.at(-1);
  return last === undefined ? 0 : last.refused + last['given up'] + last.left;
}

function assertSettledOnce(outcomes: readonly Outcome[], script: Script): void {
  const wrong = outcomes.filter(({ number, value }) => value !== number * 2);
  assert.deepEqual({
    settled: outcomes.length, tasks: new Set(outcomes.map(({ task }) => task)).size,
    numbers: new Set(outcomes.map(({ number }) => number)).size, wrong: wrong.slice(0, 5),
  }, { settled: COUNT, tasks: COUNT, numbers: COUNT, wrong: [] }, script.complained());
}

// The SDK's own watch over its result stream ends with its connection when there was something to acknowledge; then it
// is for its user to load the tasks again.
test('the broker is killed and restarted in the middle of many tasks', (t) => survives(
  t, { givesUp: true, twiceMax: () => 0 }, async ({ broker, marks }) => {
    // Between two of its looks at what came, twice a second: after them it has acknowledged everything.
    const ran = linesOf(marks).length;
    await until('some more to have run', () => linesOf(marks).length > ran + TOGETHER, SETTLED_MS);
    await broker.crash();
  },
));

test('the service is killed and restarted in the middle of many tasks', (t) => survives(
  t, { givesUp: false, twiceMax: () => TOGETHER }, async ({ place: { service } }) => {
    await service.kill('SIGKILL');
    await service.restart();
  },
));

test('the endpoint is killed and restarted in the middle of many tasks', (t) => survives(
  t, { givesUp: false, twiceMax: ({ endpoint }) => endpoint.twice() }, ({ endpoint }) => endpoint.crash(),
));
