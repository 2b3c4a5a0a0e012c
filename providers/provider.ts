// The contract of this room: ask a scheduler for blocks of nodes, ask about them, give them back.

import type { Launcher } from '../launchers/launcher.ts';
import type { Host } from './host/host.ts';

/**
 * What a scheduler says of a job, in the field's words. Terminal ones never change again.
 * `missing`: the scheduler does not know the job any more and nothing says how it ended.
 */
export type JobState =
  | 'pending' | 'running' | 'held' | 'unknown'
  | 'completed' | 'failed' | 'timeout' | 'cancelled' | 'missing';

export const TERMINAL_STATES: ReadonlySet<JobState> =
  new Set<JobState>(['completed', 'failed', 'timeout', 'cancelled', 'missing']);

export interface JobStatus {
  readonly state: JobState;
  /** Exit status of the job's script, once it has one. */
  readonly exitCode?: number;
  /** The scheduler's reason or message, in its own words. */
  readonly reason?: string;
  /** When the scheduler will end the job (epoch ms), if it has said so. */
  readonly endsAtMs?: number;
  /** The scheduler did not answer when the job was submitted, and turned out not to have it. */
  readonly neverQueued?: true;
}

export interface JobSpec {
  /** Unique in the run; becomes the job's name and the stem of its files. */
  readonly name: string;
  /** The command that starts one manager, as one line of quoted words; the provider's launcher wraps it. */
  readonly command: string;
  /**
   * The block's folder, absolute: the job's script and output go here. A manager keeps a file in `groups/` of it for
   * every command that it runs: the command's process group as decimal text, and behind a blank the node's name where
   * blocks have several; when the job's managers have ended, its script kills what these files name.
   */
  readonly folder: string;
}

/** Plain data: it is kept on disk, so that a later process finds the job again. */
export interface Job {
  /** The scheduler's own id. Not enough by itself: a scheduler that crashed may give it to another job. */
  readonly id: string;
  /** As submitted: unique in the run. */
  readonly name: string;
  /** Epoch ms. */
  readonly submittedAtMs: number;
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

/** A submission, for people to look at. */
export interface Preview {
  /** The command that submits the script, as a shell would read it. */
  readonly submit: string;
  /** Where the script would be. */
  readonly path: string;
  readonly script: string;
}

/** The block arithmetic every provider carries, in the field's keys. */
export interface BlockPolicy {
  readonly init_blocks: number;
  readonly min_blocks: number;
  readonly max_blocks: number;
  readonly nodes_per_block: number;
  readonly parallelism: number;
}

/** Asks one scheduler for blocks. Every call is bounded in time and throws `ComputeError`. */
export interface Provider {
  readonly type: string;
  readonly policy: BlockPolicy;
  readonly launcher: Launcher;
  /** Where the scheduler's commands run and the blocks' files are. */
  readonly host: Host;
  /** How long one answer of `status` may be reused. */
  readonly statusIntervalMs: number;
  /**
   * Throws SUBMIT_FAILED, with the scheduler's own words, where it refuses the job or there is no such command; and
   * COMMAND_FAILED where it could not be reached: then there is no job, and the same may be submitted later.
   */
  submit(spec: JobSpec): Promise<Job>;
  /** Asks about many jobs at once; a job without an answer is absent from the map, never `completed`. */
  status(ids: readonly string[]): Promise<Map<string, JobStatus>>;
  /** Ends jobs, at once where `force`; resolves when the scheduler has taken the order. Safe to repeat. */
  cancel(ids: readonly string[], force?: boolean): Promise<void>;
  /** Where the provider hears of a job's end without asking: calls `onEnd` once, then. A hint, not a status. */
  watch?(id: string, onEnd: () => void): void;
  /** A job that an earlier process submitted: `status`, `cancel` and `stderrTail` know it from now on. */
  adopt?(job: Job): void;
  /**
   * A job that an earlier process may have submitted, for it was killed before it could note the answer: `status` looks
   * for it by its name, and says `missing` once it has looked for long enough. With `adopt`, or not at all.
   */
  recover?(spec: Pick<JobSpec, 'name' | 'folder'>, intendedAtMs: number): Job;
  /** What `submit` would do with this. Asks and writes nothing. */
  preview?(spec: JobSpec): Preview;
  /** What a human should read of a job that went wrong: the tail of its stderr. Bounded; '' when there is none. */
  stderrTail(job: Job): Promise<string>;
}
