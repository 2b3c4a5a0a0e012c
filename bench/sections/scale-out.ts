import { floodNoops, interchangePid } from '../engine.ts';
import { median, spread } from '../measure.ts';
import { cpuSeconds, pssMib } from '../process-usage.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';
import { openSimulated } from '../simulated.ts';
import type { Executor } from '../../src/sdk/index.ts';

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
  const oneRounds: Round[] = [];
  const manyRounds: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`${tasks} tasks on one manager and on all, round ${round + 1} of ${rounds}`);
    oneRounds.push(await measureRound(one.executor, tasks, signal));
    manyRounds.push(await measureRound(many.executor, tasks, signal));
  }
  const oneSpread = spread(oneRounds.map((round) => round.tasksPerS));
  const manySpread = spread(manyRounds.map((round) => round.tasksPerS));
  return {
    scale_out: {
      ratio: manySpread.median / oneSpread.median,
      managers,
      workers_per_manager: WORKERS_PER_MANAGER,
      tasks_per_s: manySpread.median,
      one_manager_tasks_per_s: oneSpread.median,
      interchange_cpu_us_per_task: median(manyRounds.map((round) => round.cpuUs)),
      one_manager_interchange_cpu_us_per_task: median(oneRounds.map((round) => round.cpuUs)),
      join_s: many.joinS,
      interchange_mib: pssMib(interchangePid(many.executor)),
      spread: { tasks_per_s: manySpread, one_manager_tasks_per_s: oneSpread },
    },
  };
}

interface Round {
  readonly tasksPerS: number;
  /** Of the interchange, per task. */
  readonly cpuUs: number;
}

async function measureRound(executor: Executor, tasks: number, signal: AbortSignal): Promise<Round> {
  const pid = interchangePid(executor);
  const before = cpuSeconds(pid);
  const { tasksPerS } = await floodNoops(executor, tasks, signal, 'nothing');
  return { tasksPerS, cpuUs: (cpuSeconds(pid) - before) * 1e6 / tasks };
}
