// The two kinds of mpiexec that every Debian has, each under the plain names that a site gives its own.

import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const KINDS = ['mpich', 'openmpi'] as const;
export type Kind = typeof KINDS[number];

/** The text of a `program` that is this kind's. Throws what to install. */
export function standIn(program: 'mpiexec' | 'mpirun', kind: Kind): string {
  try {
    execFileSync('which', [`${program}.${kind}`], { stdio: 'pipe' });
  } catch {
    const needed = kind === 'mpich' ? 'mpich' : 'openmpi-bin';
    throw new Error(`this test needs ${program}.${kind}: apt-get install ${needed}`);
  }
  return `#!/bin/sh\nexec ${program}.${kind} "$@"\n`;
}

/** A folder below `directory`, for the PATH, in which mpiexec and mpirun are this kind's. */
export async function mpiPath(directory: string, kind: Kind): Promise<string> {
  const path = join(directory, kind);
  await mkdir(path, { recursive: true });
  for (const program of ['mpiexec', 'mpirun'] as const) {
    await writeFile(join(path, program), standIn(program, kind));
    await chmod(join(path, program), 0o755);
  }
  await chmod(path, 0o755);
  return path;
}
