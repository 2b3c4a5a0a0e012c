import { floodNoops, interchangePid } from '../engine.ts';
import { repeat, spread } from '../measure.ts';
import { pssMib } from '../process-usage.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../section.ts';
import { openSimulated } from '../simulated.ts';

const MANAGERS = 2048;
const WORKERS_PER_MANAGER = 32;
const WARM_TASKS = 50_000;

/** Whether many managers slow the interchange down: their real protocol, in one process, without threads. */
export async function scaleOut(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const managers = quick ? 256 : MANAGERS;
  const tasks = quick ? 100_000 : 500_000;
  const measure = async (count: number): Promise<{ rates: number[]; joinS: number; interchangeMib: number }> => {
    progress(`${count} simulated managers with ${WORKERS_PER_MANAGER} workers each`);
    await using engine = await openSimulated(count, WORKERS_PER_MANAGER, effort);
    const { executor, joinS } = engine;
    await floodNoops(executor, WARM_TASKS, signal, 'nothing');
    const rates = await repeat(3, signal, async () => (await floodNoops(executor, tasks, signal, 'nothing')).tasksPerS);
    return { rates, joinS, interchangeMib: pssMib(interchangePid(executor)) };
  };
  const one = await measure(1);
  const many = await measure(managers);
  const oneRates = spread(one.rates);
  const manyRates = spread(many.rates);
  return {
    scale_out: {
      ratio: manyRates.median / oneRates.median,
      managers,
      workers_per_manager: WORKERS_PER_MANAGER,
      tasks_per_s: manyRates.median,
      one_manager_tasks_per_s: oneRates.median,
      join_s: many.joinS,
      interchange_mib: many.interchangeMib,
      spread: { tasks_per_s: manyRates, one_manager_tasks_per_s: oneRates },
    },
  };
}
