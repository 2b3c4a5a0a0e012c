// SlurmProviders of an ordinary user on a test's cluster, and their blocks.

import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/common/clock.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { BatchProvider } from '../../providers/batch.ts';
import type { Host } from '../../providers/host/host.ts';
import type { Job, JobState, JobStatus } from '../../providers/provider.ts';
import { parseSlurm, slurm } from '../../providers/slurm.ts';
import { folderOf, type Cluster, type RunOptions } from './cluster.ts';

export type Keys = Readonly<Record<string, unknown>>;

/** Real time, and as much more as a test wants to have passed. */
export class AheadClock implements Clock {
  aheadMs = 0;

  now(): number {
    return systemClock.now() + this.aheadMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  every(ms: number, run: () => void): () => void {
    return systemClock.every(ms, run);
  }
}

export class SlurmSite {
  readonly cluster: Cluster;
  readonly clock = new AheadClock();
  /** The commands that providers ran, by name. */
  readonly commands: string[] = [];
  #blocks = 0;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  provider(keys: Keys = {}): BatchProvider {
    const config = parseSlurm({ walltime: '00:05:00', launcher: { type: 'SimpleLauncher' }, ...keys });
    const host = this.cluster.host();
    const watched: Host = {
      ...host,
      run: (argv, options) => {
        this.commands.push(argv.find((word) => /^(sbatch|squeue|sacct|scancel)$/.test(word)) ?? argv.join(' '));
        return host.run(argv, options);
      },
    };
    return new BatchProvider(config, slurm(config), { host: watched, clock: this.clock });
  }

  /** A block whose manager is this bash script. */
  async start(provider: BatchProvider, script: string): Promise<Job> {
    const name = `block-${this.#blocks++}`;
    const folder = await folderOf(this.cluster, 'swy-alice', join('blocks', name));
    return provider.submit({ name, command: quoteAll(['bash', '-c', script]), folder });
  }

  async status(provider: BatchProvider, job: Job): Promise<JobStatus> {
    return (await provider.status([job.id])).get(job.id) ?? { state: 'missing', reason: 'no answer' };
  }

  /** The job's status as soon as it is one of these. */
  async become(provider: BatchProvider, job: Job, ...states: readonly JobState[]): Promise<JobStatus> {
    let status: JobStatus = { state: 'unknown' };
    await this.until(`${job.id} to be ${states.join(' or ')}`, async () => {
      status = await this.status(provider, job);
      return states.includes(status.state);
    }, () => JSON.stringify(status));
    return status;
  }

  async until(what: string, look: () => Promise<boolean>, seen = (): string => 'nothing'): Promise<void> {
    for (const end = performance.now() + DEADLINE_MS; performance.now() < end;) {
      if (await look()) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`waited in vain for ${what}; there is ${seen()}`);
  }

  /** What squeue shows of all jobs, or of these. */
  async queue(format: string, ...which: readonly string[]): Promise<string[]> {
    const text = await this.cluster.print(['squeue', '--noheader', '--states=all', `--format=${format}`, ...which]);
    return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  }

  scontrol(...words: readonly string[]): Promise<string> {
    return this.#asRoot('scontrol', words);
  }

  /** Behind everybody's back. */
  scancel(...words: readonly string[]): Promise<string> {
    return this.#asRoot('scancel', words);
  }

  /** Nothing of one test is in the way of the next. */
  async clear(): Promise<void> {
    await this.scancel('--user=swy-alice');
    const busy = ['--states=PENDING,RUNNING,COMPLETING,SUSPENDED,CONFIGURING'];
    await this.until('an empty queue', async () => {
      const text = await this.cluster.print(['squeue', '--noheader', '--format=%i %T', ...busy]);
      return text === '';
    });
  }

  #asRoot(command: string, words: readonly string[]): Promise<string> {
    const options: RunOptions = { user: 'root' };
    return this.cluster.print([command, ...words], options);
  }
}

const DEADLINE_MS = 150_000;
