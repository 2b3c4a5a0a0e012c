// Where a scheduler's commands are run and a job's files are kept.

import type { Output } from '../../src/common/exec.ts';

export interface Host {
  /**
   * Runs one command. A non-zero exit is an answer; no answer in time throws COMMAND_FAILED, whose details say
   * `started: false` where the command certainly did nothing.
   */
  run(argv: readonly [string, ...string[]], options: { readonly timeoutMs: number }): Promise<Output>;
  /** Writes a whole file with this mode, and the folders above it. Throws STORAGE_FAILED. */
  write(path: string, text: string, mode: number): Promise<void>;
  /** The text of a file; if it is longer than `bytesMax`, its first and last half of that. '' when there is none. */
  excerpt(path: string, bytesMax: number): Promise<string>;
}
