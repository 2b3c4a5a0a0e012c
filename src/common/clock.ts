// The only real time in the house. A core gets `now` as a number; a loop gets a Clock, so that a test can hold it.

export interface Clock {
  /** Epoch ms with a fraction: comparable between the processes of a machine. Never runs backwards. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void;
}

/** A constant of the process, or thread, that costs a call into the runtime each time it is read. */
const ORIGIN_MS = performance.timeOrigin;

export const systemClock: Clock = {
  now: () => ORIGIN_MS + performance.now(),

  sleep: (ms, signal) => new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  }),

  every: (ms, run) => {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
