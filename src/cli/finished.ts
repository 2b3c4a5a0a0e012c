// Which tasks of a run are finished, from its journal: a few bytes per task, as a run may have many millions.

import type { Finished } from './journal-record.ts';

const UNFINISHED = 0;
const OK = 1;
const FAILED = 2;

export class FinishedTasks {
  #states = new Uint8Array(1024);
  #inputs = new Uint32Array(1024);
  ok = 0;
  failed = 0;
  /** One more than the highest index that is finished. */
  end = 0;

  /** False when the task is known to be finished: the first record counts. */
  add({ index, ok, input }: Finished): boolean {
    if (this.has(index)) return false;
    if (index >= this.#states.length) this.#grow(index + 1);
    this.#states[index] = ok ? OK : FAILED;
    this.#inputs[index] = input;
    if (ok) this.ok += 1;
    else this.failed += 1;
    this.end = Math.max(this.end, index + 1);
    return true;
  }

  has(index: number): boolean {
    return (this.#states[index] ?? UNFINISHED) !== UNFINISHED;
  }

  /** Whether the finished task of this index had an input with this CRC. */
  hadInput(index: number, crc: number): boolean {
    return this.#inputs[index] === crc;
  }

  #grow(count: number): void {
    const length = Math.max(count, this.#states.length * 2);
    const [states, inputs] = [this.#states, this.#inputs];
    this.#states = new Uint8Array(length);
    this.#states.set(states);
    this.#inputs = new Uint32Array(length);
    this.#inputs.set(inputs);
  }
}
