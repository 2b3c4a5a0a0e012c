// Clients send a request again when they have no answer: after a lost connection, a time-out, a 503. Then it is the
// same request and not a second one, and gets the answer that was lost. Two equal requests that were both answered are
// two.
//
// Which requests were not answered is known: their rows say so. A request is looked up only where there is doubt about
// it: for some minutes after an earlier run left it unanswered, its client went away, or its write failed half-way.

import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { Doubt } from './doubt.ts';
import { Refusal } from './refusal.ts';
import { isFull } from './storage-error.ts';
import type { Submission, TaskStore } from './store/tasks.ts';

export interface RequestKey {
  readonly owner: string;
  readonly digest: string;
  /** The client has named its request: it is the same for as long as it is remembered. */
  readonly named: boolean;
  /** The client says that no request of this name was sent before: only one that is under way can be the same. */
  readonly first: boolean;
}

/** Nobody repeats a request that is older, be it by the clock of another host that the service ran on. */
const UNANSWERED_MS = 3_600_000;

interface UnderWay {
  readonly digest: string;
  readonly submission: Promise<Submission>;
  /** Its client went away unanswered: the next equal request takes its place. */
  abandoned: boolean;
  /** An equal request has come since. */
  followed: boolean;
}

export class Repeats {
  readonly #tasks: TaskStore;
  readonly #clock: Clock;
  readonly #underWay = new Set<UnderWay>();
  /** Submissions whose client is still there for its answer, or has it and the row does not say so yet. */
  readonly #claimed = new Set<string>();
  readonly #doubt: Doubt;

  constructor(tasks: TaskStore, clock: Clock) {
    this.#tasks = tasks;
    this.#clock = clock;
    this.#doubt = new Doubt(clock);
  }

  /** What an earlier run has left unanswered. Until it is known, every request is looked up. */
  async recover(): Promise<void> {
    this.#doubt.narrow(await this.#tasks.unanswered((this.#clock.now() - UNANSWERED_MS) / 1000));
  }

  /**
   * `accept`'s submission, or that of the same request before. `accept` says the submission's id before it is stored.
   * `gone` aborts when the client goes away before it has its answer.
   */
  async once(
    key: RequestKey, gone: AbortSignal, accept: (claim: (id: string) => void) => Promise<Submission>,
  ): Promise<Submission> {
    let before = this.#takesUp(key);
    if (before === undefined && this.#isUnderWay(key)) {
      await setImmediate(); // that its client has gone may be among what is there to be read, behind this request
      before = this.#takesUp(key);
    }
    const entry = before ?? this.#begin(key, accept);
    const onGone = (): void => {
      entry.abandoned = true;
      this.#doubt.raise(key.digest);
    };
    entry.abandoned = false;
    if (gone.aborted) onGone();
    else gone.addEventListener('abort', onGone, { once: true });
    const submission = await entry.submission;
    const unclaim = (): void => { this.#claimed.delete(submission.id); };
    if (gone.aborted) {
      unclaim();
    } else {
      this.#claimed.add(submission.id);
      gone.addEventListener('abort', unclaim, { once: true });
    }
    return submission;
  }

  /** Its client has the answer. `marked` resolves once the row says so. */
  async answered(id: string, marked: Promise<void>): Promise<void> {
    this.#claimed.add(id);
    try {
      await marked;
    } finally {
      this.#claimed.delete(id);
    }
  }

  #isUnderWay({ digest }: RequestKey): boolean {
    return [...this.#underWay].some((one) => one.digest === digest);
  }

  /** The request under way that this one is sent again for. */
  #takesUp({ digest, named }: RequestKey): UnderWay | undefined {
    return [...this.#underWay].find((one) => one.digest === digest && (one.abandoned || named));
  }

  #begin(key: RequestKey, accept: (claim: (id: string) => void) => Promise<Submission>): UnderWay {
    for (const one of this.#underWay) if (one.digest === key.digest) one.followed = true;
    const state = { digest: key.digest, abandoned: false, followed: false };
    const submission = this.#first(key, (claim) => accept((id) => {
      // Its successor came before it was known to be gone: one of the two is enough, and this one has nobody to tell.
      if (state.abandoned && state.followed) {
        throw new Refusal('RESOURCE_CONFLICT', 'the client has gone, and has asked again');
      }
      claim(id);
    }));
    const entry: UnderWay = Object.assign(state, { submission });
    this.#underWay.add(entry);
    submission.catch(() => { /* told to whoever waits for it */ }).finally(() => this.#underWay.delete(entry));
    return entry;
  }

  async #first(
    { owner, digest, named, first }: RequestKey, accept: (claim: (id: string) => void) => Promise<Submission>,
  ): Promise<Submission> {
    if (named ? !first : this.#doubt.isAbout(digest)) {
      const known = await this.#tasks.repeated(owner, digest, named ? undefined : [...this.#claimed]);
      if (known !== undefined) return known;
    }
    let claimed: string | undefined;
    try {
      return await accept((id) => {
        claimed = id;
        this.#claimed.add(id);
      });
    } catch (error) {
      if (claimed !== undefined) this.#claimed.delete(claimed);
      const isUncertain = error instanceof ComputeError && error.code === 'STORAGE_FAILED' && !isFull(error);
      if (isUncertain) this.#doubt.raise(digest);
      throw error;
    }
  }
}
