// Requests that may have been accepted and their clients do not know it: when one comes, it may be the same again. They
// are told apart by their digests, so that for all others no question to the database is left.

import type { Clock } from '../common/clock.ts';

/** A client repeats five times, waits at most 10 s in between, and each try may take a minute. */
const DOUBT_MS = 6 * 60_000;
const DOUBTED_MAX = 100_000;

export class Doubt {
  readonly #clock: Clock;
  /** By digest, until when; the next to end first. */
  readonly #untilMs = new Map<string, number>();
  /** Until then about every request: it is not known which, or they were too many. */
  #allUntilMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#allUntilMs = clock.now() + DOUBT_MS;
  }

  /** Of what an earlier run has accepted, it is about these alone. */
  narrow(digests: readonly string[]): void {
    this.#allUntilMs = 0;
    for (const digest of digests) this.raise(digest);
  }

  raise(digest: string): void {
    const now = this.#clock.now();
    for (const [oldest, untilMs] of this.#untilMs) {
      if (untilMs > now) break;
      this.#untilMs.delete(oldest);
    }
    this.#untilMs.delete(digest);
    if (this.#untilMs.size >= DOUBTED_MAX) {
      this.#untilMs.clear();
      this.#allUntilMs = now + DOUBT_MS;
    }
    this.#untilMs.set(digest, now + DOUBT_MS);
  }

  isAbout(digest: string): boolean {
    return this.#clock.now() < Math.max(this.#allUntilMs, this.#untilMs.get(digest) ?? 0);
  }
}
