// Which process something belongs to: ids are used again, so a process is its id, its host and the time of its start.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot, as the kernel tells it; '' where it does not. */
  readonly started: string;
}

export function thisProcess(): Holder {
  return processAt(process.pid);
}

/** A process of this host. */
export function processAt(pid: number): Holder {
  return { host: hostname(), pid, started: startOf(pid) ?? '' };
}

/** `elsewhere`: it is, or was, a process of another host, which cannot be asked about here. */
export function stateOf({ host, pid, started }: Holder): 'alive' | 'gone' | 'elsewhere' {
  if (host !== hostname()) return 'elsewhere';
  return startOf(pid) === started ? 'alive' : 'gone';
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets. undefined: no such process. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined; // there is no such process, or no /proc to ask
  }
}
