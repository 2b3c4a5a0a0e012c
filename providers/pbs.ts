// What PBS Professional and Torque, children of one parent, have in common: directives, qsub, qdel.

import { invalid, type Schema } from '../src/common/schema.ts';
import type { Output } from '../src/common/exec.ts';
import type { Failed, JobFiles, Submitted } from './scheduler.ts';
import { formatWalltime } from './walltime.ts';

/** The keys of both. */
export interface PbsKeys {
  readonly account: string;
  readonly queue: string;
  /** Lines of the script as they are, after ours: '#PBS -W umask=022'. */
  readonly scheduler_options: string;
  readonly cpus_per_node: number;
}

const CPUS_MAX = 100_000;

export const pbsProperties: Schema<PbsKeys>['properties'] = {
  account: { type: 'string', pattern: '^[^\\x00-\\x1f]*$', description: 'an account on one line', default: '' },
  queue: { type: 'string', pattern: '^\\S*$', description: 'the name of a queue', default: '' },
  scheduler_options: { type: 'string', default: '' },
  cpus_per_node: { type: 'integer', minimum: 1, maximum: CPUS_MAX, default: 1 },
};

/** Throws CONFIG_INVALID when a line of `scheduler_options` would end the directives and run as a command. */
export function checkSchedulerOptions(options: string): void {
  const wrong = linesOf(options).find((line) => !line.startsWith('#'));
  if (wrong === undefined) return;
  throw invalid([`engine.provider.scheduler_options: every line must start with #PBS, found ${JSON.stringify(wrong)}; `
    + 'commands for the job belong into worker_init']);
}

/** `resources`: the values of `-l`, one a line. */
export function pbsDirectives(
  keys: PbsKeys & { readonly walltime: number }, resources: readonly string[], files: JobFiles,
): string[] {
  const options: readonly (readonly [string, string])[] = [
    ['-N', files.name],
    ['-S', '/bin/bash'],
    ['-q', keys.queue],
    ['-A', keys.account],
    ...resources.map((resource) => ['-l', resource] as const),
    ['-l', `walltime=${formatWalltime(keys.walltime)}`],
    ['-o', files.stdoutPath],
    ['-e', files.stderrPath],
    ['-m', 'n'],
    // A job that the scheduler starts again by itself would come back as a block that was given up.
    ['-r', 'n'],
  ];
  return [
    ...options.flatMap(([option, value]) => (value === '' ? [] : [`#PBS ${option} ${directiveWord(value)}`])),
    ...linesOf(keys.scheduler_options),
  ];
}

/** One word of a directive. qsub reads quotes and backslashes in it as a shell does. */
function directiveWord(word: string): string {
  return word.replace(/[\s"'\\]/g, '\\$&');
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

const JOB_ID = /^\d+(?:\[\])?(?:\.\S+)?$/;
/** Exit codes of a conversation with the server that broke off: what was asked for may have been done. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([183, 208]);

export function readSubmitted(output: Output): Submitted {
  const { code, signal, stdout } = output;
  const id = linesOf(stdout).at(-1) ?? '';
  if (code === 0 && JOB_ID.test(id)) return { type: 'accepted', id };
  if (code === null) return { type: 'doubtful', words: `qsub was killed by ${signal ?? 'a signal'}` };
  if (code === 0) return { type: 'doubtful', words: `qsub printed no job id: ${JSON.stringify(stdout)}` };
  return { type: PROTOCOL_ERRORS.has(code) ? 'doubtful' : 'refused', words: wordsOf(output) };
}

/** What qdel ends with when there is nothing to delete any more: finished, unknown, or on its way out. */
const GONE: ReadonlySet<number> = new Set([35, 153, 168]);

export function readTaken(output: Output): { readonly type: 'taken' } | Failed {
  if (output.code === 0 || (output.code !== null && GONE.has(output.code))) return { type: 'taken' };
  return { type: 'failed', words: wordsOf(output) };
}

/** What a command that failed had to say, on one line. */
export function wordsOf({ code, signal, stderr }: Output): string {
  // After an option that it does not know, qsub goes on with its whole usage.
  const [words = ''] = stderr.split(/^usage:/m);
  return linesOf(words).join('; ') || `it ended with ${code === null ? signal ?? 'a signal' : `status ${code}`}`;
}
