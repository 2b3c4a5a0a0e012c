// What Slurm's commands print → what it means. Pure.

import type { Output } from '../src/common/exec.ts';
import type { JobState, JobStatus } from './provider.ts';
import type { Failed, History, ListedJob, Listing, Submitted } from './scheduler.ts';

/** The long state words of every version; what is not here is `unknown`, and has its place. */
const STATES: Readonly<Record<string, JobState>> = {
  PENDING: 'pending', CONFIGURING: 'pending', REQUEUED: 'pending', REQUEUE_FED: 'pending',
  RUNNING: 'running', COMPLETING: 'running', SIGNALING: 'running', STAGE_OUT: 'running', RESIZING: 'running',
  SUSPENDED: 'held', STOPPED: 'held', REQUEUE_HOLD: 'held', SPECIAL_EXIT: 'held', RESV_DEL_HOLD: 'held',
  COMPLETED: 'completed',
  FAILED: 'failed', NODE_FAIL: 'failed', BOOT_FAIL: 'failed', LAUNCH_FAILED: 'failed', OUT_OF_MEMORY: 'failed',
  RECONFIG_FAIL: 'failed', REVOKED: 'failed',
  CANCELLED: 'cancelled',
  // A preempted job served well until somebody else was served: no failure, as little as the end of its time.
  TIMEOUT: 'timeout', DEADLINE: 'timeout', PREEMPTED: 'timeout',
};
/** Reasons for which a pending job will not start by itself. */
const HELD = /^(?:JobHeld|JobHold)/;
/** Words that say no more than the state does. */
const PLAIN = new Set([
  'PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'None', 'NonZeroExitCode', 'TimeLimit', '',
]);

export interface Row {
  readonly state: string;
  /** "7:0": exit code and signal. */
  readonly exit: string;
  readonly reason: string;
  /** Epoch seconds, or a word where there is no such time. */
  readonly end: string;
}

export function statusOf({ state: words, exit, reason, end }: Row): JobStatus {
  const [word = ''] = words.split(' ');
  const known = STATES[word] ?? 'unknown';
  const state = known === 'pending' && HELD.test(reason) ? 'held' : known;
  const [code = '', signal = '0'] = exit.split(':');
  const ended = word === 'COMPLETED' || word === 'FAILED';
  const told = [words, reason, ended && signal !== '0' ? `exit ${exit}` : ''].filter((text) => !PLAIN.has(text));
  return {
    state,
    ...(ended && signal === '0' && code !== '' ? { exitCode: Number(code) } : {}),
    ...(told.length > 0 ? { reason: told.join(', ') } : {}),
    ...(state === 'running' && /^\d+$/.test(end) ? { endsAtMs: Number(end) * 1000 } : {}),
  };
}

/** As the format that `slurm.ts` asks for has them; the reason is free text and comes last. */
export const SQUEUE_COLUMNS = ['JobID', 'Cluster', 'Name', 'State', 'exit_code', 'EndTime', 'Reason'] as const;
export const SACCT_COLUMNS = ['JobID', 'Cluster', 'JobName', 'State', 'ExitCode', 'End', 'Reason'] as const;

/** `withClusters`: ids are written as `sbatch --parsable` writes them where clusters are named, "12;name". */
export function readSqueue(output: Output, withClusters: boolean): Listing {
  if (output.code === 0) return { type: 'listed', jobs: jobsOf(output.stdout, withClusters, exitOfWaitStatus) };
  // What one unknown id gets for an answer; of several it only leaves out the unknown ones.
  if (/Invalid job id specified/.test(output.stderr)) return { type: 'listed', jobs: [] };
  return failed(output);
}

export function readSacct(output: Output, withClusters: boolean): History {
  if (output.code === 0) return { type: 'listed', jobs: jobsOf(output.stdout, withClusters, (exit) => exit) };
  return /accounting storage is disabled/i.test(output.stderr)
    ? { type: 'none', words: wordsOf(output) }
    : failed(output);
}

function jobsOf(text: string, withClusters: boolean, exitOf: (column: string) => string): ListedJob[] {
  const jobs = new Map<string, ListedJob>();
  for (const line of text.split('\n')) {
    // squeue ends every column so, the last one, too.
    const columns = line.replace(/\|$/, '').split('|');
    const [number = '', cluster = '', name = '', state = '', exit = '', end = '', ...reason] = columns;
    if (!/^\d+$/.test(number)) continue;
    const id = withClusters ? `${number};${cluster}` : number;
    const status = statusOf({ state, exit: exitOf(exit), end, reason: reason.join('|').trim() });
    // A job that was requeued has several rows, the last of which is of the present.
    jobs.set(`${id} ${name}`, { id, name, status });
  }
  return [...jobs.values()];
}

/** squeue prints what wait(2) says: the exit code above the signal. */
function exitOfWaitStatus(column: string): string {
  if (!/^\d+$/.test(column)) return column;
  const status = Number(column);
  return `${(status >> 8) & 0xff}:${status & 0x7f}`;
}

/** What the controller may have heard although sbatch did not hear from it. */
const DOUBTFUL = /timed out|(?:send|receive|shutdown) failure|zero bytes were transmitted|unexpected message/i;

/** It was not asked: the controller, or its own authentication, is not there. */
const UNREACHABLE = /unable to contact slurm controller|authentication error|communication connection failure/i;

/** `otherwise` finds the id in what a site's own sbatch prints. */
export function readSbatch(output: Output, withClusters: boolean, otherwise: RegExp): Submitted {
  const words = wordsOf(output);
  if (output.code !== 0) {
    if (output.code === null || DOUBTFUL.test(output.stderr)) return { type: 'doubtful', words };
    return { type: UNREACHABLE.test(output.stderr) ? 'unreachable' : 'refused', words };
  }
  const printed = /^(\d+)(;\S+)?$/m.exec(output.stdout);
  if (printed !== null) return { type: 'accepted', id: (withClusters ? printed[0] : printed[1]) ?? '' };
  const id = otherwise.exec(output.stdout)?.groups?.['id'];
  if (id !== undefined && id !== '') return { type: 'accepted', id };
  return { type: 'doubtful', words: `sbatch printed no job id: ${words}` };
}

/** What scancel is told of jobs that it need not end. Without --verbose it mostly keeps it to itself. */
const ALREADY_GONE = /Invalid job id specified|already completing or completed/;

export function readScancel(output: Output): { readonly type: 'taken' } | Failed {
  if (output.code === 0) return { type: 'taken' };
  const lines = output.stderr.split('\n').filter((line) => line !== '');
  return lines.length > 0 && lines.every((line) => ALREADY_GONE.test(line)) ? { type: 'taken' } : failed(output);
}

function failed(output: Output): Failed {
  return { type: 'failed', words: wordsOf(output) };
}

const WORDS_MAX = 1000;
const SPEAKER = /^(?:(?:sbatch|squeue|sacct|scancel): (?:error: )?|slurm_\w+ error: )/;

/** What a person should read of a command that went wrong, in one line. */
function wordsOf({ code, signal, stdout, stderr }: Output): string {
  const said = (stderr.trim() === '' ? stdout : stderr).split('\n')
    .map((line) => line.replace(SPEAKER, '').trim()).filter((line) => line !== '').join('; ');
  const end = code === null ? `ended by ${signal ?? 'a signal'}` : `exit ${code}`;
  return said === '' ? `it said nothing (${end})` : `${said.slice(0, WORDS_MAX)} (${end})`;
}
