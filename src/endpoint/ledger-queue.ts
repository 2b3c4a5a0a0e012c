// Records on their way into the ledger's file. Until its turn comes, one that is not needed any more can be left out.

export interface Waiting {
  /** The record's, or what makes it when it is to be written; undefined: there is nothing to write. */
  bytes: Buffer | (() => Buffer) | undefined;
  /** Whoever asked for it builds on it. */
  sync: boolean;
  /** From then on it may be in the file. */
  isTaken: boolean;
  readonly onWritten: (at: number, length: number) => void;
}

export interface Taken {
  readonly one: Waiting;
  readonly bytes: Buffer;
}

const WRITE_BYTES_MAX = 8 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class LedgerQueue {
  #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  put(bytes: Waiting['bytes'], sync: boolean, onWritten: Waiting['onWritten']): Waiting {
    const waiting = { bytes, sync, isTaken: false, onWritten };
    this.#waiting.push(waiting);
    return waiting;
  }

  /** What goes into one write. */
  take(): Taken[] {
    const taken: Taken[] = [];
    let size = 0;
    let count = 0;
    for (const one of this.#waiting) {
      if (size >= WRITE_BYTES_MAX) break;
      const bytes = (typeof one.bytes === 'function' ? one.bytes() : one.bytes) ?? NOTHING;
      size += bytes.length;
      one.isTaken = true;
      taken.push({ one, bytes });
      count++;
    }
    this.#waiting = this.#waiting.slice(count);
    return taken;
  }

  /** They could not be written. */
  putBack(taken: readonly Taken[]): void {
    for (const { one } of taken) one.isTaken = false;
    this.#waiting = [...taken.map(({ one }) => one), ...this.#waiting];
  }
}

/** False when it may be in the file already. */
export function leaveOut(waiting: Waiting): boolean {
  if (waiting.isTaken) return false;
  waiting.bytes = undefined;
  waiting.sync = false;
  return true;
}
