// What a process costs, as the kernel counts it. Linux only, like the engine's nodes.

import { readFileSync } from 'node:fs';

/** Unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_S = 100;
const KIB_PER_MIB = 1024;

/** Proportional set size: pages shared with other processes count by their share, so that sums are true. */
export function pssMib(pid: number): number {
  return parsePssKib(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) / KIB_PER_MIB;
}

/** Everything that it has in memory, whoever else has it, too. */
export function rssMib(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) / KIB_PER_MIB;
}

/** User and system time of all threads of a process since its start. */
export function cpuSeconds(pid: number): number {
  return parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) / TICKS_PER_S;
}

export function threadCount(pid: number): number {
  const found = /^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]);
}

export function parsePssKib(smapsRollup: string): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(smapsRollup)?.[1]);
}

export function parseCpuTicks(stat: string): number {
  // The command name is in parentheses and may hold anything, so fields are counted from its end: state is the first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
