// What a block's managers need: a file with their config and keys, and the command that starts one.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import { quoteAll } from '../../src/common/quote.ts';

const MAIN = fileURLToPath(new URL('../manager/main.js', import.meta.url));

/** Writes the block's file, readable by its owner only, and returns the command that starts a manager with it. */
export async function writeBlock(folder: string, config: ManagerConfig): Promise<string> {
  const path = configPath(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path, JSON.stringify(config), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new ComputeError('STORAGE_FAILED',
      `could not write the block's file ${path}: check space and permissions`, { cause });
  }
  return quoteAll([process.execPath, MAIN, path]);
}

/** The keys are of no use after the run. */
export async function forgetBlock(folder: string): Promise<void> {
  await rm(configPath(folder), { force: true });
}

function configPath(folder: string): string {
  return join(folder, 'manager.json');
}
