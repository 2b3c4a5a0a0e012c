// How many tasks to hand over at once. Short tasks go in bulk, because then the cost of a message is the cost of many
// tasks; a task whose length nobody knows, or a long one, goes alone. Lengths are learned per function.

import type { FunctionId } from '../../src/common/protocol.ts';
import { ASSIGNMENT_TASKS_MAX, OUTCOME_BYTES_MAX } from '../../src/common/slot-memory.ts';

/** Work that one assignment should amount to: what a new task may have to wait for, at most, behind short ones. */
const ASSIGNMENT_MS = 2;
/** Work that should stand in line behind each slot, so that it never waits for the interchange. */
const LINE_MS = 10;
/** Tasks in line behind one slot at most. */
export const LINE_TASKS_MAX = 1024;
/** How much a new observation counts. */
const WEIGHT = 0.2;
/** No task is taken to be shorter. */
const MS_MIN = 0.001;

/** What is known of a function. */
interface Habit {
  runMs: number;
  outcomeBytes: number;
}

/** What came of some of its tasks, on average. */
export interface Observation {
  readonly meanMs: number;
  readonly meanBytes: number;
  readonly header: { readonly count: number };
}

export class Pace {
  readonly #functions = new Map<FunctionId, Habit>();
  readonly #slots: number;
  readonly #prefetch: number;
  readonly #lines: boolean;
  #overallMs: number | undefined;

  /** `lines`: tasks may stand in line behind those that run. */
  constructor(slots: number, prefetch: number, lines = true) {
    this.#slots = slots;
    this.#prefetch = prefetch;
    this.#lines = lines;
  }

  observe(fn: FunctionId, { meanMs, meanBytes, header }: Observation): void {
    const habit = this.#functions.get(fn);
    if (habit === undefined) {
      this.#functions.set(fn, { runMs: meanMs, outcomeBytes: meanBytes });
    } else {
      // Growing counts at once: to hand a slot too much is worse than too little.
      habit.runMs = Math.max(meanMs, habit.runMs + (meanMs - habit.runMs) * WEIGHT);
      habit.outcomeBytes = Math.max(meanBytes, habit.outcomeBytes + (meanBytes - habit.outcomeBytes) * WEIGHT);
    }
    const weight = header.count > 1 ? WEIGHT * 2 : WEIGHT;
    this.#overallMs = this.#overallMs === undefined ? meanMs : this.#overallMs + (meanMs - this.#overallMs) * weight;
  }

  /** Tasks of this function for one slot now, while so many stand in line. */
  assignment(fn: FunctionId, inLine: number): number {
    const habit = this.#functions.get(fn);
    if (habit === undefined) return 1;
    const fair = Math.ceil(inLine / this.#slots);
    const time = Math.floor(ASSIGNMENT_MS / Math.max(habit.runMs, MS_MIN));
    const room = Math.floor(OUTCOME_BYTES_MAX / Math.max(habit.outcomeBytes, 1));
    return Math.max(1, Math.min(fair, time, room, ASSIGNMENT_TASKS_MAX));
  }

  /** How many tasks the manager should hold: one for each slot, and the work in line. */
  window(): number {
    if (!this.#lines) return this.#slots;
    const mean = this.#overallMs;
    const perSlot = mean === undefined ? 0 : Math.min(LINE_TASKS_MAX, Math.floor(LINE_MS / Math.max(mean, MS_MIN)));
    return this.#slots + Math.max(this.#prefetch, this.#slots * perSlot);
  }
}
