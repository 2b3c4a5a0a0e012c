// What an endpoint does with no-op tasks of the field's SDK, whoever's endpoint it is.

import { percentiles, repeat, spread, type Spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import type { SdkScript } from './script.ts';

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

/** How an endpoint is stopped and started; `stop` resolves when the service knows. */
export interface Switchable {
  start(): Promise<void> | void;
  stop(): Promise<void>;
}

export async function measureRunning(
  script: SdkScript, name: string, { quick, signal, progress }: Effort,
): Promise<EndpointFigures> {
  const tasks = quick ? 1_000 : 5_000;
  progress(`${name}: warming up`);
  await script.throughput(tasks / 10);
  const runs = await repeat(quick ? 1 : 3, signal, async (round) => {
    progress(`${name}: ${tasks} no-op tasks, repetition ${round + 1}`);
    return await script.throughput(tasks);
  });
  progress(`${name}: one at a time`);
  const { messages_ms: messages, futures_ms: futures } = await script.latency(quick ? 20 : 100);
  const { p50_ms, p99_ms } = percentiles(messages);
  return {
    tasks_per_s: spread(runs.map(({ seconds }) => tasks / seconds)), tasks, p50_ms, p99_ms,
    future_p50_ms: percentiles(futures).p50_ms,
    sdk_cpu_us_per_task: spread(runs.map(({ sdk_cpu_s: seconds }) => seconds * 1e6 / tasks)).median,
  };
}

export async function measureStart(
  script: SdkScript, name: string, endpoint: Switchable, { quick, signal, progress }: Effort,
): Promise<StartFigures> {
  const times = await repeat(quick ? 1 : 3, signal, async (round) => {
    progress(`${name}: stopped endpoint to first result, repetition ${round + 1}`);
    await endpoint.stop();
    const first = script.first();
    await endpoint.start();
    return await first;
  });
  return { first_result_s: spread(times) };
}
