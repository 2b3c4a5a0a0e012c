// How often interchanges may end before there is no point in another.

/** So many are replaced within that time. */
const LOSSES_MAX = 5;
const LOSSES_WITHIN_MS = 60_000;

export class Losses {
  #atMs: number[] = [];

  /** Counts one more. Says what is wrong when it is one too many. */
  add(now: number): string | undefined {
    this.#atMs = [...this.#atMs.filter((at) => now - at < LOSSES_WITHIN_MS), now];
    if (this.#atMs.length <= LOSSES_MAX) return undefined;
    return `the interchange ended ${LOSSES_MAX + 1} times within ${LOSSES_WITHIN_MS / 1000} s`;
  }
}
