// A user endpoint ends with its supervisor. Between the two may be a script of the administrator's, so both are looked
// at: the process that started us, and the one that says it is our supervisor.

import type { Clock } from '../common/clock.ts';
import { processAt, stateOf, type Holder } from '../common/holder.ts';

export interface ParentWatch {
  /** Aborts when one of them is gone; the reason says which. */
  readonly gone: AbortSignal;
  close(): void;
}

const LOOK_MS = 500;

export function watchParent(supervisorPid: number, clock: Clock): ParentWatch {
  const gone = new AbortController();
  const parent = process.ppid;
  const supervisor = processAt(supervisorPid);
  const look = (): void => {
    if (process.ppid !== parent) gone.abort(`Parent (${parent}) has gone away; initiating shut down`);
    else if (!isThere(supervisor)) gone.abort(`Supervisor (${supervisorPid}) has gone away; initiating shut down`);
  };
  // Whoever is started by nobody was left alone before it could look.
  if (parent <= 1 && supervisorPid !== parent) gone.abort(`Pid ${supervisorPid} not parent; refusing to start`);
  else look();
  const end = clock.every(LOOK_MS, look);
  return { gone: gone.signal, close: end };
}

function isThere(supervisor: Holder): boolean {
  // Where /proc hides other users' processes, there is no time of its start to compare.
  if (supervisor.started !== '') return stateOf(supervisor) === 'alive';
  try {
    process.kill(supervisor.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
