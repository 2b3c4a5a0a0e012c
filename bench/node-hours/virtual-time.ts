// A clock of its own: a day passes as fast as its events can be worked off.

import type { Clock } from '../../src/common/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

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
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.after(ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  every(ms: number, run: () => void): () => void {
    let cancel = (): void => { /* set at once */ };
    const arm = (): void => {
      cancel = this.after(ms, () => {
        arm();
        run();
      });
    };
    arm();
    return () => cancel();
  }

  /** Returns what takes it back. */
  after(ms: number, fire: () => void): () => void {
    const timer: Timer = { atMs: this.#now + ms, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass until this holds. */
  async runUntil(holds: () => boolean): Promise<void> {
    await settled();
    while (!holds()) {
      let next: Timer | undefined;
      for (const timer of this.#timers) if (timer.atMs < (next?.atMs ?? Infinity)) next = timer;
      if (next === undefined) throw new Error('nothing will ever happen again');
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.atMs);
      next.fire();
      await settled();
    }
  }
}

/** Every promise that can settle has done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
