// Clients send a request again when they have no answer: after a lost connection, a time-out, a 503. Then it is the
// same request and not a second one, and gets the answer that was lost. Two equal requests that were both answered are
// two.
//
// Which requests were not answered is known: their rows say so. It is looked up only while there is doubt: for some
// minutes after the service started, a client went away unanswered, or a write failed half-way.

import type { Clock } from '../common/clock.ts';
import { isFull } from './storage-error.ts';
import type { Submission, TaskStore } from './store/tasks.ts';

export interface RequestKey {
  readonly owner: string;
  readonly digest: string;
  /** The client has named its request: it is the same for as long as it is remembered. */
  readonly named: boolean;
}

/** A client repeats five times, waits at most 10 s in between, and each try may take a minute. */
const DOUBT_MS = 6 * 60_000;

interface UnderWay {
  readonly submission: Promise<Submission>;
  abandoned: boolean;
}

export class Repeats {
  readonly #tasks: TaskStore;
  readonly #clock: Clock;
  readonly #underWay = new Map<string, UnderWay>();
  /** Answered, and not yet marked so. */
  readonly #answered = new Set<string>();
  #doubtUntilMs: number;

  constructor(tasks: TaskStore, clock: Clock) {
    this.#tasks = tasks;
    this.#clock = clock;
    this.#doubtUntilMs = clock.now() + DOUBT_MS;
  }

  /** `accept`'s submission, or that of the same request before. `gone` aborts when the client goes away unanswered. */
  async once(key: RequestKey, gone: AbortSignal, accept: () => Promise<Submission>): Promise<Submission> {
    const before = this.#underWay.get(key.digest);
    if (before !== undefined && (before.abandoned || key.named)) return await before.submission;
    const entry: UnderWay = { submission: this.#first(key, accept), abandoned: false };
    const onGone = (): void => {
      entry.abandoned = true;
      this.#doubt();
    };
    gone.addEventListener('abort', onGone, { once: true });
    if (before === undefined) this.#underWay.set(key.digest, entry);
    try {
      return await entry.submission;
    } catch (error) {
      if (!isFull(error)) this.#doubt();
      throw error;
    } finally {
      if (this.#underWay.get(key.digest) === entry) this.#underWay.delete(key.digest);
    }
  }

  /** Its client has the answer. `marked` once the row says so. */
  async answered(id: string, marked: Promise<void>): Promise<void> {
    this.#answered.add(id);
    try {
      await marked;
    } finally {
      this.#answered.delete(id);
    }
  }

  async #first({ owner, digest, named }: RequestKey, accept: () => Promise<Submission>): Promise<Submission> {
    if (named || this.#clock.now() < this.#doubtUntilMs) {
      const known = await this.#tasks.repeated(owner, digest, !named);
      if (known !== undefined && (named || !this.#answered.has(known.id))) return known;
    }
    return await accept();
  }

  #doubt(): void {
    this.#doubtUntilMs = this.#clock.now() + DOUBT_MS;
  }
}
