// One thread of a manager. Runs the tasks of an assignment one after the other; whatever a task does, the session goes
// on: so when the pool says that it ended, the thread was lost or aborted.

import type { MessagePort } from 'node:worker_threads';
import { encodeFailure, encodePayload, decodePayload, type Encoded } from '../../src/common/payload.ts';
import { ComputeError, mayRetry } from '../../src/common/errors.ts';
import {
  STATUS, type Assignment, type LargeOutcome, type Place, type SessionStart,
} from '../../src/common/protocol.ts';
import { SlotMemory } from '../../src/common/slot-memory.ts';
import { memoryMiBMax, notePath, occupy, resultBytesMax, takeOn } from './environment.ts';
import type { TaskContext } from './context.ts';
import { knownFunction, loadFunction, type Loaded } from './load.ts';
import { PythonWorker } from './python.ts';

const ORIGIN_MS = performance.timeOrigin;

/** Serves one slot for as long as the thread lives. */
export default function serve({ slot, memory: shared, port }: SessionStart): Promise<never> {
  takeOn(slot);
  const memory = new SlotMemory(shared);
  const python = new PythonWorker({
    memory, environment: { ...process.env }, note: notePath(slot, '-python'), memoryMiBMax: memoryMiBMax(),
  });
  const worker: Worker = { slot, memory, port, python };
  port.on('message', (assignment: Assignment) => {
    const { place } = assignment;
    void (place === undefined ? work(assignment, worker) : workIn(place, assignment, worker));
  });
  return new Promise(() => { /* the pool ends the thread, or the thread ends itself */ });
}

interface Worker {
  readonly slot: number;
  readonly memory: SlotMemory;
  readonly port: MessagePort;
  readonly python: PythonWorker;
}

/** The task of this assignment occupies more than the slot. */
async function workIn(place: Place, assignment: Assignment, worker: Worker): Promise<void> {
  const leave = occupy(process.env, worker.slot, place);
  try {
    await work(assignment, worker);
  } finally {
    leave();
  }
}

/** Runs an assignment and answers. Should it throw, the thread ends, and the manager knows. */
async function work(assignment: Assignment, { slot, memory, port, python }: Worker): Promise<void> {
  const callable = knownFunction(assignment) ?? await firstLoad(assignment);
  if ('definition' in callable) {
    answer(port, await python.work(callable, assignment));
    return;
  }
  const context: TaskContext = { timeoutMs: assignment.timeoutMs, slot, memory, index: 0 };
  const sinceBase = ORIGIN_MS - (memory.base[0] ?? 0);
  const { payload, buffers } = assignment.moved ?? { payload: memory.payload, buffers: NO_BUFFERS };

  let offset = 0;
  for (let index = 0; index < assignment.count; index++) {
    const start = offset;
    offset += memory.payloadSize[index] ?? 0;
    if (!memory.claim(index)) continue;
    context.index = index;
    const started = performance.now();
    memory.started[index] = sinceBase + started;
    let outcome: Encoded;
    let status: number = STATUS.ok;
    try {
      if (typeof callable !== 'function') throw callable.failure;
      const args = decodePayload(payload.subarray(start, offset), buffers) as unknown[]; // our encoder's
      const value = callable(args, context);
      outcome = encodeResult(isThenable(value) ? await value : value);
    } catch (error) {
      status = isFinal(error) ? STATUS.failed : STATUS.retryable;
      outcome = encodeError(error);
    }
    memory.run[index] = performance.now() - started;
    memory.status[index] = status;
    const fits = outcome.buffers.length === 0 && memory.put(index, outcome.bytes);
    if (!fits) memory.size[index] = 0;
    const counts = memory.finish(index);
    if (counts && fits) continue;
    answer(port, counts ? { index, bytes: outcome.bytes, buffers: outcome.buffers } : null);
    return;
  }
  answer(port, null);
}

const NO_BUFFERS: readonly Uint8Array[] = [];

async function firstLoad({ fn, definition }: Assignment): Promise<Loaded | Failed> {
  if (definition === undefined) {
    return { failure: new ComputeError('BAD_MESSAGE', 'the function came without its definition') };
  }
  try {
    return await loadFunction(fn, definition);
  } catch (error) {
    return { failure: error };
  }
}

interface Failed {
  readonly failure: unknown;
}

/** An outcome that does not fit the slot's memory ends the assignment and is its answer: moved, not copied. */
function answer(port: MessagePort, outcome: LargeOutcome | null): void {
  if (outcome === null) {
    port.postMessage(null);
    return;
  }
  const bytes = new Uint8Array(outcome.bytes);
  const buffers = outcome.buffers.map(ownBuffer);
  const moved = new Set([bytes.buffer, ...buffers.map((buffer) => buffer.buffer as ArrayBuffer)]); // ours alone
  port.postMessage({ index: outcome.index, bytes, buffers } satisfies LargeOutcome, [...moved]);
}

/** A view of a whole, unshared ArrayBuffer can be moved to another thread as it is; anything else is copied once. */
function ownBuffer(bytes: Uint8Array): Uint8Array {
  const whole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return whole ? bytes : new Uint8Array(bytes);
}

function encodeResult(value: unknown): Encoded {
  let outcome: Encoded;
  try {
    outcome = encodePayload(value);
  } catch (cause) {
    const message = `the function's result cannot travel: ${messageOf(cause)}`;
    throw new ComputeError('RESULT_NOT_SERIALIZABLE', message, { cause });
  }
  const bytes = outcome.buffers.reduce((sum, buffer) => sum + buffer.length, outcome.bytes.length);
  const bytesMax = resultBytesMax();
  if (bytes <= bytesMax) return outcome;
  throw new ComputeError('RESULT_TOO_LARGE',
    `the function's result has ${bytes} bytes and result_bytes_max is ${bytesMax}: return less, or write it to a file`);
}

function encodeError(error: unknown): Encoded {
  const failure = encodeFailure(error, error instanceof ComputeError ? error.code : 'TASK_RAISED');
  try {
    return encodePayload(failure);
  } catch {
    // Something the exception carries cannot travel: its name and message can.
    return encodePayload({ code: failure.code, name: failure.name, message: failure.message, stack: failure.stack });
  }
}

/** Trying again cannot help where the caller or the shape of the result is at fault. */
function isFinal(error: unknown): boolean {
  return error instanceof ComputeError && !mayRetry(error.code);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
