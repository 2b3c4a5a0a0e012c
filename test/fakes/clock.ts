import type { Clock } from '../../src/common/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. What was waiting runs in the order of its time. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        this.#timers.delete(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer: Timer = { atMs: this.#now + ms, fire: done };
      this.#timers.add(timer);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  every(ms: number, run: () => void): () => void {
    let timer: Timer;
    const arm = (): void => {
      timer = { atMs: this.#now + ms, fire: () => { this.#timers.delete(timer); arm(); run(); } };
      this.#timers.add(timer);
    };
    arm();
    return () => this.#timers.delete(timer);
  }

  /** Moves the time, and lets everything that waits for a moment in between run at that moment. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#first(end); next !== undefined; next = this.#first(end)) {
      this.#now = Math.max(this.#now, next.atMs);
      next.fire();
      await settle();
    }
    this.#now = end;
  }

  #first(endMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.atMs <= endMs && timer.atMs < (first?.atMs ?? Infinity)) first = timer;
    return first;
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
