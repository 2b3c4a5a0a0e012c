// How many tasks to hand over at once. Short tasks go in bulk, because then the cost of a message is the cost of many
// tasks; a task whose length nobody knows, or a long one, goes alone. Lengths are learned per function.

import type { FunctionId } from '../../src/common/protocol.ts';
import { ASSIGNMENT_TASKS_MAX } from '../../src/common/slot-memory.ts';

/** Work that one assignment should amount to: what a new task may have to wait for, at most, behind short ones. */
const ASSIGNMENT_MS = 2;
/** Work that should stand in line behind each slot, so that it never waits for the interchange. */
const LINE_MS = 10;
/** Tasks in line behind one slot at most. */
const LINE_TASKS_MAX = 1024;
/** How much a new observation counts. */
const WEIGHT = 0.2;

export class Pace {
  readonly #functions = new Map<FunctionId, number>();
  readonly #slots: number;
  readonly #prefetch: number;
  #overall: number | undefined;

  constructor(slots: number, prefetch: number) {
    this.#slots = slots;
    this.#prefetch = prefetch;
  }

  /** `runMs`: what each of `count` tasks took on average. */
  observe(fn: FunctionId, runMs: number, count: number): void {
    const known = this.#functions.get(fn);
    // Growing longer counts at once: to hand a slot too much is worse than too little.
    const mean = known === undefined || runMs > known ? runMs : known + (runMs - known) * WEIGHT;
    this.#functions.set(fn, mean);
    const weight = count > 1 ? WEIGHT * 2 : WEIGHT;
    this.#overall = this.#overall === undefined ? mean : this.#overall + (mean - this.#overall) * weight;
  }

  /** Tasks of this function for one slot now, while so many stand in line. */
  assignment(fn: FunctionId, inLine: number): number {
    const mean = this.#functions.get(fn);
    if (mean === undefined) return 1;
    const fair = Math.ceil(inLine / this.#slots);
    return Math.max(1, Math.min(fair, Math.floor(ASSIGNMENT_MS / Math.max(mean, 0.001)), ASSIGNMENT_TASKS_MAX));
  }

  /** How many tasks the manager should hold: one for each slot, and the work in line. */
  window(): number {
    const mean = this.#overall;
    const perSlot = mean === undefined ? 0 : Math.min(LINE_TASKS_MAX, Math.floor(LINE_MS / Math.max(mean, 0.001)));
    return this.#slots + Math.max(this.#prefetch, this.#slots * perSlot);
  }
}
