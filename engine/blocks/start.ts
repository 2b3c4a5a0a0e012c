// What a block's managers need: a file with their config and keys, and the script that starts one. A block may be asked
// for while the interchange still starts, and then its file is there and empty until the config is known: a file that
// is missed is remembered as missing by network file systems for a while.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import { quoteAll } from '../../src/common/quote.ts';
import type { Host, Premises } from '../../providers/host/host.ts';
import { managerScript } from './manager-script.ts';

/** The end of a file is enough to see that it is whole. */
const END_BYTES = 16;
const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));

/** What managers need of this machine; a host says what stands for it on its side. */
export function premisesHere(runFolder: string): Premises {
  return { folder: runFolder, workingDirectory: process.cwd(), node: process.execPath, packageDirectory: PACKAGE };
}

/** Where a block's files are: on this host, with these premises, in this folder. */
export interface BlockPlace {
  readonly host: Host;
  readonly premises: Premises;
  readonly folder: string;
}

/**
 * Writes the block's files, readable by their owner only, and returns the command that starts a manager with them.
 * Without a config its managers wait for it.
 */
export async function openBlock(place: BlockPlace, config: ManagerConfig | undefined): Promise<string> {
  const { host, premises, folder } = place;
  const main = join(premises.packageDirectory, 'dist/engine/manager/main.js');
  if (config === undefined) await host.write(configPath(folder), '', 0o600);
  else await completeBlock(place, config);
  await host.write(scriptPath(folder), managerScript(folder, [premises.node, main, configPath(folder)]), 0o700);
  return managerCommand(folder);
}

/** Tells the block's managers what they wait for: a whole line. */
export async function completeBlock({ host, folder }: BlockPlace, config: ManagerConfig): Promise<void> {
  await host.write(configPath(folder), `${JSON.stringify(config)}\n`, 0o600);
}

/** Whether the block's managers have been told. */
export async function isComplete({ host, folder }: BlockPlace): Promise<boolean> {
  return (await host.excerpt(configPath(folder), END_BYTES)).endsWith('\n');
}

/** Starts one manager of the block with this folder. */
export function managerCommand(folder: string): string {
  return quoteAll(['bash', scriptPath(folder)]);
}

/** The keys are of no use after the run. */
export async function forgetBlock(host: Host, folder: string): Promise<void> {
  await host.remove(configPath(folder));
}

function configPath(folder: string): string {
  return join(folder, 'manager.json');
}

function scriptPath(folder: string): string {
  return join(folder, 'manager.sh');
}
