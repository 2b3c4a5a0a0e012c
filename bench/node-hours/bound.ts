// The least that any schedule can cost that is done as early, though it knows every task and every wait beforehand:
// blocks stand ready when tasks come, are packed without a gap, and end with their last task. A schedule that costs
// this little need not exist; none costs less.

import { CLUSTER, SLOTS_PER_BLOCK, type Phase } from './trace.ts';

/** In node-hours. `doneAtMs`: when each phase has to be done. */
export function leastNodeHours(phases: readonly Phase[], doneAtMs: readonly number[]): number {
  const blockMs = phases.reduce((sum, phase, n) => sum + leastBlockMs(phase, doneAtMs[n] ?? Infinity), 0);
  return blockMs * CLUSTER.nodesPerBlock / 3_600_000;
}

function leastBlockMs({ tasks }: Phase, doneAtMs: number): number {
  const workMs = tasks.reduce((sum, { runMs }) => sum + runMs, 0);
  const longestMs = Math.max(...tasks.map(({ runMs }) => runMs));
  const firstAtMs = Math.min(...tasks.map(({ atMs }) => atMs));
  // So many blocks have to be started, or some slot would have to run two tasks at a time.
  const blocks = Math.ceil(workMs / SLOTS_PER_BLOCK / (doneAtMs - firstAtMs));
  return Math.max(workMs / SLOTS_PER_BLOCK, longestMs) + blocks * CLUSTER.startUpMs;
}
