// A virtual environment with one pinned package, made once and kept in the user's cache.

import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import type { Effort } from '../effort.ts';

/** A distribution's own Python first: it is usually the better optimised build, which is fair to the peer. */
const CANDIDATES = ['/usr/bin/python3', 'python3'] as const;
const PROBE_TIMEOUT_MS = 20_000;
const VENV_TIMEOUT_MS = 120_000;
const INSTALL_TIMEOUT_MS = 300_000;

export interface Environment {
  readonly folder: string;
  readonly python: string;
}

/** `requirement` is pinned ("parsl==1.2"), so an environment that is complete never has to be made again. */
export async function ensureEnvironment(
  requirement: string, wanted: string | undefined, effort: Effort,
): Promise<Environment> {
  const python = await findPython(wanted, effort.signal);
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const name = `${requirement}-${python}`.replaceAll(/[^\w.]+/g, '-');
  const folder = join(cache, 'switchyard', 'bench', name);
  const complete = join(folder, 'complete');
  const environment = { folder, python: join(folder, 'bin', 'python') };
  if (existsSync(complete)) return environment;

  effort.progress(`making a virtual environment for ${requirement} in ${folder}`);
  await rm(folder, { recursive: true, force: true }); // a half-made one has no `complete`
  await mkdir(folder, { recursive: true });
  await mustRun([python, '-m', 'venv', folder], VENV_TIMEOUT_MS, effort.signal,
    `${python} could not make a virtual environment (on Debian: install python3-venv)`);
  effort.progress(`installing ${requirement} with pip`);
  await mustRun(
    [environment.python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', requirement],
    INSTALL_TIMEOUT_MS, effort.signal, `pip could not install ${requirement}`,
  );
  await writeFile(complete, `${requirement}\n`);
  return environment;
}

async function findPython(wanted: string | undefined, signal: AbortSignal): Promise<string> {
  const candidates = wanted === undefined ? CANDIDATES : [wanted];
  for (const python of candidates) {
    if (await canMakeEnvironments(python, signal)) return python;
  }
  throw new ComputeError('COMMAND_FAILED',
    `none of ${candidates.join(', ')} can make a virtual environment: install python3 with venv and pip, `
    + 'or name one with --python');
}

async function canMakeEnvironments(python: string, signal: AbortSignal): Promise<boolean> {
  try {
    const probe = await exec([python, '-c', 'import venv, ensurepip'], { timeoutMs: PROBE_TIMEOUT_MS, signal });
    return probe.code === 0;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ComputeError) return false; // it is not there, or hangs: the next one
    throw error;
  }
}

async function mustRun(
  argv: readonly [string, ...string[]], timeoutMs: number, signal: AbortSignal, failure: string,
): Promise<void> {
  const output = await exec(argv, { timeoutMs, signal });
  if (output.code === 0) return;
  const lastLine = (output.stderr.trim() || output.stdout.trim()).split('\n').at(-1) ?? '';
  throw new ComputeError('COMMAND_FAILED', `${failure}: ${lastLine}`);
}
