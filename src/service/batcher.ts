// Many writes as one: what comes while a write is under way goes with the next. Nobody who waits waits for a timer, and
// the more there is to do, the less each of it costs.

import type { ComputeError } from '../common/errors.ts';

export interface BatcherOptions<T, R> {
  /** Writes all of them, or none; answers in their order. */
  readonly write: (items: readonly T[]) => Promise<readonly R[]>;
  readonly sizeOf: (item: T) => number;
  readonly itemsMax: number;
  readonly sizeMax: number;
  /**
   * For what nobody waits for, and what is not to be in the way: it is left for so long, and others come to it, unless
   * there are enough of them or somebody hurries.
   */
  readonly delayMs?: number;
  /** Whether a failure may be the fault of one item, so that the others are tried without it. */
  readonly isItemsFault: (error: unknown) => boolean;
}

const MARK_DELAY_MS = 50;

interface Waiting<T, R> {
  readonly item: T;
  readonly size: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #running: Promise<void> | undefined;
  #isUrgent = false;
  #onHurry: () => void = () => { /* nothing is delayed */ };

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** Resolves when it has been written. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, size: this.#options.sizeOf(item), resolve, reject });
      this.#running ??= this.#run();
      if (this.#waiting.length >= this.#options.itemsMax) this.hurry();
    });
  }

  /** Somebody does wait for what is there. */
  hurry(): void {
    if (this.#waiting.length === 0) return;
    this.#isUrgent = true;
    this.#onHurry();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { delayMs } = this.#options;
    // What else came with the same read from the network is here then.
    if (delayMs === undefined) await Promise.resolve();
    while (this.#waiting.length > 0) {
      if (delayMs !== undefined && !this.#isUrgent) await this.#pause(delayMs);
      await this.#write(this.#take());
    }
    this.#running = undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onHurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(): Waiting<T, R>[] {
    const { itemsMax, sizeMax } = this.#options;
    let size = 0;
    let count = 0;
    for (const one of this.#waiting) {
      size += one.size;
      if (count > 0 && (count === itemsMax || size > sizeMax)) break;
      count++;
    }
    const taken = this.#waiting.splice(0, count);
    this.#isUrgent = this.#waiting.length >= itemsMax;
    return taken;
  }

  async #write(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#options.write(batch.map(({ item }) => item));
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] as R); // as many as there were items
    } catch (error) {
      if (batch.length > 1 && this.#options.isItemsFault(error)) {
        for (const one of batch) await this.#write([one]);
      } else for (const { reject } of batch) reject(error);
    }
  }
}

/** For marks on rows that are done with: what crosses a kill of the service is repeated, and known as a repetition. */
export function markBatcher(mark: (ids: readonly string[]) => Promise<void>): Batcher<string, undefined> {
  return new Batcher({
    write: async (ids) => {
      await mark(ids);
      return ids.map(() => undefined);
    },
    sizeOf: () => 1, itemsMax: 1_000, sizeMax: 1_000, isItemsFault: () => false, delayMs: MARK_DELAY_MS,
  });
}

/** Of the database's failures, those that are about values: data exceptions and violated constraints. */
export function isAboutValues(error: unknown): boolean {
  const state = (error as Partial<ComputeError> | undefined)?.details?.['state'];
  return typeof state === 'string' && /^(22|23|54)/.test(state);
}
