// Where a scheduler's commands are run and a job's files are kept.

import type { Output } from '../../src/common/exec.ts';

export interface Host {
  /**
   * Runs one command. A non-zero exit is an answer; no answer in time throws COMMAND_FAILED, whose details say
   * `started: false` where the command certainly did nothing.
   */
  run(argv: readonly [string, ...string[]], options: { readonly timeoutMs: number }): Promise<Output>;
  /** Writes a whole file with this mode, and the folders above it for this user alone. Throws STORAGE_FAILED. */
  write(path: string, text: string, mode: number): Promise<void>;
  /** The text of a file; if it is longer than `bytesMax`, its first and last half of that. '' when there is none. */
  excerpt(path: string, bytesMax: number): Promise<string>;
  /** Removes a file; fine where there is none. Throws STORAGE_FAILED. */
  remove(path: string): Promise<void>;
  /** What stands for these on the host and its nodes, seen to be there. Throws START_FAILED with what to do. */
  premises(here: Premises): Promise<Premises>;
  /** Ends what it keeps open; nothing may be asked of it any more. Safe to call again. */
  close(): Promise<void>;
}

/** What a run's managers need on their side: absolute paths. */
export interface Premises {
  /** The run's folder, in which those of its blocks are. */
  readonly folder: string;
  /** Where tasks run, unless they are told otherwise. */
  readonly workingDirectory: string;
  /** The program that runs managers. */
  readonly node: string;
  /** Where this package is. */
  readonly packageDirectory: string;
}
