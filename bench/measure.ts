// Numbers out of samples. Percentiles are nearest-rank: every figure printed was really measured.

/** The spread of a few repetitions; `median` is the figure that is quoted. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly samples: readonly number[];
}

export interface Percentiles {
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly samples: number;
}

/** The smallest sample that at least `share` (0…1) of all samples do not exceed. NaN when there are none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length)));
  return sorted[rank - 1] ?? Number.NaN;
}

/** For an even count the lower of the two in the middle. */
export function median(samples: readonly number[]): number {
  return percentile(Float64Array.from(samples).sort(), 0.5);
}

export function spread(samples: readonly number[]): Spread {
  return { min: Math.min(...samples), median: median(samples), max: Math.max(...samples), samples };
}

export function percentiles(samplesMs: ArrayLike<number>): Percentiles {
  const sorted = Float64Array.from(samplesMs).sort();
  return {
    p50_ms: percentile(sorted, 0.5),
    p90_ms: percentile(sorted, 0.9),
    p99_ms: percentile(sorted, 0.99),
    max_ms: percentile(sorted, 1),
    samples: sorted.length,
  };
}

/** Runs a measurement `times` times, one after the other, and stops between two when `signal` aborts. */
export async function repeat<T>(times: number, signal: AbortSignal, once: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < times; round++) {
    signal.throwIfAborted();
    // Repetitions that overlap would measure one another.
    results.push(await once(round));
  }
  return results;
}

/** Milliseconds of `count` calls, one at a time. */
export async function timeEach(count: number, call: (index: number) => Promise<void>): Promise<Float64Array> {
  const samples = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    await call(index);
    samples[index] = performance.now() - start;
  }
  return samples;
}

export interface Turns {
  /** Calls of each. */
  readonly count: number;
  /** So many of one, one right after another, before the next has its turn. Divides `count`. */
  readonly row: number;
  /** Nothing is done before each turn. */
  readonly restMs: number;
}

/** Milliseconds of calls of several, in turns. */
export async function timeInTurns<Calls extends readonly ((index: number) => Promise<void>)[]>(
  { count, row, restMs }: Turns, signal: AbortSignal, calls: readonly [...Calls],
): Promise<{ [K in keyof Calls]: number[] }> {
  const samples = calls.map((): number[] => []);
  for (let turn = 0; turn < count / row; turn++) {
    signal.throwIfAborted();
    for (const [i, call] of calls.entries()) {
      await new Promise((resolve) => { setTimeout(resolve, restMs); });
      samples[i]?.push(...await timeEach(row, (index) => call(turn * row + index)));
    }
  }
  return samples as { [K in keyof Calls]: number[] }; // one for each
}

/** Waits until `holds`, looking every few ms; throws with `what` after `timeoutMs`. */
export async function until(what: string, timeoutMs: number, signal: AbortSignal, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
