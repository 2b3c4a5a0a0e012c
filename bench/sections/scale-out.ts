import { floodNoops, interchangePid } from '../engine.ts';
import { spread } from '../measure.ts';
import { pssMib } from '../process-usage.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../section.ts';
import { openSimulated } from '../simulated.ts';

const MANAGERS = 2048;
const WORKERS_PER_MANAGER = 32;
const WARM_TASKS = 50_000;

/**
 * Whether many managers slow the interchange down. The rounds with all managers alternate with rounds on an engine that
 * has one, so that whatever else the machine does hits both alike.
 */
export async function scaleOut(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const managers = quick ? 256 : MANAGERS;
  const tasks = quick ? 100_000 : 500_000;
  const rounds = quick ? 3 : 5;
  progress(`${managers} simulated managers with ${WORKERS_PER_MANAGER} workers each join`);
  await using one = await openSimulated(1, WORKERS_PER_MANAGER, effort);
  await using many = await openSimulated(managers, WORKERS_PER_MANAGER, effort);
  await floodNoops(one.executor, WARM_TASKS, signal, 'nothing');
  await floodNoops(many.executor, WARM_TASKS, signal, 'nothing');
  const oneRates: number[] = [];
  const manyRates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`${tasks} tasks on one manager and on all, round ${round + 1} of ${rounds}`);
    // oxlint-disable no-await-in-loop -- the rounds alternate: that is the point
    oneRates.push((await floodNoops(one.executor, tasks, signal, 'nothing')).tasksPerS);
    manyRates.push((await floodNoops(many.executor, tasks, signal, 'nothing')).tasksPerS);
    // oxlint-enable no-await-in-loop
  }
  const oneSpread = spread(oneRates);
  const manySpread = spread(manyRates);
  return {
    scale_out: {
      ratio: manySpread.median / oneSpread.median,
      managers,
      workers_per_manager: WORKERS_PER_MANAGER,
      tasks_per_s: manySpread.median,
      one_manager_tasks_per_s: oneSpread.median,
      join_s: many.joinS,
      interchange_mib: pssMib(interchangePid(many.executor)),
      spread: { tasks_per_s: manySpread, one_manager_tasks_per_s: oneSpread },
    },
  };
}
