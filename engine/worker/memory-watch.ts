// Watches what memory a process has, where it cannot be held to a limit: a limit of the kernel's on address space or
// data also counts what is never touched, which libraries for numbers and devices ask for in plenty.

import { readFileSync } from 'node:fs';

/** Looking takes some 30 µs. What is allocated in between may pass the limit for so long. */
const LOOK_MS = 100;
const KIB_PER_MIB = 1024;

/** Calls `onPassed` once, with what the process has by then, in MiB. Ends when the returned function is called. */
export function watchMemory(pid: number, limitMiB: number, onPassed: (hasMiB: number) => void): () => void {
  const timer = setInterval(() => {
    const hasMiB = ownMemoryMiB(statusOf(pid));
    if (hasMiB <= limitMiB) return;
    clearInterval(timer);
    onPassed(hasMiB);
  }, LOOK_MS);
  return () => clearInterval(timer);
}

/**
 * Of the text of /proc/PID/status: what the process alone can give back, in memory or swapped out. Without pages of
 * files, which the kernel takes back when it needs them, and memory that it shares with others.
 */
export function ownMemoryMiB(status: string): number {
  const kib = status.matchAll(/^(?:RssAnon|VmSwap):\s+(\d+) kB$/gm);
  return [...kib].reduce((sum, [, one]) => sum + Number(one), 0) / KIB_PER_MIB;
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return ''; // it has ended, and its end is told by itself
  }
}
