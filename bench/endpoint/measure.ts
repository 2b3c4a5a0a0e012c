// What an endpoint does with no-op tasks of the field's SDK, whoever's endpoint it is.

import { percentiles, repeat, spread, type Spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import type { Environment } from '../peers/python.ts';
import type { ServicePlace } from './place.ts';
import type { Latencies, SdkScript, Throughput } from './script.ts';

export interface EndpointFigures {
  readonly tasks_per_s: Spread;
  readonly tasks: number;
  /** One at a time, from the call of `submit` until the message with the result is there. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The same until the SDK's future has settled. */
  readonly future_p50_ms: number;
  /** Processor time of the SDK's process, of each task of the throughput. */
  readonly sdk_cpu_us_per_task: number;
}

export interface StartFigures {
  /** A task is submitted in the moment in which the stopped endpoint is started: until the message with its result. */
  readonly first_result_s: Spread;
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
  readonly script: Pick<SdkScript, 'first' | 'throughput' | 'latency'>;
  /** Rejects when it is known not to start. */
  start(): Promise<void> | void;
  stop(): Promise<void>;
}

const ROUNDS = 3;
const SAMPLES = 50;

/** Of an endpoint that runs already. */
export async function measureRunning(
  script: Contender['script'], name: string, effort: Effort,
): Promise<EndpointFigures> {
  const { quick, signal } = effort;
  return figuresOf(await repeat(quick ? 1 : ROUNDS, signal, (round) => oneRound(script, name, round, effort)));
}

/**
 * Each is measured while the others are stopped, from its start to its stop, one after the other, and who is first
 * changes from round to round: what the machine does meanwhile meets all of them. They are stopped before and after.
 */
export async function measureInTurns<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>, effort: Effort,
): Promise<Record<Name, EndpointFigures & StartFigures>> {
  const names = Object.keys(contenders) as Name[]; // the record has no others
  const rounds = new Map<Name, (Round & { readonly firstS: number })[]>(names.map((name) => [name, []]));
  await repeat(effort.quick ? 1 : ROUNDS, effort.signal, async (round) => {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      rounds.get(name)?.push(await oneTurn(contenders[name], round, effort));
    }
  });
  const figures = names.map((name) => {
    const own = rounds.get(name) ?? [];
    return [name, { ...figuresOf(own), first_result_s: spread(own.map(({ firstS }) => firstS)) }] as const;
  });
  return Object.fromEntries(figures) as Record<Name, EndpointFigures & StartFigures>; // one for each name
}

interface Round {
  readonly run: Throughput;
  readonly latencies: Latencies;
}

async function oneTurn(contender: Contender, round: number, effort: Effort): Promise<Round & { firstS: number }> {
  const { name, script } = contender;
  effort.progress(`${name}: stopped endpoint to first result, repetition ${round + 1}`);
  const [firstS] = await Promise.all([script.first(), contender.start()]);
  const measured = await oneRound(script, name, round, effort);
  await contender.stop();
  return { ...measured, firstS };
}

async function oneRound(
  script: Contender['script'], name: string, round: number, { quick, signal, progress }: Effort,
): Promise<Round> {
  const tasks = quick ? 1_000 : 5_000;
  progress(`${name}: warming up`);
  await script.throughput(tasks / 10);
  signal.throwIfAborted();
  progress(`${name}: ${tasks} no-op tasks, repetition ${round + 1}`);
  const run = await script.throughput(tasks);
  signal.throwIfAborted();
  progress(`${name}: one at a time, repetition ${round + 1}`);
  return { run, latencies: await script.latency(quick ? SAMPLES / 5 : SAMPLES) };
}

function figuresOf(rounds: readonly Round[]): EndpointFigures {
  const runs = rounds.map(({ run }) => run);
  const { p50_ms, p99_ms } = percentiles(rounds.flatMap(({ latencies }) => latencies.messages_ms));
  return {
    tasks_per_s: spread(runs.map(({ tasks, seconds }) => tasks / seconds)), tasks: runs[0]?.tasks ?? 0, p50_ms, p99_ms,
    future_p50_ms: percentiles(rounds.flatMap(({ latencies }) => latencies.futures_ms)).p50_ms,
    sdk_cpu_us_per_task: spread(runs.map(({ tasks, sdk_cpu_s: seconds }) => seconds * 1e6 / tasks)).median,
  };
}
