// How many may be at something at once. Who comes too many waits, first come first served, as long as he likes.

import { reasonOf } from './ssh-failures.ts';

export class Turnstile {
  #limit: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get inside(): number {
    return this.#inside;
  }

  /** Resolves with the way out, to be called once; rejects with the signal's reason. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside >= this.#limit) await this.#turn(signal);
    else this.#inside += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  /** From now on no more than so many, though never fewer than one; who is inside stays. */
  narrow(limit: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, limit));
  }

  /** Resolves with a place that somebody left. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(proceed);
    });
  }

  #leave(): void {
    const next = this.#inside <= this.#limit ? this.#waiting.shift() : undefined;
    if (next === undefined) this.#inside -= 1;
    else next();
  }
}
