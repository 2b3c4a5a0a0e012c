import { Executor } from '../../src/sdk/index.ts';
import type { Effort } from '../effort.ts';
import { percentiles, repeat, spread, timeEach, timeInTurns } from '../measure.ts';
import type { BenchReport, ServiceFigures } from '../results.ts';
import { Closers } from '../service/closers.ts';
import { deploy, type Deployment } from '../service/deployment.ts';
import { openRoundTrip } from '../service/round-trip.ts';

const WARM_TASKS = 10_000;
/** The way of one task alone is compiled for its first thousands, at a quarter of the processor's time. */
const WARM_UP = 3_000;
const SAMPLES = 500;
/** What a task or a message leaves to do, storing and acknowledging, is over by then. */
const REST_MS = 10;
/** One right after another. */
const ROW = 50;
/** What they leave to do is over by then, too. */
const ROW_REST_MS = 200;

/** No-op tasks through service, broker and endpoint, and one at a time beside the broker's own round trips. */
export async function service(effort: Effort): Promise<Partial<BenchReport>> {
  const { databaseUrl } = effort;
  const embedded = await measure(effort, undefined);
  return { service: {
    embedded, ...databaseUrl === undefined ? {} : { postgres: await measure(effort, databaseUrl) },
  } };
}

async function measure(effort: Effort, databaseUrl: string | undefined): Promise<ServiceFigures> {
  const { quick, signal, progress } = effort;
  const name = databaseUrl === undefined ? 'embedded database' : 'PostgreSQL';
  progress(`${name}: starting broker, service and endpoint`);
  await using site = await deploy(effort, databaseUrl);
  const executor = executorOf(site);
  await using giveUp = new Closers();
  giveUp.add(() => executor.close('cancel'));
  const onAbort = (): void => void executor.close('cancel');
  signal.addEventListener('abort', onAbort, { once: true });
  giveUp.add(() => { signal.removeEventListener('abort', onAbort); });
  const tasks = quick ? 10_000 : 100_000;
  await flood(executor, WARM_TASKS);
  const floods = await repeat(3, signal, (round) => {
    progress(`${name}: ${tasks} tasks, repetition ${round + 1}`);
    return flood(executor, tasks);
  });
  const tasksPerS = spread(floods.map((one) => one.tasksPerS));
  const { duplicates = 0 } = executor.status().service ?? {};
  const latency = await latencies(site, executor, effort, name);
  return {
    tasks_per_s: tasksPerS.median, tasks, duplicates,
    client_cpu_us_per_task: Math.min(...floods.map((one) => one.cpuUsPerTask)),
    ...latency, spread: { tasks_per_s: tasksPerS },
  };
}

function executorOf({ endpointId, url, token }: Deployment): Executor {
  return new Executor({ endpointId, serviceUrl: url, token });
}

const noop = (index: number): number => index;

async function flood(executor: Executor, tasks: number): Promise<{ tasksPerS: number; cpuUsPerTask: number }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const futures = Array.from({ length: tasks }, (_, index) => executor.submit(noop, index));
  for (const [index, future] of futures.entries()) {
    // oxlint-disable-next-line no-await-in-loop, typescript/await-thenable -- all are under way; each is looked at
    if (await future !== index) throw new Error(`task ${index} came back with another's value`);
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { tasksPerS: tasks / seconds, cpuUsPerTask: (user + system) / tasks };
}

async function latencies(
  site: Deployment, executor: Executor, { quick, signal, progress }: Effort, name: string,
): Promise<Pick<ServiceFigures, 'latency' | 'round_trip' | 'in_a_row'>> {
  await using raw = await openRoundTrip(site.brokerUrl);
  const ours = async (index: number): Promise<void> => { await executor.submit(noop, index); };
  const theirs = (): Promise<void> => raw.run();
  progress(`${name}: warming up`);
  await timeEach(quick ? WARM_UP / 10 : WARM_UP, ours);
  await timeEach(quick ? WARM_UP / 10 : WARM_UP, theirs);
  progress(`${name}: one task at a time`);
  const samples = quick ? SAMPLES / 5 : SAMPLES;
  const [alone, trips] = await timeInTurns({ count: samples, row: 1, restMs: REST_MS }, signal, [ours, theirs]);
  progress(`${name}: one task right after another`);
  const rows = { count: samples, row: ROW, restMs: ROW_REST_MS };
  const [inARow, tripsInARow] = await timeInTurns(rows, signal, [ours, theirs]);
  return {
    latency: percentiles(alone), round_trip: percentiles(trips),
    in_a_row: { latency: percentiles(inARow), round_trip: percentiles(tripsInARow) },
  };
}
