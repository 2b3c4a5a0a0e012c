// What whoever started us has left open without meaning it for us: it must not be open in user endpoints, either.

import { closeSync, readdirSync, readFileSync } from 'node:fs';

/**
 * O_CLOEXEC of linux/fcntl.h: ends with the next program. All that this process opens itself has it, and so have the
 * first few that it inherits: the runtime marks them when it starts. What is left are those that programs would get.
 */
const CLOSES_BY_ITSELF = 0o2000000;
const STANDARD = 3;

export function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fdinfo')) {
    const fd = Number(name);
    if (fd < STANDARD || closesByItself(name)) continue;
    try {
      closeSync(fd);
    } catch {
      // It was the one that the list was read by.
    }
  }
}

function closesByItself(name: string): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & CLOSES_BY_ITSELF) !== 0;
  } catch {
    return true; // it is closed
  }
}
