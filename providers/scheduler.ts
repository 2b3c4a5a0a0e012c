// The contract of a batch system's dialect: what to write into a job's script, which commands to run, and what their
// answers mean. Pure: BatchProvider runs the commands and remembers what they said.

import type { Output } from '../src/common/exec.ts';
import type { JobStatus } from './provider.ts';

export type Argv = readonly [string, ...string[]];

/** One command: the words that ask, and what its end means. A command that did not end is never read. */
export interface Command<Question, Answer> {
  readonly argv: (question: Question) => Argv;
  readonly read: (output: Output, question: Question) => Answer;
}

/** A command about many jobs. */
export interface JobsCommand<Answer> extends Command<readonly string[], Answer> {
  /** Cuts ids into what one command takes. */
  readonly batches: (ids: readonly string[]) => readonly (readonly string[])[];
}

/** The command did not do, or not say, what was asked. `words` are the scheduler's own. */
export interface Failed {
  readonly type: 'failed';
  readonly words: string;
}

/**
 * `refused`: by the scheduler, for what was asked. `unreachable`: it was certainly not asked, and may be later.
 * `doubtful`: it may have been queued all the same, as when the answer got lost. Never submitted again blindly.
 */
export type Submitted =
  | { readonly type: 'accepted'; readonly id: string }
  | { readonly type: 'refused'; readonly words: string }
  | { readonly type: 'unreachable'; readonly words: string }
  | { readonly type: 'doubtful'; readonly words: string };

export interface ListedJob {
  /** Written as `submit` gave it. */
  readonly id: string;
  readonly name: string;
  readonly status: JobStatus;
}

/** A job that the scheduler does not know is not in it. */
export type Listing = { readonly type: 'listed'; readonly jobs: readonly ListedJob[] } | Failed;

/** `none`: this site keeps no records of ended jobs, so there is nothing to wait for. */
export type History = Listing | { readonly type: 'none'; readonly words: string };

export interface Scheduler {
  /** The field's name of the provider: 'SlurmProvider'. */
  readonly type: string;
  /** What a job's name may have of characters; longer ones lose their beginning. */
  readonly nameCharsMax: number;
  /** The lines of a script that are for the scheduler. */
  readonly directives: (files: JobFiles) => readonly string[];
  /** Submits the script of this path. */
  readonly submit: Command<string, Submitted>;
  /** Jobs by id, ended ones for as long as the scheduler itself remembers them. */
  readonly list: JobsCommand<Listing>;
  /** The second source: jobs by id out of the records of ended ones. */
  readonly history: JobsCommand<History>;
  /** Jobs by name, asked for when an id never came. */
  readonly find: JobsCommand<Listing>;
  /** Ends jobs. That one of them has ended already is no failure. */
  readonly cancel: JobsCommand<{ readonly type: 'taken' } | Failed>;
}

/** What a job is called and where its files are; all absolute. */
export interface JobFiles {
  readonly name: string;
  /** Where the job runs. */
  readonly folder: string;
  readonly scriptPath: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

/** Ids in groups of at most `max`. */
export function batchesOf(max: number): (ids: readonly string[]) => string[][] {
  return (ids) => Array.from({ length: Math.ceil(ids.length / max) }, (_, i) => ids.slice(i * max, (i + 1) * max));
}
