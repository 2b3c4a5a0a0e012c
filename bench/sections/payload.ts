import { echoFunction, openEngine } from '../engine.ts';
import { floodLarge } from '../limits/zmq.ts';
import { RawPath } from '../limits/raw-path.ts';
import { percentiles, spread, timeEach } from '../measure.ts';
import type { BenchReport, PayloadSize } from '../results.ts';
import type { Effort } from '../effort.ts';
import type { Executor } from '../../src/sdk/index.ts';
import { LARGE_BYTES, LARGE_IN_FLIGHT, megabytesPerSecond } from '../work.ts';

const WORKERS = 2;
const SIZES = [0, 1_000, 100_000, 1_000_000, LARGE_BYTES] as const;

/** A buffer there and back. The 10 MiB rounds alternate with the raw path's, with as many under way. */
export async function payload(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const [rounds, perRound] = quick ? [3, 8] : [5, 24];
  await using path = await RawPath.open(signal);
  await using engine = await openEngine({ workers: WORKERS }, effort);
  const { executor } = engine;
  await floodLarge(path, 4);
  await floodEchoes(executor, 4);
  const raw: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    progress(`10 MiB argument and result, round ${round + 1} of ${rounds}`);
    raw.push(await floodLarge(path, perRound));
    ours.push(await floodEchoes(executor, perRound));
  }
  const sizes: PayloadSize[] = [];
  for (const bytes of SIZES) {
    signal.throwIfAborted();
    progress(`payload of ${bytes} bytes, one at a time`);
    sizes.push(await measureSize(executor, bytes, quick));
  }
  const oursSpread = spread(ours);
  const rawSpread = spread(raw);
  return {
    payload: { mb_per_s: oursSpread.median, in_flight: LARGE_IN_FLIGHT, spread: { mb_per_s: oursSpread }, sizes },
    limits: { zmq: { mb_per_s: rawSpread.median } },
  };
}

/** MB/s of `count` large payloads, LARGE_IN_FLIGHT of them under way at any time. */
async function floodEchoes(executor: Executor, count: number): Promise<number> {
  const content = Buffer.alloc(LARGE_BYTES, 7);
  const start = performance.now();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await echoed(executor, content);
    }
  };
  await Promise.all(Array.from({ length: LARGE_IN_FLIGHT }, lane));
  return megabytesPerSecond(count, LARGE_BYTES, (performance.now() - start) / 1000);
}

async function measureSize(executor: Executor, bytes: number, quick: boolean): Promise<PayloadSize> {
  const content = Buffer.alloc(bytes, 7);
  const large = bytes >= 1_000_000;
  const samples = large ? 20 : 500;
  await timeEach(large ? 2 : 50, () => echoed(executor, content));
  const start = performance.now();
  const times = await timeEach(quick ? samples / 5 : samples, () => echoed(executor, content));
  const seconds = (performance.now() - start) / 1000;
  const { p50_ms, p99_ms } = percentiles(times);
  return { bytes, p50_ms, p99_ms, mb_per_s: megabytesPerSecond(times.length, bytes, seconds) };
}

async function echoed(executor: Executor, content: Buffer): Promise<void> {
  const back = await executor.submit(echoFunction, content);
  if (back.length !== content.length || back[0] !== content[0] || back.at(-1) !== content.at(-1)) {
    throw new Error(`a payload of ${content.length} bytes came back changed`);
  }
}
