// One run of an engine: its folder and its keys.
//
//   <directory>/<time>-<pid>/   0700
//     interchange.log
//     blocks/<block>/           manager.json 0600, the scheduler's script and output, logs of its managers

import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ComputeError } from '../src/common/errors.ts';
import type { KeyPair } from '../src/common/process-config.ts';
import type { EngineConfig } from './config.ts';
import { makeKeys } from './socket.ts';

export interface RunKeys {
  readonly server: KeyPair;
  readonly manager: KeyPair;
}

export interface Run {
  readonly folder: string;
  readonly logLevel: string;
  /** null: not encrypted. Fresh for each run; they reach other processes on stdin or in 0600 files only. */
  readonly keys: RunKeys | null;
}

/** In the home directory, because compute nodes read it too. */
export const DEFAULT_DIRECTORY = join(homedir(), '.switchyard', 'runs');

export async function openRun(
  config: EngineConfig, directory = DEFAULT_DIRECTORY, logLevel = config.worker_debug ? 'debug' : 'info',
): Promise<Run> {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = await makeFolder(join(resolve(directory), `${stamp}-${process.pid}`));
  await mkdir(join(name, 'blocks'), { mode: 0o700 });
  return {
    folder: name,
    logLevel,
    keys: config.encrypted ? { server: makeKeys(), manager: makeKeys() } : null,
  };
}

/** Makes the folder, under this name or one like it that is free. */
async function makeFolder(wanted: string): Promise<string> {
  try {
    await mkdir(dirname(wanted), { recursive: true });
    for (let name = wanted, i = 2; ; name = `${wanted}-${i++}`) {
      // oxlint-disable-next-line no-await-in-loop -- one name after the other until one is free
      if (await makeNew(name)) return name;
    }
  } catch (cause) {
    throw new ComputeError('STORAGE_FAILED',
      `could not make the run folder ${wanted}: choose a directory that you can write to`, { cause });
  }
}

/** False when there is one of this name. */
async function makeNew(name: string): Promise<boolean> {
  try {
    await mkdir(name, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
