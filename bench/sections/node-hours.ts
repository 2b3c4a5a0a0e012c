import { leastNodeHours } from '../node-hours/bound.ts';
import { runOurs, type Settings, type Spent } from '../node-hours/ours.ts';
import { runParsl } from '../node-hours/parsl.ts';
import { trace, type Phase } from '../node-hours/trace.ts';
import type { BenchReport, Day } from '../results.ts';
import type { Effort } from '../effort.ts';

/** Everybody gives idle blocks back after a minute; the strategy of ours is that of the example engine files. */
const MAX_IDLETIME_S = 60;
const OURS: Settings = { strategy: 'htex_auto_scale', maxIdletime: MAX_IDLETIME_S };

/** What a day's work costs in node-hours, in simulated time: with our scaler, with the peer's, and at least. */
export async function nodeHours({ progress }: Effort): Promise<Partial<BenchReport>> {
  const phases = trace();
  progress("a simulated day with the engine's scaler");
  const ours = await runOurs(phases, OURS);
  progress("the same day with Parsl's strategies");
  const simple = await runParsl(phases, { strategy: 'simple', maxIdletime: MAX_IDLETIME_S });
  const autoScale = await runParsl(phases, { strategy: 'htex_auto_scale', maxIdletime: MAX_IDLETIME_S });
  const least = leastNodeHours(phases, ours.doneAtMs);
  return {
    node_hours: {
      ours: dayOf(phases, ours), least, ratio_to_least: ours.nodeHours / least,
      parsl_simple: dayOf(phases, simple), parsl_htex_auto_scale: dayOf(phases, autoScale),
    },
  };
}

function dayOf(phases: readonly Phase[], { nodeHours: hours, jobs, doneAtMs }: Spent): Day {
  const waitedMs = phases.reduce((sum, { tasks }, n) => sum + (doneAtMs[n] ?? 0) - (tasks[0]?.atMs ?? 0), 0);
  return { node_hours: hours, jobs, completion_h: waitedMs / 3_600_000 };
}
