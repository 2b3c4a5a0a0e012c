import { echoFunction, openEngine } from '../engine.ts';
import { median, repeat } from '../measure.ts';
import type { BenchReport, ThroughputPoint } from '../results.ts';
import type { Effort } from '../effort.ts';
import type { Executor } from '../../src/sdk/index.ts';
import { megabytesPerSecond } from '../work.ts';

const WORKERS = [1, 2, 4, 8] as const;
/** Payload bytes → tasks of one repetition: about as many bytes each, so that every point takes about as long. */
const GRID = [[0, 40_000], [100, 40_000], [10_000, 8_000], [100_000, 1_000], [1_000_000, 100]] as const;

/** Throughput over worker counts and payload sizes; argument and result are the same buffer. */
export async function throughput(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const points: ThroughputPoint[] = [];
  for (const workers of quick ? [1, 2] : WORKERS) {
    await using engine = await openEngine({ workers }, effort);
    const { executor } = engine;
    for (const [bytes, count] of GRID) {
      const tasks = quick ? count / 10 : count;
      progress(`${workers} workers, ${tasks} tasks of ${bytes} bytes`);
      const seconds = await measurePoint(executor, bytes, tasks, signal);
      points.push({
        workers, payload_bytes: bytes, tasks, tasks_per_s: tasks / seconds,
        mb_per_s: megabytesPerSecond(tasks, bytes, seconds),
      });
    }
  }
  return { throughput: points };
}

/** Median seconds of three repetitions after one to warm up. */
async function measurePoint(executor: Executor, bytes: number, tasks: number, signal: AbortSignal): Promise<number> {
  const content = Buffer.alloc(bytes, 7);
  const once = async (): Promise<number> => {
    const start = performance.now();
    const futures = Array.from({ length: tasks }, () => executor.submit(echoFunction, content));
    for (const future of futures) {
      // All are under way; each is looked at in turn.
      if ((await future).length !== bytes) throw new Error(`a payload of ${bytes} bytes came back changed`);
    }
    return (performance.now() - start) / 1000;
  };
  await once();
  return median(await repeat(3, signal, once));
}
