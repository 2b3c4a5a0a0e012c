// One thread of a manager. Runs the tasks of an assignment one after the other; whatever a task does, this function
// does not reject: so a rejection that the pool reports always means a lost or aborted thread.

import { encodeFailure, encodePayload, decodePayload, type Encoded } from '../../src/common/payload.ts';
import { ComputeError } from '../../src/common/errors.ts';
import { STATUS, UNKNOWN_FUNCTION, type Assignment, type LargeOutcome } from '../../src/common/protocol.ts';
import { prepareSlot, resultBytesMax } from './environment.ts';
import type { Callable, TaskContext } from './context.ts';
import { knownFunction, loadFunction } from './load.ts';

export default async function work(assignment: Assignment): Promise<unknown> {
  const { slot, count } = assignment;
  const memory = prepareSlot(assignment);
  const callable = knownFunction(assignment.fn) ?? await firstLoad(assignment);
  if (callable === undefined) return UNKNOWN_FUNCTION;
  const context: TaskContext = { timeoutMs: assignment.timeoutMs, slot, memory, index: 0 };
  const sinceBase = performance.timeOrigin - (memory.base[0] ?? 0);
  const { payload, buffers } = assignment.moved ?? { payload: memory.payload, buffers: NO_BUFFERS };

  let offset = 0;
  for (let index = 0; index < count; index++) {
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
    if (outcome.buffers.length > 0 || !memory.put(index, outcome.bytes)) {
      memory.size[index] = 0;
      return memory.finish(index) ? await large(index, outcome) : undefined;
    }
    if (!memory.finish(index)) return undefined;
  }
  return undefined;
}

const NO_BUFFERS: readonly Uint8Array[] = [];

/** Undefined when the definition did not come along. */
async function firstLoad({ fn, definition }: Assignment): Promise<Callable | Failed | undefined> {
  if (definition === undefined) return undefined;
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
async function large(index: number, outcome: Encoded): Promise<unknown> {
  const bytes = new Uint8Array(outcome.bytes);
  const buffers = outcome.buffers.map(ownBuffer);
  const value: LargeOutcome = { index, bytes, buffers };
  // Loaded when first needed: most workers never return anything large, and there may be many of them.
  const { move, Piscina } = await import('piscina');
  const answer = {
    [Piscina.transferableSymbol]: [...new Set([bytes.buffer, ...buffers.map((buffer) => buffer.buffer)])],
    [Piscina.valueSymbol]: value,
  };
  return move(answer as unknown as Parameters<typeof move>[0]); // its type names the symbols as strings
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
  return error instanceof ComputeError && error.code !== 'TASK_TIMEOUT';
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
