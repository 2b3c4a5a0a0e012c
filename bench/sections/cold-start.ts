import { FreshClient } from '../fresh-client.ts';
import { repeat, spread } from '../measure.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/** From the start of a fresh process that imports the SDK to its first result: interchange, block and worker. */
export async function coldStart(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const times = await repeat(quick ? 3 : 7, signal, async (round) => {
    progress(`fresh process to first result, repetition ${round + 1}`);
    await using client = await FreshClient.start(effort);
    return client.seconds;
  });
  const coldStarts = spread(times);
  return { cold_start_s: coldStarts.median, cold_start: coldStarts };
}
