// What the raw ZeroMQ path reaches: the ceiling for anything that is built on it.

import { percentiles, repeat, spread, timeEach, type Spread } from '../measure.ts';
import { LARGE_BYTES, LARGE_IN_FLIGHT, megabytesPerSecond, PADDING_BYTES } from '../work.ts';
import { RawPath } from './raw-path.ts';
import type { Effort } from '../effort.ts';

export interface ZmqLimit {
  /** One 100-byte message at a time. */
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  /** 100-byte tasks, 128 to a message, forwarded unopened. */
  readonly tasks_per_s: number;
  readonly tasks_per_message: number;
  /** 10 MiB in one frame there and back. */
  readonly mb_per_s: number;
  /** The same bytes in frames of 256 KiB: encryption, sending and decryption of one payload overlap. */
  readonly mb_per_s_split: number;
  readonly large_in_flight: number;
  readonly spread: { readonly tasks_per_s: Spread; readonly mb_per_s: Spread; readonly mb_per_s_split: Spread };
}

const TASKS_PER_MESSAGE = 128;
const MESSAGES_IN_FLIGHT = 32;
const SPLIT_BYTES = 256 * 1024;
const HEADER = Buffer.alloc(16);

export async function measureZmqLimit({ quick, signal, progress }: Effort): Promise<ZmqLimit> {
  await using path = await RawPath.open(signal);
  const echo = async (): Promise<void> => {
    await path.echo([HEADER, PADDING_BYTES]);
  };
  progress('raw ZeroMQ: round trips, one at a time');
  await timeEach(300, echo);
  const { p50_ms, p90_ms, p99_ms } = percentiles(await timeEach(quick ? 1000 : 4000, echo));

  progress(`raw ZeroMQ: saturated, ${TASKS_PER_MESSAGE} tasks to a message`);
  const batch = [HEADER, Buffer.alloc(TASKS_PER_MESSAGE * PADDING_BYTES.length)];
  const messages = quick ? 2000 : 10_000;
  await path.flood(1000, MESSAGES_IN_FLIGHT, batch);
  const rates = spread(await repeat(quick ? 3 : 5, signal, async () =>
    messages * TASKS_PER_MESSAGE / await path.flood(messages, MESSAGES_IN_FLIGHT, batch)));

  progress('raw ZeroMQ: 10 MiB there and back');
  const whole = spread(await largeRounds(path, quick, signal, LARGE_BYTES));
  const split = spread(await largeRounds(path, quick, signal, SPLIT_BYTES));
  return {
    p50_ms, p90_ms, p99_ms,
    tasks_per_s: rates.median,
    tasks_per_message: TASKS_PER_MESSAGE,
    mb_per_s: whole.median,
    mb_per_s_split: split.median,
    large_in_flight: LARGE_IN_FLIGHT,
    spread: { tasks_per_s: rates, mb_per_s: whole, mb_per_s_split: split },
  };
}

/** MB/s of 10 MiB payloads in frames of `frameBytes`, over a warm path, a few repetitions. */
async function largeRounds(path: RawPath, quick: boolean, signal: AbortSignal, frameBytes: number): Promise<number[]> {
  await floodLarge(path, 4, frameBytes);
  return repeat(quick ? 3 : 5, signal, () => floodLarge(path, quick ? 8 : 24, frameBytes));
}

export async function floodLarge(path: RawPath, count: number, frameBytes: number = LARGE_BYTES): Promise<number> {
  const frames = Array.from({ length: LARGE_BYTES / frameBytes }, () => Buffer.alloc(frameBytes, 7));
  return megabytesPerSecond(count, LARGE_BYTES, await path.flood(count, LARGE_IN_FLIGHT, [HEADER, ...frames]));
}
