// Tasks of an assignment that the interpreter was handed at once, and what is known of them. Positions are the
// interpreter's: the first is 0, whatever its index in the assignment.

import type { Assignment, LargeOutcome } from '../../src/common/protocol.ts';
import { STATUS } from '../../src/common/protocol.ts';
import { SLOT_STATE, type SlotMemory } from '../../src/common/slot-memory.ts';
import type { Board, Progress } from './board.ts';

/** A chunk is meant to last a look or less; one that lasts longer is cut, even if it goes on. */
const LOOKS_MAX = 4;

export class Chunk {
  readonly number: number;
  /** In the assignment, ascending. */
  readonly indexes: readonly number[];
  readonly payloads: readonly Uint8Array[];
  readonly #memory: SlotMemory;
  /** Tasks before this one have been collected. */
  #collected = 0;
  #collectedBytes = 0;
  /** Tasks from this one on were given back. */
  #end: number;
  #seen: Progress | undefined;
  #looks = 0;
  #limited = false;

  /** Claims what has not started of the assignment. Undefined when that is nothing. */
  static claim(memory: SlotMemory, { count, moved }: Assignment, number: number): Chunk | undefined {
    const bytes = moved?.payload ?? memory.payload;
    const indexes: number[] = [];
    const payloads: Uint8Array[] = [];
    const sinceBase = Date.now() - (memory.base[0] ?? 0);
    let offset = 0;
    for (let index = 0; index < count; index++) {
      const start = offset;
      offset += memory.payloadSize[index] ?? 0;
      if (!memory.claim(index)) continue;
      memory.started[index] = sinceBase;
      indexes.push(index);
      payloads.push(bytes.subarray(start, offset));
    }
    return indexes.length === 0 ? undefined : new Chunk(memory, number, indexes, payloads);
  }

  private constructor(
    memory: SlotMemory, number: number, indexes: readonly number[], payloads: readonly Uint8Array[],
  ) {
    this.#memory = memory;
    this.number = number;
    this.indexes = indexes;
    this.payloads = payloads;
    this.#end = indexes.length;
  }

  /** Whether the manager has decided that one of them has no result: then it has ended the interpreter, too. */
  get killed(): boolean {
    return this.indexes.some((index) => this.#memory.state(index) === SLOT_STATE.killed);
  }

  /**
   * Called every few ms. Believes the board only in what it has seen before: the order in which two processors see
   * what a third writes is not certain at once.
   */
  look(board: Board): void {
    const before = this.#seen;
    const now = board.progress();
    if (now.chunk !== this.number) return;
    this.#seen = now;
    if (before === undefined || now.running === undefined) return;
    this.collect(before.done, board);
    this.#restart(now.runningSinceMs);
    const lasts = now.running === before.running || ++this.#looks > LOOKS_MAX;
    if (this.#limited) this.giveBack(now.running + 1);
    else if (lasts && now.running + 1 < this.#end) {
      board.limit(now.running + 1);
      this.#limited = true;
    }
  }

  /** The manager takes the first task without a result for the one that runs, and looks how long it does. */
  #restart(atMs: number): void {
    const sinceBase = atMs - (this.#memory.base[0] ?? 0);
    for (let position = this.#collected; position < this.#end; position++) {
      this.#memory.started[this.indexes[position] ?? 0] = sinceBase;
    }
  }

  /** Outcomes of the tasks before this position, out of the board and into the slot's memory. */
  collect(to: number, board: Board): void {
    const from = this.#collected;
    if (to <= from) return;
    this.#collected = to;
    const memory = this.#memory;
    const base = memory.base[0] ?? 0;
    const rows = board.rows(from, to);
    const total = rows.reduce((sum, { size }) => sum + size, 0);
    const outcomes = board.outcomes(this.#collectedBytes, total);
    this.#collectedBytes += total;
    let at = 0;
    for (const [i, { startedMs, runMs, size }] of rows.entries()) {
      const index = this.indexes[from + i] ?? 0;
      memory.started[index] = startedMs - base;
      memory.run[index] = runMs;
      memory.status[index] = STATUS.ok;
      memory.put(index, outcomes.subarray(at, at + size)); // there is room: the interpreter was told how much
      at += size;
      if (!memory.finish(index)) memory.retract(index);
    }
  }

  /** The interpreter is dead: collects what it has left. Returns the index of the task that it was at. */
  autopsy(board: Board): number | undefined {
    const { chunk, running, done } = board.progress();
    if (chunk !== this.number) return undefined;
    this.collect(done, board);
    return running === undefined || running < done ? undefined : this.indexes[running];
  }

  /** An outcome that came over the line. Null when the manager had given the task up. */
  finishLarge(position: number, bytes: Uint8Array, board: Board): LargeOutcome | null {
    const memory = this.#memory;
    const index = this.indexes[position] ?? 0;
    const [row] = board.rows(position, position + 1);
    memory.started[index] = (row?.startedMs ?? 0) - (memory.base[0] ?? 0);
    memory.run[index] = row?.runMs ?? 0;
    memory.status[index] = STATUS.ok;
    memory.size[index] = 0;
    this.#collected = position + 1;
    return memory.finish(index) ? { index, bytes, buffers: [] } : null;
  }

  /** Those from this position on have not started and will not. */
  giveBack(from: number): void {
    for (let position = from; position < this.#end; position++) this.#memory.unclaim(this.indexes[position] ?? 0);
    this.#end = Math.min(this.#end, from);
  }
}
