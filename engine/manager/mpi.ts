// What an MPI engine's manager finds out about its block, once.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { exec } from '../../src/common/exec.ts';
import type { MpiConfig } from '../../src/common/process-config.ts';
import { mpiexecForm, type Launch } from './launch-prefix.ts';
import { nodesOf } from './nodes.ts';

const VERSION_MAX_MS = 10_000;

export interface Block {
  readonly nodes: readonly string[];
  /** Tasks at a time. */
  readonly workers: number;
  readonly launch: Launch;
}

export async function findNodes(
  { launcher, workers, localNodes }: MpiConfig, environment: NodeJS.ProcessEnv,
): Promise<Block> {
  const nodes = nodesOf({
    environment, readFile: (path) => readFileSync(path, 'utf8'), local: { name: hostname(), count: localNodes },
  });
  return { nodes, workers, launch: { launcher, mpiexec: mpiexecForm(await mpiexecVersion()) } };
}

/** '' where there is no mpiexec: then it will not be used, or the task's own failure says so. */
async function mpiexecVersion(): Promise<string> {
  try {
    const { stdout, stderr } = await exec(['mpiexec', '--version'], { timeoutMs: VERSION_MAX_MS });
    return stdout + stderr;
  } catch {
    return '';
  }
}
