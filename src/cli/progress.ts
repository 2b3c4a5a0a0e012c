// Progress as a person sees it: one line that is drawn again and again on a terminal, now and then a line elsewhere.

import { SingleBar } from 'cli-progress';
import { fractionOf, liveLine, plainLine, type Standing } from './progress-line.ts';

export interface Progress {
  /** How often `update` should be called. */
  readonly everyMs: number;
  update(standing: Standing, nowMs: number): void;
  /** Whole lines that stay. */
  note(text: string): void;
  /** Takes the line off the terminal, so that what follows stands alone. */
  stop(): void;
}

/** What the stream at hand can do. */
export interface Terminal {
  /** It is one, and can draw a line anew. */
  readonly live: boolean;
  readonly colours: boolean;
}

export function progressOn(stream: NodeJS.WriteStream, terminal: Terminal, quiet: boolean): Progress {
  if (quiet) return SILENCE;
  if (terminal.live) return new LiveProgress(stream, terminal.colours);
  return new PlainProgress((text) => stream.write(text), 'switchyard run: ');
}

const SILENCE: Progress = {
  everyMs: 1000,
  update: () => { /* nobody looks */ },
  note: () => { /* nobody reads */ },
  stop: () => { /* nothing is shown */ },
};

class LiveProgress implements Progress {
  readonly everyMs = 200;
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: SingleBar;
  readonly #atExit = (): void => this.#bar.stop();
  #standing: Standing | undefined;

  constructor(stream: NodeJS.WriteStream, colours: boolean) {
    this.#stream = stream;
    const width = (): number => (stream.columns || 80) - 1;
    this.#bar = new SingleBar({
      stream,
      format: () => (this.#standing === undefined ? '' : liveLine(this.#standing, width(), colours)),
      clearOnComplete: true,
      hideCursor: true,
      fps: 10,
      gracefulExit: false,
    });
  }

  update(standing: Standing): void {
    const first = this.#standing === undefined;
    this.#standing = standing;
    if (first) this.#start();
    else this.#bar.update(standing.done);
  }

  note(text: string): void {
    this.#bar.stop();
    this.#stream.write(text);
    if (this.#standing !== undefined) this.#start();
  }

  stop(): void {
    this.#bar.stop();
    this.#standing = undefined;
    process.removeListener('exit', this.#atExit);
  }

  #start(): void {
    // The bar's own count is not shown: a total that nobody knows would end it at once.
    this.#bar.start(Number.MAX_SAFE_INTEGER, 0);
    // A terminal must get its cursor back, however the process ends.
    process.removeListener('exit', this.#atExit);
    process.once('exit', this.#atExit);
  }
}

const PLAIN_EVERY_MS = 10_000;
const PLAIN_EVERY_FRACTION = 0.1;

/** A line each tenth of the way, but not more than one a second; and each ten seconds in any case. */
export class PlainProgress implements Progress {
  readonly everyMs = 1000;
  readonly #print: (text: string) => void;
  readonly #prefix: string;
  #shown: { readonly atMs: number; readonly fraction: number } | undefined;

  constructor(print: (text: string) => void, prefix: string) {
    this.#print = print;
    this.#prefix = prefix;
  }

  update(standing: Standing, nowMs: number): void {
    const fraction = fractionOf(standing) ?? 0;
    const shown = this.#shown;
    const due = shown === undefined
      || nowMs - shown.atMs >= PLAIN_EVERY_MS
      || fraction - shown.fraction >= PLAIN_EVERY_FRACTION;
    if (!due || fraction === 1) return; // the summary is about to say so
    this.#shown = { atMs: nowMs, fraction };
    this.#print(`${this.#prefix}${plainLine(standing)}\n`);
  }

  note(text: string): void {
    this.#print(text);
  }

  stop(): void { /* every line is complete */ }
}
