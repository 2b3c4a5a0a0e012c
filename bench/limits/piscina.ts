// What bare Piscina reaches with two threads: the ceiling of one promise and one message per task.

import { FixedQueue, Piscina } from 'piscina';
import { repeat, spread, type Spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import { PADDING } from '../work.ts';

export interface PiscinaLimit {
  readonly tasks_per_s: number;
  /** The setting that reached it. */
  readonly atomics: Atomics;
  readonly tasks_per_thread: number;
  readonly settings: readonly PiscinaSetting[];
}

export interface PiscinaSetting {
  readonly atomics: Atomics;
  readonly tasks_per_thread: number;
  readonly tasks_per_s: Spread;
}

type Atomics = 'sync' | 'async' | 'disabled';

const THREADS = 2;
const WARM_TASKS = 5000;

export async function measurePiscinaLimit(effort: Effort): Promise<PiscinaLimit> {
  const settings: PiscinaSetting[] = [];
  for (const atomics of ['sync', 'async', 'disabled'] as const) {
    for (const tasksPerThread of effort.quick ? [8] : [1, 8, 128]) {
      effort.progress(`bare Piscina: atomics ${atomics}, ${tasksPerThread} tasks per thread`);
      // One after the other: settings measured at once would share the cores.
      const rates = await measureSetting(atomics, tasksPerThread, effort);
      settings.push({ atomics, tasks_per_thread: tasksPerThread, tasks_per_s: spread(rates) });
    }
  }
  const [best] = settings.toSorted((a, b) => b.tasks_per_s.median - a.tasks_per_s.median);
  if (best === undefined) throw new Error('no Piscina setting was measured');
  const { atomics, tasks_per_thread, tasks_per_s } = best;
  return { tasks_per_s: tasks_per_s.median, atomics, tasks_per_thread, settings };
}

async function measureSetting(atomics: Atomics, concurrentTasksPerWorker: number, effort: Effort): Promise<number[]> {
  const pool = new Piscina<{ index: number; padding: string }, number>({
    filename: new URL('./piscina-worker.js', import.meta.url).href,
    name: 'noop',
    minThreads: THREADS,
    maxThreads: THREADS,
    maxQueue: Number.POSITIVE_INFINITY,
    taskQueue: new FixedQueue(),
    recordTiming: false,
    atomics,
    concurrentTasksPerWorker,
  });
  const tasksPerSecond = async (count: number): Promise<number> => {
    const start = performance.now();
    const results = Array.from({ length: count }, (_, index) => pool.run({ index, padding: PADDING }));
    for (const [index, result] of results.entries()) {
      // All are under way; each is looked at in turn.
      if (await result !== index) throw new Error(`Piscina answered task ${index} with another's value`);
    }
    return count * 1000 / (performance.now() - start);
  };
  try {
    await tasksPerSecond(WARM_TASKS);
    return await repeat(3, effort.signal, () => tasksPerSecond(effort.quick ? 10_000 : 50_000));
  } finally {
    await pool.destroy();
  }
}
