// When a scheduler fails again and again, it is left alone for longer and longer: a controller that is down is not
// helped by questions, and each may cost its full time-out.

import type { Clock } from '../src/common/clock.ts';
import { ComputeError } from '../src/common/errors.ts';

const FIRST_MS = 2_000;
const LONGEST_MS = 2 * 60_000;

export class Patience {
  #failures = 0;
  #untilMs = -Infinity;
  #last: ComputeError | undefined;

  /** Does it, unless it is too early after failures: then throws the last failure, told as such. */
  async spend<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
    const leftMs = this.#untilMs - clock.now();
    if (this.#last !== undefined && leftMs > 0) {
      throw new ComputeError('COMMAND_FAILED',
        `not asked: the scheduler failed ${this.#failures} times in a row, and is left alone for another `
        + `${Math.ceil(leftMs / 1000)} s`, { cause: this.#last, details: this.#last.details });
    }
    return this.insist(clock, work);
  }

  /** Does it in any case: an order is not a question. */
  async insist<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      this.#failures = 0;
      this.#last = undefined;
      return done;
    } catch (cause) {
      if (cause instanceof ComputeError) {
        this.#last = cause;
        this.#untilMs = clock.now() + Math.min(FIRST_MS * 2 ** this.#failures, LONGEST_MS);
        this.#failures += 1;
      }
      throw cause;
    }
  }
}
