// Whose processes there are, as the kernel lists them.

import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Of a local account, all of them. */
export function processesOf(uid: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && ownerOf(name) === uid).map(Number);
}

/** Those that a process has started itself, with any of its threads. */
export function childrenOf(pid: number): number[] {
  return listed(`/proc/${pid}/task`).flatMap((thread) => childrenIn(`/proc/${pid}/task/${thread}/children`));
}

/** With the process itself. */
export function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function childrenIn(path: string): number[] {
  try {
    return readFileSync(path, 'utf8').split(' ').filter((word) => word !== '').map(Number);
  } catch {
    return []; // the thread has ended
  }
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has ended
  }
}

function ownerOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined; // it has ended
  }
}
