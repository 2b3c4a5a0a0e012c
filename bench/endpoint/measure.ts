// What an endpoint does with no-op tasks of the field's SDK, whoever's endpoint it is.

import { percentiles, repeat, spread, type Spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import type { Environment } from '../peers/python.ts';
import type { ServicePlace } from './place.ts';
import type { Backlog, Latencies, SdkScript, Throughput } from './script.ts';

export interface EndpointFigures {
  /** A task is submitted in the moment in which the stopped endpoint is started: until the message with its result. */
  readonly first_result_s: Spread;
  /**
   * Of tasks that wait at the endpoint, until the message with the last result is there: no submission is in it.
   * Nothing waits at one that runs nothing.
   */
  readonly tasks_per_s: Spread | undefined;
  /** From the first call of `submit` on; the SDK submits a thousand tasks with a request. */
  readonly submitted_per_s: Spread;
  /** The same with as many tasks in a request as the SDK has by default: it waits for one before it makes another. */
  readonly default_submitted_per_s: Spread;
  readonly tasks: number;
  /** One at a time, from the call of `submit` until the message with the result is there. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The same until the SDK's future has settled. */
  readonly future_p50_ms: number;
  /** Processor time of the SDK's process, of each task of the throughput. */
  readonly sdk_cpu_us_per_task: number;
}

/** What contenders have in common. */
export interface Setting {
  readonly place: ServicePlace;
  /** With the SDK; it submits the tasks, and runs them. */
  readonly python: Environment;
  /** Of the endpoint, as its file says it. */
  readonly config: string;
}

/** An endpoint that can be started and stopped, and a script that submits to it. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** It has workers, which can be held. */
  readonly runsTasks: boolean;
  readonly script: Pick<SdkScript, 'first' | 'throughput' | 'backlog' | 'latency'>;
  /** Rejects when it is known not to start. */
  start(): Promise<void> | void;
  stop(): Promise<void>;
}

const ROUNDS = 3;
const SAMPLES = 50;
const BATCH = 1_000;
/** The SDK's default. */
const DEFAULT_BATCH = 128;

/**
 * Each is measured while the others are stopped, from its start to its stop, one after the other, and who is first
 * changes from round to round: what the machine does meanwhile meets all of them. They are stopped before and after.
 */
export async function measureInTurns<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>, effort: Effort,
): Promise<Record<Name, EndpointFigures>> {
  const names = Object.keys(contenders) as Name[]; // the record has no others
  const turns = new Map<Name, Turn[]>(names.map((name) => [name, []]));
  await repeat(effort.quick ? 1 : ROUNDS, effort.signal, async (round) => {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      turns.get(name)?.push(await oneTurn(contenders[name], round, effort));
    }
  });
  const figures = names.map((name) => [name, figuresOf(turns.get(name) ?? [])] as const);
  return Object.fromEntries(figures) as Record<Name, EndpointFigures>; // one for each name
}

interface Turn {
  readonly firstS: number;
  readonly waited: Backlog | undefined;
  readonly run: Throughput;
  readonly defaultRun: Throughput;
  readonly latencies: Latencies;
}

async function oneTurn(contender: Contender, round: number, { quick, signal, progress }: Effort): Promise<Turn> {
  const { name, script, runsTasks } = contender;
  const tasks = quick ? 1_000 : 5_000;
  const say = (what: string): void => {
    signal.throwIfAborted();
    progress(`${name}: ${what}, repetition ${round + 1}`);
  };
  say('stopped endpoint to first result');
  const [firstS] = await Promise.all([script.first(), contender.start()]);
  say('warming up');
  await script.throughput(tasks / 2, DEFAULT_BATCH);
  if (runsTasks) say(`${tasks} no-op tasks that wait`);
  const waited = runsTasks ? await script.backlog(tasks, BATCH) : undefined;
  say(`${tasks} no-op tasks`);
  const run = await script.throughput(tasks, BATCH);
  say(`${tasks} no-op tasks, the SDK's default batches`);
  const defaultRun = await script.throughput(tasks, DEFAULT_BATCH);
  say('one at a time');
  const latencies = await script.latency(quick ? SAMPLES / 5 : SAMPLES);
  await contender.stop();
  return { firstS, waited, run, defaultRun, latencies };
}

function figuresOf(turns: readonly Turn[]): EndpointFigures {
  const runs = turns.map(({ run }) => run);
  const waited = turns.flatMap((turn) => turn.waited ?? []);
  const { p50_ms, p99_ms } = percentiles(turns.flatMap(({ latencies }) => latencies.messages_ms));
  return {
    first_result_s: spread(turns.map(({ firstS }) => firstS)),
    tasks_per_s: waited.length === 0 ? undefined : spread(waited.map(rate)), submitted_per_s: spread(runs.map(rate)),
    default_submitted_per_s: spread(turns.map(({ defaultRun }) => rate(defaultRun))),
    tasks: runs[0]?.tasks ?? 0, p50_ms, p99_ms,
    future_p50_ms: percentiles(turns.flatMap(({ latencies }) => latencies.futures_ms)).p50_ms,
    sdk_cpu_us_per_task: spread(runs.map(({ tasks, sdk_cpu_s: seconds }) => seconds * 1e6 / tasks)).median,
  };
}

function rate({ tasks, seconds }: Backlog): number {
  return tasks / seconds;
}
