// What a PBS server says of a job, whichever way it was printed, and what that means. Pure.

import { constants } from 'node:os';
import { unreachable } from '../src/common/errors.ts';
import type { JobStatus } from './provider.ts';

export interface PbsJob {
  /** As the server prints it: number and server. */
  readonly id: string;
  readonly name: string;
  /** `job_state`. */
  readonly letter: string;
  readonly substate: number | undefined;
  /** Below 0: the job's end was the system's doing. From 256: by a signal. */
  readonly exitStatus: number | undefined;
  readonly comment: string | undefined;
  /** Whose hold it is: u, o, s, or n for none. */
  readonly holdTypes: string | undefined;
  readonly startedAtMs: number | undefined;
  readonly walltimeS: number | undefined;
  readonly usedWalltimeS: number | undefined;
}

/** A job keeps its nodes while it is exiting (E): its files are brought home. */
const LETTERS: Readonly<Record<string, 'pending' | 'held' | 'running' | 'ended'>> = {
  Q: 'pending', T: 'pending', W: 'pending',
  H: 'held', S: 'held', U: 'held',
  R: 'running', E: 'running', B: 'running',
  C: 'ended', F: 'ended', X: 'ended',
};

/** `endOf`: how a job ended; the two systems tell it differently. */
export function statusOf(job: PbsJob, endOf: (job: PbsJob) => JobStatus): JobStatus {
  const state = LETTERS[job.letter];
  switch (state) {
    case 'ended':
      return endOf(job);
    case 'running':
      return { state, ...endsAt(job) };
    case 'pending':
    case 'held':
      return { state, reason: reasonOf(job) };
    case undefined:
      return { state: 'unknown', reason: job.comment ?? `job_state ${job.letter}` };
    default:
      return unreachable(state);
  }
}

function reasonOf({ letter, comment, holdTypes }: PbsJob): string {
  switch (letter) {
    case 'S':
      return 'suspended';
    case 'U':
      return 'suspended while its node is used by others';
    case 'T':
      return comment ?? 'on its way to another queue or server';
    case 'W':
      return comment ?? 'waits for its Execution_Time';
    case 'H':
      return comment ?? `held, Hold_Types = ${holdTypes ?? 'unknown'}`;
    default:
      return comment ?? 'not looked at by the scheduler yet';
  }
}

function endsAt({ letter, startedAtMs, walltimeS }: PbsJob): { readonly endsAtMs?: number } {
  if (letter !== 'R' || startedAtMs === undefined || walltimeS === undefined) return {};
  return { endsAtMs: startedAtMs + walltimeS * 1000 };
}

/** A job that ended by itself: with its script's exit status, or by a signal. */
export function endOfScript(exitStatus: number): JobStatus {
  if (exitStatus === 0) return { state: 'completed', exitCode: 0 };
  if (exitStatus < 256) return { state: 'failed', exitCode: exitStatus };
  return { state: 'failed', reason: `killed by ${signalName(exitStatus - 256)}` };
}

export function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}

/** 'Sat Nov 21 01:53:46 2026', printed under TZ=UTC0 → epoch ms. */
export function readTime(text: string | undefined): number | undefined {
  const parts = /^[A-Z][a-z]{2} ([A-Z][a-z]{2} [ \d]\d) (\d\d:\d\d:\d\d) (\d{4})$/.exec(text ?? '');
  if (parts === null) return undefined;
  const [, day, time, year] = parts;
  const ms = Date.parse(`${day} ${year} ${time} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** 'HH:MM:SS', hours past 99 as they are → seconds. */
export function readDuration(text: string | undefined): number | undefined {
  const parts = /^(\d+):(\d\d):(\d\d)$/.exec(text ?? '');
  if (parts === null) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map(Number);
  return (hours * 60 + minutes) * 60 + seconds;
}
