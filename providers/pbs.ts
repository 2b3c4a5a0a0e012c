// What PBS Professional and Torque, children of one parent, have in common: keys, directives, qsub, qdel.

import type { Output } from '../src/common/exec.ts';
import { invalid, type Schema } from '../src/common/schema.ts';
import { optionLines, quoteOption, type Refused } from './pbs-options.ts';
import { policyProperties } from './policy.ts';
import type { BlockPolicy } from './provider.ts';
import type { Failed, JobFiles, Listing, Submitted } from './scheduler.ts';
import { formatWalltime } from './walltime.ts';

/** The keys of both. An empty text is the site's default. */
export interface PbsKeys extends BlockPolicy {
  readonly account: string;
  readonly queue: string;
  /** More #PBS lines, one option a line; `#PBS` itself may be left out. They win over the keys. */
  readonly scheduler_options: string;
  /** Shell text that every job begins with: modules, environments. */
  readonly worker_init: string;
  readonly cpus_per_node: number;
  /** Seconds that one command may take. A server that hangs answers none of them, and its clients wait for ever. */
  readonly cmd_timeout: number;
}

const CPUS_MAX = 100_000;

export const pbsProperties: Schema<PbsKeys>['properties'] = {
  ...policyProperties,
  account: { type: 'string', pattern: '^[^\\r\\n\\0]*$', description: 'one line of text', default: '' },
  queue: { type: 'string', pattern: '^\\S*$', description: 'the name of a queue', default: '' },
  scheduler_options: { type: 'string', default: '' },
  worker_init: { type: 'string', default: '' },
  cpus_per_node: { type: 'integer', minimum: 1, maximum: CPUS_MAX, default: 1 },
  cmd_timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3600, default: 120 },
};

/** Accounts and queues may be numbers to YAML. */
export function withTexts(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) =>
    [key, (key === 'account' || key === 'queue') && typeof value === 'number' ? String(value) : value]));
}

/** Throws CONFIG_INVALID for what qsub would not read as it is meant. */
export function checkTexts(keys: PbsKeys, refused: readonly Refused[]): void {
  optionLines(keys.scheduler_options, refused);
  const [first = ''] = keys.worker_init.split('\n').filter((line) => !/^\s*(#(?!PBS\b)|$)/.test(line));
  if (!first.startsWith('#PBS')) return;
  throw invalid([`engine.provider.worker_init: qsub does not read "${first}" here; move it to scheduler_options`]);
}

/**
 * `resources`: the values of `-l`. Of an option that is given twice qsub takes the last one, but of a resource the
 * first, so the user's own lines stand between the two. What the job is known by comes last.
 */
export function pbsDirectives(
  keys: PbsKeys & { readonly walltimeS: number }, resources: readonly string[], files: JobFiles,
): string[] {
  const option = (name: string, value: string): string[] =>
    (value === '' ? [] : [`#PBS ${name} ${quoteOption(value)}`]);
  return [
    ...option('-S', '/bin/bash'),
    ...option('-q', keys.queue),
    ...option('-A', keys.account),
    ...option('-m', 'n'),
    // A block that was lost is replaced by a new one when there is work for it. Started again by itself it would be one
    // too many, with the keys and the name of a block that is over.
    ...option('-r', 'n'),
    ...optionLines(keys.scheduler_options),
    ...resources.flatMap((resource) => option('-l', resource)),
    ...option('-l', `walltime=${formatWalltime(keys.walltimeS)}`),
    ...option('-N', files.name),
    ...option('-o', files.stdoutPath),
    ...option('-e', files.stderrPath),
  ];
}

const JOB_ID = /^\d+(?:\[\])?(?:\.\S+)?$/;
/** Exit codes of a conversation with the server that broke off: what was asked for may have been done. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([183, 208]);
/** There is no way to the server at this time. */
const UNREACHABLE = /cannot connect to (?:specified )?server|couldn't connect|connection refused|no route to host/i;

export function readSubmitted(output: Output): Submitted {
  const { code, signal, stdout } = output;
  const id = linesOf(stdout).at(-1) ?? '';
  if (code === 0 && JOB_ID.test(id)) return { type: 'accepted', id };
  if (code === null) return { type: 'doubtful', words: `qsub was killed by ${signal ?? 'a signal'}` };
  if (code === 0) return { type: 'doubtful', words: `qsub printed no job id: ${JSON.stringify(stdout)}` };
  const words = wordsOf(output);
  if (PROTOCOL_ERRORS.has(code)) return { type: 'doubtful', words };
  return { type: UNREACHABLE.test(output.stderr) ? 'unreachable' : 'refused', words };
}

/** What qdel ends with when there is nothing to delete any more: finished, unknown, or on its way out. */
const GONE: ReadonlySet<number | null> = new Set([0, 35, 153, 168]);

export function readTaken(output: Output): { readonly type: 'taken' } | Failed {
  return GONE.has(output.code) ? { type: 'taken' } : { type: 'failed', words: wordsOf(output) };
}

/** Only that they are there: the next listing says how they are. */
export function readFound(output: Output, [name = '']: readonly string[]): Listing {
  if (output.code !== 0) return { type: 'failed', words: wordsOf(output) };
  const ids = output.stdout.split('\n').filter((line) => line !== '');
  return { type: 'listed', jobs: ids.map((id) => ({ id, name, status: { state: 'unknown', reason: 'just found' } })) };
}

/** What a command that failed had to say, on one line. */
export function wordsOf({ code, signal, stderr }: Output): string {
  // After an option that it does not know, qsub goes on with its whole usage.
  const [words = ''] = stderr.split(/^usage:/m);
  return linesOf(words).join('; ') || `it ended with ${code === null ? signal ?? 'a signal' : `status ${code}`}`;
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}
