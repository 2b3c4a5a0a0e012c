// What a block's managers need: a file with their config and keys, and the script that starts one.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { managerScript } from './manager-script.ts';

const MAIN = fileURLToPath(new URL('../manager/main.js', import.meta.url));

/** Writes the block's files, readable by their owner only, and returns the command that starts a manager with them. */
export async function writeBlock(folder: string, config: ManagerConfig): Promise<string> {
  const path = configPath(folder);
  const script = scriptPath(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path, JSON.stringify(config), { mode: 0o600, flag: 'wx' });
    await writeFile(script, managerScript(folder, [process.execPath, MAIN, path]), { mode: 0o700 });
  } catch (cause) {
    throw new ComputeError('STORAGE_FAILED',
      `could not write the block's file ${path}: check space and permissions`, { cause });
  }
  return managerCommand(folder);
}

/** Starts one manager of the block with this folder. */
export function managerCommand(folder: string): string {
  return quoteAll(['bash', scriptPath(folder)]);
}

/** The keys are of no use after the run. */
export async function forgetBlock(folder: string): Promise<void> {
  await rm(configPath(folder), { force: true });
}

function configPath(folder: string): string {
  return join(folder, 'manager.json');
}

function scriptPath(folder: string): string {
  return join(folder, 'manager.sh');
}
