// The process group of the command that a slot's task runs: its end, when the task must end.

import type { Clock } from '../../src/common/clock.ts';
import { killGroup } from '../../src/common/exec.ts';
import type { Slot } from './slot.ts';

/** How long a command that is just being started may take until its group is known. */
const START_MAX_MS = 2000;
/** How long srun or mpiexec may take to end what it started on other nodes: what they leave behind stays there. */
const LAUNCHER_GRACE_MS = 5000;

export function endCommand(slot: Slot): void {
  const pgid = slot.memory.commandGroup;
  if (pgid > 0) killGroup(pgid, 'SIGKILL');
}

/** The same, a moment later where the command is just being started: then nobody knows its group yet. */
export async function endStartingCommand(slot: Slot, clock: Clock): Promise<void> {
  const { memory, segment } = slot;
  const latestMs = clock.now() + START_MAX_MS;
  while (memory.commandStarting && slot.segment === segment && clock.now() < latestMs) {
    // oxlint-disable-next-line no-await-in-loop -- until it is known
    await clock.sleep(1);
  }
  if (slot.segment !== segment) return;
  if (slot.seat !== undefined && slot.seat.nodes.length > 0) await endLauncher(slot, clock);
  if (slot.segment === segment) endCommand(slot);
}

/** On other nodes than this only the task's own launcher can end anything. */
async function endLauncher({ memory }: Slot, clock: Clock): Promise<void> {
  const pgid = memory.commandGroup;
  if (pgid <= 0) return;
  killGroup(pgid, 'SIGTERM');
  const latestMs = clock.now() + LAUNCHER_GRACE_MS;
  // oxlint-disable-next-line no-await-in-loop -- until it has ended
  while (memory.commandGroup === pgid && clock.now() < latestMs) await clock.sleep(10);
}
