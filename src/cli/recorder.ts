// Result lines on their way to disk, many at a time: first the journal, and once that is durable the output. A task is
// done when its line has passed both.

import type { Clock } from '../common/clock.ts';
import type { Output } from './output.ts';

/** The part of a journal that a recorder needs. */
export interface Appender {
  append(lines: readonly string[]): Promise<void>;
}

export interface RecorderOptions<Entry extends { readonly line: string }> {
  readonly journal: Appender | undefined;
  readonly output: Output;
  readonly clock: Clock;
  /** These are done. */
  readonly onRecorded: (entries: readonly Entry[]) => void;
  /** Nothing more will be recorded, neither these nor any that come. */
  readonly onFailed: (error: unknown, lost: readonly Entry[]) => void;
}

/** Not more often: a shared file system has others to serve. The first line after a pause goes at once. */
const COMMIT_INTERVAL_MS = 50;

export class Recorder<Entry extends { readonly line: string }> {
  readonly #options: RecorderOptions<Entry>;
  #pending: Entry[] = [];
  #pump: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: RecorderOptions<Entry>) {
    this.#options = options;
  }

  add(entry: Entry): void {
    if (this.#failure !== undefined) {
      this.#options.onFailed(this.#failure.error, [entry]);
      return;
    }
    this.#pending.push(entry);
    this.#pump ??= this.#run();
  }

  /** Resolves when everything that was added is recorded, or will never be. */
  async flush(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    const { clock, journal, onFailed } = this.#options;
    try {
      // Lines that come in the same turn of the event loop go together from the start.
      await Promise.resolve();
      while (this.#pending.length > 0) {
        const startedAt = clock.now();
        await this.#commit();
        if (journal !== undefined) await clock.sleep(COMMIT_INTERVAL_MS - (clock.now() - startedAt));
      }
    } catch (error) {
      this.#failure = { error };
      onFailed(error, this.#pending.splice(0));
    } finally {
      this.#pump = undefined;
    }
  }

  async #commit(): Promise<void> {
    const { journal, output, onRecorded } = this.#options;
    // They stay pending until they are recorded, so that a failure finds them there.
    const entries = this.#pending.slice();
    const lines = entries.map(({ line }) => line);
    // The journal first: a crash between the two is mended from it, the other way round a task would run twice.
    await journal?.append(lines);
    await output.write(`${lines.join('\n')}\n`);
    this.#pending.splice(0, entries.length);
    onRecorded(entries);
  }
}
