// How often user endpoints of one user failed to start of late: every submission starts one anew, and a program that
// submits again whatever it is told would have its manager do nothing else.

import { Cache } from './cache.ts';

export interface Exceeded {
  readonly count: number;
  /** Why the last one failed. */
  readonly text: string;
  readonly retryAfterS: number;
}

const WITHIN_S = 60;
const REMEMBERED_MAX = 10_000;

export class FailedStarts {
  readonly #most: number;
  readonly #failures = new Cache<{ readonly atS: readonly number[]; readonly text: string }>(REMEMBERED_MAX);

  /** `most`: within a minute. */
  constructor(most: number) {
    this.#most = most;
  }

  note(who: string, text: string, nowS: number): void {
    this.#failures.set(who, { atS: [...this.#recent(who, nowS), nowS].slice(-this.#most), text });
  }

  /** undefined: another may be tried. */
  exceeded(who: string, nowS: number): Exceeded | undefined {
    const recent = this.#recent(who, nowS);
    const [first] = recent;
    if (first === undefined || recent.length < this.#most) return undefined;
    const text = this.#failures.get(who)?.text ?? '';
    return { count: recent.length, text, retryAfterS: Math.max(1, Math.ceil(first + WITHIN_S - nowS)) };
  }

  #recent(who: string, nowS: number): readonly number[] {
    return this.#failures.get(who)?.atS.filter((atS) => atS > nowS - WITHIN_S) ?? [];
  }
}
