// The blocks of runs as their schedulers see them, for whoever is not the engine of those runs: to list them, and to
// give back what a process left behind.

import type { Clock } from '../src/common/clock.ts';
import { stateOf, type Holder } from '../src/common/holder.ts';
import { buildProvider } from '../providers/index.ts';
import { TERMINAL_STATES, type Job, type JobStatus, type Provider } from '../providers/provider.ts';
import { openBlocks, type BlockRecord } from './blocks/records.ts';
import type { EngineConfig } from './config.ts';
import { ownerOf, RunFile, type FoundRun } from './run-file.ts';
import { closeRun, type ClaimedRun } from './run.ts';

export interface BlockSurvey {
  readonly record: BlockRecord;
  /** Absent while nobody knows whether the scheduler has it. */
  readonly job: Job | undefined;
  readonly status: JobStatus;
  /** The scheduler says so, though the run has not noted it. */
  readonly ended: boolean;
}

export interface RunSurvey {
  readonly run: FoundRun;
  readonly owner: Holder | undefined;
  /** `gone`: whatever is left of the run has nobody any more. */
  readonly engine: 'alive' | 'gone' | 'elsewhere';
  readonly nodesPerBlock: number;
  /** Those whose end is not noted. */
  readonly blocks: readonly BlockSurvey[];
  /** Why the scheduler could not be asked. */
  readonly problem?: string;
}

/** Asks the run's scheduler once, about all blocks that have not ended as far as the run has noted. */
export async function surveyRun(run: FoundRun, clock: Clock): Promise<RunSurvey> {
  const owner = ownerOf(run.record);
  const engine = owner === undefined ? 'gone' : stateOf(owner);
  const open = openBlocks(run.record.blocks);
  const site = siteOf(run, clock);
  const head = { run, owner, engine, nodesPerBlock: site.provider.policy.nodes_per_block };
  if (open.length === 0) return { ...head, blocks: [] };
  const blocks = (statusOf: (job: Job | undefined) => JobStatus): BlockSurvey[] => site.blocks.map(([record, job]) => {
    const status = statusOf(job);
    return { record, job, status, ended: TERMINAL_STATES.has(status.state) };
  });
  try {
    return { ...head, blocks: blocks(await site.status()) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...head, blocks: blocks(() => ({ state: 'unknown' })), problem };
  } finally {
    await site.provider.host.close();
  }
}

export interface Cleaned {
  /** Blocks that were given back, or had ended by themselves. */
  readonly ended: readonly BlockRecord[];
  /** Blocks that the scheduler still has. */
  readonly left: readonly BlockRecord[];
  readonly problem?: string;
}

/** Between two looks at jobs that were told to end; after so many of them they are told again. */
const LOOK_MS = 1_000;
const LOOKS_PER_ORDER = 5;

/** Cancels every block of a run and waits until the scheduler has them no more; at most so long. */
export async function cleanRun(run: ClaimedRun, clock: Clock, waitMs: number): Promise<Cleaned> {
  const site = siteOf(run, clock);
  const left = new Map(site.blocks);
  const ended: BlockRecord[] = [];
  let problem: string | undefined;
  const endMs = clock.now() + waitMs;
  for (let look = 0; ; look += 1) {
    try {
      const jobs = [...left.values()].flatMap((job) => job?.id ?? []);
      if (look % LOOKS_PER_ORDER === 0 && jobs.length > 0) await site.provider.cancel(jobs);
      const statuses = await site.status();
      problem = undefined;
      for (const [record, job] of left) {
        const { state } = statuses(job);
        if (!TERMINAL_STATES.has(state)) continue;
        run.file.ended(record.block, state);
        ended.push(record);
        left.delete(record);
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (left.size === 0 || clock.now() >= endMs) break;
    await clock.sleep(LOOK_MS);
  }
  await site.provider.host.close();
  if (left.size === 0) await closeRun(run, clock.now());
  else await run.file.release();
  return { ended, left: [...left.keys()], ...(problem === undefined ? {} : { problem }) };
}

/** Claims a run for cleaning; undefined when somebody has it. */
export async function claimRun(run: FoundRun): Promise<ClaimedRun | undefined> {
  const file = await RunFile.claim(run.folder);
  return file === undefined ? undefined : { ...run, file };
}

interface Site {
  readonly provider: Provider;
  readonly blocks: readonly (readonly [BlockRecord, Job | undefined])[];
  /** Throws what the scheduler's command fails of. */
  status(): Promise<(job: Job | undefined) => JobStatus>;
}

/** A provider as the run's own, that knows the run's jobs. */
function siteOf({ folder, record: { header, blocks } }: FoundRun, clock: Clock): Site {
  // Written by the run's engine, which had checked it.
  const { provider: config } = header.config as EngineConfig;
  const provider = buildProvider(config, { directory: folder, clock });
  const known = openBlocks(blocks).map((record) => {
    const job = record.job ?? provider.recover?.(record, record.intendedAtMs);
    if (record.job !== undefined) provider.adopt?.(record.job);
    return [record, job] as const;
  });
  const ids = known.flatMap(([, job]) => job?.id ?? []);
  return {
    provider,
    blocks: known,
    status: async () => {
      const answers = ids.length === 0 ? new Map<string, JobStatus>() : await provider.status(ids);
      return (job) => {
        if (job === undefined) return { state: 'missing', reason: 'it was never submitted' };
        return answers.get(job.id) ?? { state: 'unknown' };
      };
    },
  };
}
