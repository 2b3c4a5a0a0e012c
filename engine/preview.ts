// What a block would be, without asking for one: the script, how it would be submitted, the command on its nodes.

import { join } from 'node:path';
import { systemClock } from '../src/common/clock.ts';
import { ComputeError } from '../src/common/errors.ts';
import type { BlockId } from '../src/common/protocol.ts';
import type { Host, Premises } from '../providers/host/host.ts';
import { buildProvider } from '../providers/index.ts';
import { jobNameOf } from './allocation.ts';
import { managerCommand, premisesHere } from './blocks/start.ts';
import type { EngineConfig } from './config.ts';
import { contained } from './containers.ts';
import { folderOfBlock, newRunName } from './run.ts';

export interface BlockPreview {
  readonly provider: string;
  /** Blocks that would be submitted at the start. */
  readonly initBlocks: number;
  /** How the script would be submitted, as a shell would read it. */
  readonly submit: string;
  readonly path: string;
  readonly script: string;
  /** What the script's launcher starts on the nodes. */
  readonly launch: string;
}

/** Of the first block of a run that started now, in this directory of runs. A login node is asked what is there. */
export async function previewBlock(config: EngineConfig, directory: string): Promise<BlockPreview> {
  const run = join(directory, newRunName());
  const block = '0' as BlockId; // blocks are numbered in decimal, from 0
  const provider = buildProvider(config.provider, { directory: run, clock: systemClock });
  const premises = await premisesOf(provider.host, premisesHere(run));
  const folder = folderOfBlock(premises.folder, block);
  const launch = contained(config.container, managerCommand(folder), premises,
    config.working_dir ?? premises.workingDirectory);
  const preview = provider.preview?.({ name: jobNameOf(config.label, block), command: launch, folder });
  if (preview === undefined) {
    throw new ComputeError('USAGE', `${provider.type} cannot show its script: run without --dry-run`);
  }
  return { provider: provider.type, initBlocks: provider.policy.init_blocks, launch, ...preview };
}

async function premisesOf(host: Host, here: Premises): Promise<Premises> {
  try {
    return await host.premises(here);
  } finally {
    await host.close();
  }
}
