const FIRST_MS = 1_000;
const LONGEST_MS = 5 * 60_000;

/** How long to leave something alone that fails: 1 s, doubling to 5 minutes, less up to half of it by chance. */
export class Backoff {
  readonly #random: () => number;
  readonly #free: number;
  #failures = 0;
  #untilMs = -Infinity;

  /** `free`: how many failures in a row cost no wait. */
  constructor(random: () => number, free = 0) {
    this.#random = random;
    this.#free = free;
  }

  /** When the next try is due; -Infinity when nothing failed. */
  get untilMs(): number {
    return this.#untilMs;
  }

  get failures(): number {
    return this.#failures;
  }

  fail(now: number): void {
    this.#failures += 1;
    if (this.#failures <= this.#free) return;
    const full = Math.min(FIRST_MS * 2 ** (this.#failures - this.#free - 1), LONGEST_MS);
    this.#untilMs = now + full * (1 - this.#random() / 2);
  }

  reset(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
  }
}
