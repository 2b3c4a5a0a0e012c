// The Python tasks of a slot: hands an assignment to the slot's interpreter, as much as possible at once, and keeps the
// slot's memory true meanwhile.
//
// What the interpreter was handed is claimed, although it runs one after the other. Should one of several take long,
// the rest is taken back from it, so that the manager can give it to others; should the interpreter end, the board says
// which it ended in, and only that one is charged.

import { ComputeError } from '../../src/common/errors.ts';
import { killGroup } from '../../src/common/exec.ts';
import { encodeFailure, encodePayload } from '../../src/common/payload.ts';
import {
  STATUS, type Assignment, type FunctionId, type LargeOutcome, type PythonDefinition,
} from '../../src/common/protocol.ts';
import type { SlotMemory } from '../../src/common/slot-memory.ts';
import { Chunk } from './chunk.ts';
import { Interpreter, type ChunkEnd, type InterpreterPlace, type Loss } from './interpreter.ts';

/** How often the interpreter's progress is looked at while it has several tasks. */
const LOOK_MS = 5;
/** After a failed start, tasks fail for the same reason for so long, before the next try. */
const UNUSABLE_MS = 10_000;
/** Interpreters that end before they begin with what they were handed. */
const BARREN_MAX = 3;
/** The scheduler's SIGTERM may end an interpreter before the manager has heard of its own. */
const TERMINATED_WAIT_MS = 1000;

export interface PythonFunction {
  readonly id: FunctionId;
  readonly definition: PythonDefinition;
}

export class PythonWorker {
  readonly #slot: InterpreterPlace;
  #interpreter: Interpreter | undefined;
  #unusable: { readonly error: unknown; readonly untilMs: number } | undefined;
  #chunks = 0;
  #barren = 0;

  constructor(slot: InterpreterPlace) {
    this.#slot = slot;
    // Of a thread that worked here before.
    if (slot.memory.interpreter > 0) killGroup(slot.memory.interpreter, 'SIGKILL');
    slot.memory.interpreter = 0;
  }

  /** Runs an assignment; what it returns is the worker's answer. */
  async work({ id, definition }: PythonFunction, assignment: Assignment): Promise<LargeOutcome | null> {
    const { memory } = this.#slot;
    for (;;) {
      let interpreter: Interpreter;
      try {
        interpreter = await this.#ready();
      } catch (error) {
        return await this.#endedByScheduler(signalOf(error)) ? null : this.#failAll(assignment, error);
      }
      const chunk = Chunk.claim(memory, assignment, ++this.#chunks);
      if (chunk === undefined) return null;
      const order = {
        chunk: chunk.number, key: interpreter.define(id, definition), room: memory.room, place: assignment.place,
        payloads: chunk.payloads,
      };
      const end = await watched(chunk, interpreter, interpreter.run(order));
      const large = end.type === 'lost' ? await this.#onLost(chunk, interpreter, end) : onEnd(chunk, interpreter, end);
      if (end.type !== 'lost') this.#barren = 0;
      if (large !== undefined) return large;
    }
  }

  async #ready(): Promise<Interpreter> {
    if (this.#interpreter !== undefined && !this.#interpreter.lost) return this.#interpreter;
    this.#interpreter?.board.close();
    this.#interpreter = undefined;
    const now = performance.now();
    if (this.#unusable !== undefined && now < this.#unusable.untilMs) throw this.#unusable.error;
    this.#unusable = undefined;
    try {
      this.#interpreter = await Interpreter.start(this.#slot);
      return this.#interpreter;
    } catch (error) {
      this.#unusable = { error, untilMs: now + UNUSABLE_MS };
      throw error;
    }
  }

  /**
   * The interpreter is gone. The task that it ran is charged, unless the manager ended it; what had not begun goes
   * back. Undefined: the assignment goes on with another interpreter.
   */
  async #onLost(chunk: Chunk, { board }: Interpreter, loss: Loss): Promise<LargeOutcome | null | undefined> {
    const { memory } = this.#slot;
    const guilty = chunk.autopsy(board);
    if (chunk.killed || await this.#endedByScheduler(loss.signal)) {
      chunk.giveBack(0);
      return null; // the manager takes the rest, and knows why
    }
    if (guilty === undefined && ++this.#barren < BARREN_MAX) {
      chunk.giveBack(0);
      return undefined;
    }
    this.#barren = 0;
    const large = settle(memory, guilty ?? chunk.indexes[0] ?? 0, STATUS.workerLost, loss.error);
    chunk.giveBack(0);
    return large ?? null;
  }

  /** Whether the scheduler ends the block, and has told this process, too: that is nobody's fault. */
  async #endedByScheduler(signal: unknown): Promise<boolean> {
    const { memory } = this.#slot;
    if (signal === 'SIGTERM') await until(() => memory.terminated, TERMINATED_WAIT_MS);
    return memory.terminated;
  }

  #failAll(assignment: Assignment, error: unknown): LargeOutcome | null {
    const { memory } = this.#slot;
    for (let index = 0; index < assignment.count; index++) {
      if (!memory.claim(index)) continue;
      memory.started[index] = Date.now() - (memory.base[0] ?? 0);
      memory.run[index] = 0;
      const large = settle(memory, index, STATUS.failed, error);
      if (large !== undefined) return large;
    }
    return null;
  }
}

/** The chunk's end; meanwhile what is done is collected, and what waits behind a long task is taken back. */
async function watched(chunk: Chunk, interpreter: Interpreter, ended: Promise<ChunkEnd>): Promise<ChunkEnd> {
  if (chunk.indexes.length === 1) return ended;
  const timer = setInterval(() => {
    if (!interpreter.lost) chunk.look(interpreter.board);
  }, LOOK_MS);
  try {
    return await ended;
  } finally {
    clearInterval(timer);
  }
}

/** The large outcome ends the assignment. */
function onEnd(
  chunk: Chunk, { board }: Interpreter, end: Exclude<ChunkEnd, Loss>,
): LargeOutcome | null | undefined {
  chunk.collect(end.type === 'large' ? end.done - 1 : end.done, board);
  const large = end.type === 'large' ? chunk.finishLarge(end.done - 1, end.outcome, board) : undefined;
  chunk.giveBack(end.done);
  return large;
}

/** An outcome of ours. It is returned where it does not fit the slot's memory. */
function settle(memory: SlotMemory, index: number, status: number, error: unknown): LargeOutcome | undefined {
  const code = error instanceof ComputeError ? error.code : 'PYTHON_UNUSABLE';
  const { bytes } = encodePayload(encodeFailure(error, code));
  memory.status[index] = status;
  const fits = memory.put(index, bytes);
  if (!fits) memory.size[index] = 0;
  if (memory.finish(index)) return fits ? undefined : { index, bytes, buffers: [] };
  if (fits) memory.retract(index);
  return undefined;
}

function signalOf(error: unknown): unknown {
  return error instanceof ComputeError ? error.details['signal'] : undefined;
}

async function until(holds: () => boolean, withinMs: number): Promise<void> {
  for (const end = performance.now() + withinMs; !holds() && performance.now() < end;) {
    // oxlint-disable-next-line no-await-in-loop -- until it holds
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
