import { noopFunction, openEngine } from '../engine.ts';
import { hopsOf, type Moments } from '../hops.ts';
import { RawPath } from '../limits/raw-path.ts';
import { percentiles, timeEach } from '../measure.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';
import { PADDING, PADDING_BYTES } from '../work.ts';

const WORKERS = 2;
/** Until the compilers of all processes have nothing left to do: on two cores they take the time of the tasks. */
const WARM_UP = 20_000;
const ROUNDS = 10;
const HEADER = Buffer.alloc(16);

/**
 * One task at a time, in rounds that alternate with round trips on the raw path, so that whatever else the machine does
 * hits both alike.
 */
export async function latency(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const perRound = quick ? 50 : 300;
  await using path = await RawPath.open(signal);
  await using engine = await openEngine({ workers: WORKERS }, effort);
  const { executor } = engine;
  const journeys: Moments[] = [];
  const raw = async (): Promise<void> => {
    await path.echo([HEADER, PADDING_BYTES]);
  };
  const ours = async (index: number): Promise<void> => {
    const future = executor.submit(noopFunction, index, PADDING);
    if (await future !== index) throw new Error(`task ${index} came back with another's value`);
    // Of a task of an engine they are complete.
    if (future.timings !== undefined) journeys.push(future.timings as Moments);
  };

  progress('warming up');
  const warmUp = quick ? WARM_UP / 10 : WARM_UP;
  await timeEach(warmUp, raw);
  await timeEach(warmUp, ours);
  journeys.length = 0;
  const rawMs: number[] = [];
  const oursMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted();
    progress(`one task at a time, round ${round + 1} of ${ROUNDS}`);
    rawMs.push(...await timeEach(perRound, raw));
    oursMs.push(...await timeEach(perRound, ours));
  }
  const { p50_ms, p90_ms, p99_ms } = percentiles(rawMs);
  return {
    latency: { ...percentiles(oursMs), hops: hopsOf(journeys) },
    limits: { zmq: { p50_ms, p90_ms, p99_ms } },
  };
}
