import { floodNoops, interchangePid, openEngine } from '../engine.ts';
import { median, repeat, spread } from '../measure.ts';
import { cpuSeconds } from '../process-usage.ts';
import type { BenchReport, ZeroWorkerPoint } from '../results.ts';
import type { Effort } from '../effort.ts';

const WARM_TASKS = 50_000;

/** The scheduler alone: managers acknowledge without running, so what is left is client, interchange and the wire. */
export async function zeroWorker(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick } = effort;
  const tasks = quick ? 100_000 : 1_000_000;
  const points = await measurePoints(quick ? [1] : [1, 2, 4], tasks, effort);
  const [one] = points;
  if (one === undefined) return {};
  return {
    zero_worker: {
      tasks_per_s: one.tasks_per_s.median,
      cpu_us_per_task: one.client_cpu_us_per_task + one.interchange_cpu_us_per_task,
      tasks,
      managers: points,
    },
  };
}

async function measurePoints(
  counts: readonly number[], tasks: number, effort: Effort,
): Promise<ZeroWorkerPoint[]> {
  const points: ZeroWorkerPoint[] = [];
  for (const managers of counts) {
    effort.progress(`${tasks} tasks, ${managers} managers that only acknowledge`);
    points.push(await measurePoint(managers, tasks, effort));
  }
  return points;
}

async function measurePoint(managers: number, tasks: number, effort: Effort): Promise<ZeroWorkerPoint> {
  const { signal } = effort;
  await using engine = await openEngine({ workers: 2, managers, zeroWorker: true }, effort);
  const { executor } = engine;
  await floodNoops(executor, WARM_TASKS, signal, 'nothing');
  const pid = interchangePid(executor);
  const rounds = await repeat(3, signal, async () => {
    const before = { client: cpuSeconds(process.pid), interchange: cpuSeconds(pid) };
    const { tasksPerS } = await floodNoops(executor, tasks, signal, 'nothing');
    const perTask = (after: number, start: number): number => (after - start) * 1e6 / tasks;
    return {
      tasksPerS,
      client: perTask(cpuSeconds(process.pid), before.client),
      interchange: perTask(cpuSeconds(pid), before.interchange),
    };
  });
  return {
    managers,
    tasks_per_s: spread(rounds.map((round) => round.tasksPerS)),
    client_cpu_us_per_task: median(rounds.map((round) => round.client)),
    interchange_cpu_us_per_task: median(rounds.map((round) => round.interchange)),
  };
}
