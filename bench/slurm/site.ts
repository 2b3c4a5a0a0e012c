// The Slurm cluster that this machine is a login node of.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';

const COMMAND_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 120_000;
const IDLE_LOOK_MS = 200;

/** Whether there is one, and whether it answers. */
export async function slurmAnswers(signal: AbortSignal): Promise<boolean> {
  try {
    const { code } = await exec(['sinfo', '--noheader'], { timeoutMs: COMMAND_TIMEOUT_MS, signal });
    return code === 0;
  } catch (error) {
    if (error instanceof ComputeError && !signal.aborted) return false; // no such command, or it hangs
    throw error;
  }
}

/** A folder that the nodes see, too. */
export async function sharedFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const parent = join(homedir(), '.switchyard');
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, 'bench-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 200 }),
  };
}

/** The jobs that this user has, by their ids. */
export async function ownJobs(signal: AbortSignal): Promise<ReadonlySet<string>> {
  const argv = ['squeue', '--me', '--noheader', '--format=%i'] as const;
  const { code, stdout, stderr } = await exec(argv, { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  if (code === 0) return new Set(stdout.split('\n').filter((line) => line !== ''));
  throw new ComputeError('COMMAND_FAILED', `squeue failed: ${stderr.trim()}`);
}

/** Waits until this user has no other jobs than these: what the last round started has left its nodes. */
export async function onlyThese(before: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + IDLE_TIMEOUT_MS; ;) {
    const others = [...await ownJobs(signal)].filter((id) => !before.has(id));
    if (others.length === 0) return;
    if (performance.now() > end) {
      throw new ComputeError('COMMAND_FAILED',
        `jobs ${others.join(', ')} are still there after ${IDLE_TIMEOUT_MS / 1000} s: end them with scancel`);
    }
    await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MS));
  }
}

/** The field's keys for a block of this section. */
export function slurmKeys(partition: string | undefined): Readonly<Record<string, unknown>> {
  return { walltime: '00:05:00', ...(partition === undefined ? {} : { partition }) };
}
