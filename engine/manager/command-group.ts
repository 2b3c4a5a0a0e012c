// The process groups of a slot, the running command's and the Python interpreter's: their end, when the task must end.

import type { Clock } from '../../src/common/clock.ts';
import { killGroup } from '../../src/common/exec.ts';
import type { Slot } from './slot.ts';

/** How long a command that is just being started may take until its group is known. */
const START_MAX_MS = 2000;
/** How long srun or mpiexec may take to end what it started on other nodes: what they leave behind stays there. */
const LAUNCHER_GRACE_MS = 5000;

/** How long a worker may take to account for its tasks when its interpreter was ended. */
const ACCOUNT_MAX_MS = 5000;

export function endGroups({ memory }: Slot): void {
  for (const pgid of [memory.commandGroup, memory.interpreter]) if (pgid > 0) killGroup(pgid, 'SIGKILL');
}

/**
 * Ends a Python task with its interpreter. The worker lives on and knows what became of the others of its assignment:
 * this resolves when it has said so, or after a while.
 */
export async function endInterpreter(slot: Slot, clock: Clock): Promise<void> {
  const { memory, segment } = slot;
  if (slot.seat !== undefined && slot.seat.nodes.length > 0) await endLauncher(slot, () => memory.interpreter, clock);
  if (slot.segment !== segment) return;
  endGroups(slot);
  const latestMs = clock.now() + ACCOUNT_MAX_MS;
  // oxlint-disable-next-line no-await-in-loop -- until it is done
  while (slot.segment === segment && clock.now() < latestMs) await clock.sleep(10);
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
  if (slot.seat !== undefined && slot.seat.nodes.length > 0) await endLauncher(slot, () => memory.commandGroup, clock);
  if (slot.segment === segment) endGroups(slot);
}

/** On other nodes than this only the task's own launcher can end anything. */
async function endLauncher(slot: Slot, group: () => number, clock: Clock): Promise<void> {
  const { segment } = slot;
  const pgid = group();
  if (pgid <= 0) return;
  killGroup(pgid, 'SIGTERM');
  const latestMs = clock.now() + LAUNCHER_GRACE_MS;
  // oxlint-disable-next-line no-await-in-loop -- until it has ended
  while (slot.segment === segment && group() === pgid && clock.now() < latestMs) await clock.sleep(10);
}
