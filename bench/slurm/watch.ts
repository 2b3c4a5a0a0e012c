// What one look at many jobs costs: the scheduler's commands, and our own time with their answer.

import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { BatchProvider } from '../../providers/batch.ts';
import { localHost } from '../../providers/host/local.ts';
import type { Host } from '../../providers/host/host.ts';
import { parseSlurm, slurm } from '../../providers/slurm.ts';
import { median, repeat, spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import type { Slurm } from '../results.ts';
import { slurmKeys } from './site.ts';

const JOBS = 500;
/** Submissions under way at a time: a controller serves others, too. */
const LANES = 4;
const CANCEL_ATTEMPTS = 3;

interface Figures extends Pick<Slurm, 'watch_500_ms' | 'watch_500_commands'> {
  readonly spread: Pick<Slurm['spread'], 'watch_500_ms'>;
}

/** Real jobs, held in the queue so that they cost nobody a node, and all ended afterwards. */
export async function watchJobs({ directory, partition, progress, quick, signal }: Effort): Promise<Figures> {
  const site = new Site(partition);
  const ids: string[] = [];
  try {
    progress(`submitting ${JOBS} held jobs`);
    await submitAll(site.provider, join(directory, 'held'), ids, signal);
    const polls = await repeat(quick ? 3 : 15, signal, (round) => {
      progress(`asking about ${JOBS} jobs, repetition ${round + 1}`);
      return site.look(ids);
    });
    const ms = spread(polls.map((poll) => poll.ms));
    return {
      watch_500_ms: ms.median, watch_500_commands: median(polls.map((poll) => poll.commands)),
      spread: { watch_500_ms: ms },
    };
  } finally {
    progress(`ending ${ids.length} held jobs`);
    await cancelAll(site.provider, ids);
  }
}

/** A provider whose commands are counted. */
class Site {
  readonly provider: BatchProvider;
  #commands = 0;

  constructor(partition: string | undefined) {
    const config = parseSlurm({
      ...slurmKeys(partition), scheduler_options: '#SBATCH --hold', exclusive: false,
      launcher: { type: 'SimpleLauncher' },
    });
    const host: Host = {
      ...localHost,
      run: (argv, options) => {
        this.#commands += 1;
        return localHost.run(argv, options);
      },
    };
    this.provider = new BatchProvider(config, slurm(config), { host, clock: systemClock });
  }

  async look(ids: readonly string[]): Promise<{ readonly ms: number; readonly commands: number }> {
    const commands = this.#commands;
    const before = process.cpuUsage();
    const answers = await this.provider.status(ids);
    const { user, system } = process.cpuUsage(before);
    const held = [...answers.values()].filter(({ state }) => state === 'held').length;
    if (held !== ids.length) throw new Error(`of ${ids.length} held jobs ${held} were listed as such`);
    return { ms: (user + system) / 1000, commands: this.#commands - commands };
  }
}

/** Every job that there is stands in `ids`, also when it throws. */
async function submitAll(provider: BatchProvider, folder: string, ids: string[], signal: AbortSignal): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < JOBS) {
      signal.throwIfAborted();
      const { id } = await provider.submit({ name: `switchyard-bench-${next++}`, command: 'true', folder });
      ids.push(id);
    }
  };
  // All lanes come to their end before anything is cancelled.
  const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function cancelAll(provider: BatchProvider, ids: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await provider.cancel(ids);
    } catch (error) {
      if (attempt === CANCEL_ATTEMPTS) throw error;
    }
  }
}
