// What a provider knows of one job, and what each answer of the scheduler changes about it. Pure but for being kept.
//
// Always true: a terminal status never changes. Only the scheduler's word ends a job, or its repeated silence: every
// source was asked, over some time, and none knows of it. Until then a job that nobody lists is `unknown`.

import { TERMINAL_STATES, type Job, type JobStatus } from './provider.ts';
import type { History, ListedJob } from './scheduler.ts';

/** How long after a job was first missed the records may still be behind. */
const RECORDS_LAG_MS = 60_000;
/** The same, where there are no records: the list may have been taken in an odd moment. */
const NO_RECORDS_MS = 10_000;
/** How long after the first answer that does not have it a job whose submission was not answered may still come. */
const DOUBT_MS = 30_000;

export class Tracked {
  readonly job: Job;
  /** The scheduler's id. Not the job's own, where that is a stand-in. */
  #id: string;
  #status: JobStatus = { state: 'pending' };
  #doubt: string | undefined;
  /** Since when no list has it. */
  #absentSinceMs: number | undefined;
  #cancelled = false;

  constructor(job: Job) {
    this.job = job;
    this.#id = job.id;
  }

  get id(): string {
    return this.#id;
  }

  get status(): JobStatus {
    return this.#status;
  }

  hasEnded(): boolean {
    return TERMINAL_STATES.has(this.#status.state);
  }

  /** Whether the scheduler, as it said last, has something to end. */
  isCancellable(): boolean {
    return !this.hasEnded() && this.#absentSinceMs === undefined;
  }

  /** Whether something is about to be known of it: it is young and does not run, was told to end, or is missed. */
  isWatched(youngerThanMs: number): boolean {
    if (this.hasEnded()) return false;
    const young = this.job.submittedAtMs >= youngerThanMs && this.#status.state !== 'running';
    return young || this.#cancelled || this.#absentSinceMs !== undefined;
  }

  /** Its submission was not answered. */
  onDoubt(words: string): void {
    this.#doubt = words;
    this.#status = { state: 'unknown', reason: `not known whether it was queued: ${words}` };
  }

  onCancelled(): void {
    this.#cancelled = true;
  }

  wasCancelled(): boolean {
    return this.#cancelled;
  }

  /** What the list has under its name; false when it is not there: another job with its id does not count. */
  onListed(listed: ListedJob | undefined): boolean {
    if (listed?.id !== this.#id) return false;
    this.#absentSinceMs = undefined;
    this.#become(listed.status);
    return true;
  }

  /** A job whose id never came was found by its name. */
  onFound(listed: ListedJob): void {
    this.#id = listed.id;
    this.onListed(listed);
  }

  /** No job has the name. The scheduler may still be working on a submission that it got before this question. */
  onNotFound(now: number): void {
    this.#absentSinceMs ??= now;
    if (now - this.#absentSinceMs < DOUBT_MS) return;
    const reason = `was never queued: ${this.#doubt ?? 'no job has its name'}`;
    this.#become({ state: 'missing', reason, neverQueued: true });
  }

  /** The list does not have it; this is what the records say. */
  onAbsent(history: History, now: number): void {
    this.#absentSinceMs ??= now;
    const absentMs = now - this.#absentSinceMs;
    switch (history.type) {
      case 'listed': {
        const record = history.jobs.find(({ id, name }) => id === this.#id && name === this.job.name);
        if (record !== undefined && TERMINAL_STATES.has(record.status.state)) this.#become(record.status);
        else this.#miss(absentMs, RECORDS_LAG_MS, 'the records do not say how it ended');
        break;
      }
      case 'failed':
        this.#miss(absentMs, RECORDS_LAG_MS, `the records cannot be read: ${history.words}`);
        break;
      case 'none':
        this.#miss(absentMs, NO_RECORDS_MS, 'this site keeps no records of how jobs end');
        break;
    }
  }

  #miss(absentMs: number, limitMs: number, why: string): void {
    const reason = `not listed any more, and ${why}`;
    this.#become({ state: absentMs < limitMs ? 'unknown' : 'missing', reason });
  }

  #become(status: JobStatus): void {
    if (!this.hasEnded()) this.#status = status;
  }
}
