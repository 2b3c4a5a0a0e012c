import { floodNoops, openEngine } from '../engine.ts';
import { repeat, spread } from '../measure.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

const WORKERS = 2;
const WARM_TASKS = 50_000;

/** No-op tasks with 100-byte arguments through real interchange and manager processes, every value checked. */
export async function noOp(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const tasks = quick ? 100_000 : 1_000_000;
  await using engine = await openEngine({ workers: WORKERS }, effort);
  const { executor } = engine;
  await floodNoops(executor, WARM_TASKS, signal);
  const floods = await repeat(3, signal, (round) => {
    progress(`${tasks} tasks on ${WORKERS} workers, repetition ${round + 1}`);
    return floodNoops(executor, tasks, signal);
  });
  const tasksPerS = spread(floods.map((flood) => flood.tasksPerS));
  const submitsPerS = spread(floods.map((flood) => flood.submitsPerS));
  return {
    no_op: {
      tasks_per_s: tasksPerS.median,
      submits_per_s: submitsPerS.median,
      tasks,
      workers: WORKERS,
      spread: { tasks_per_s: tasksPerS, submits_per_s: submitsPerS },
    },
  };
}
