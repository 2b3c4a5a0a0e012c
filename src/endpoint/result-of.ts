// How a task ended → the result as its SDK reads it. Pure.

import type { ResultMessage, Transition } from '../amqp/result-message.ts';
import { RESULT_BYTES_MAX } from '../common/api.ts';
import { ComputeError } from '../common/errors.ts';
import { writeFailure, writeValue } from '../common/javascript.ts';
import type { JsonObject } from '../common/json.ts';
import { decodePayload, encodeFailure, encodePayload, type Encoded } from '../common/payload.ts';
import type { Failure, PythonResult } from '../common/protocol.ts';
import type { Arrived } from '../../engine/pending.ts';
import type { Language } from './programs.ts';

/** Whose result it is, and what is said in each. */
export interface Answering {
  readonly taskId: string;
  readonly endpointId: string;
  /** Of what runs JavaScript here. */
  readonly details: JsonObject;
}

const EXECUTION_ERROR = 'RemoteExecutionError';
const EXECUTION_TEXT = 'An error occurred during the execution of this task';
const RULE_WIDTH = 68;

/** What a worker made of it; `outcome` is valid during the call only. */
export function resultOf(
  to: Answering, language: Language, ok: boolean, { bytes, buffers }: Encoded, arrived: Arrived, at: number,
): ResultMessage {
  if (language === 'python') {
    const value = decoded({ bytes, buffers });
    if (ok) return isPythonResult(value) ? pythonResult(to, value) : failureOf(to, language, UNREADABLE);
    return failureOf(to, language, isFailure(value) ? value : UNREADABLE);
  }
  if (!ok) {
    const value = decoded({ bytes, buffers });
    return failureOf(to, language, isFailure(value) ? value : UNREADABLE);
  }
  const data = writeValue({ bytes, buffers });
  if (data.length > RESULT_BYTES_MAX) {
    return failureOf(to, language, {
      code: 'RESULT_TOO_LARGE', name: 'ComputeError', message: `the result has ${data.length} characters as it `
        + `travels, and at most ${RESULT_BYTES_MAX} do: return less, or write a file`,
    });
  }
  return {
    type: 'result', taskId: to.taskId, data, details: to.details, error: undefined, transitions: ranAt(arrived, at),
  };
}

/** There is no result of a worker's. */
export function failureOf(to: Answering, language: Language, failure: Failure): ResultMessage {
  return language === 'javascript' ? javascriptFailure(to, failure) : {
    type: 'result', taskId: to.taskId, data: boxed(failure), details: undefined,
    error: { code: EXECUTION_ERROR, userMessage: EXECUTION_TEXT }, transitions: undefined,
  };
}

/** It was never given to the engine. */
export function notStarted(to: Answering, language: Language | undefined, error: unknown): ResultMessage {
  const failure = encodeFailure(error, error instanceof ComputeError ? error.code : 'BAD_MESSAGE');
  if (language === 'javascript') return javascriptFailure(to, failure);
  return {
    type: 'result', taskId: to.taskId, data: `Failed to start task: ${failure.message}`.toWellFormed(),
    details: undefined, error: { code: EXECUTION_ERROR, userMessage: EXECUTION_TEXT }, transitions: [],
  };
}

export function notAllowed(to: Answering, functionId: string): ResultMessage {
  const text = `Function ${functionId} not permitted on endpoint ${to.endpointId}`;
  return {
    type: 'result', taskId: to.taskId, data: text, details: { fid: functionId, eid: to.endpointId },
    error: { code: 'FUNCTION_NOT_ALLOWED', userMessage: text }, transitions: [],
  };
}

/** The engine ended it because the endpoint is stopping: it has not failed, and runs when the endpoint is started. */
export function isPostponed({ code }: Failure): boolean {
  return code === 'TASK_CANCELLED' || code === 'ENGINE_CLOSED';
}

const UNREADABLE: Failure = {
  code: 'BAD_MESSAGE', name: 'ComputeError', message: 'what the worker said of the task could not be read',
};

function pythonResult(to: Answering, result: PythonResult): ResultMessage {
  const { data, failure, details, startedNs, endedNs } = result;
  if (data.length > RESULT_BYTES_MAX) {
    const text = `MaxResultSizeExceeded(${data.length}, ${RESULT_BYTES_MAX})`;
    const said = `Task result of ${data.length}B exceeded current limit of ${RESULT_BYTES_MAX}B`;
    return pythonResult(to, {
      data: text, failure: { code: 'MaxResultSizeExceeded', message: `remote error: ${said}` }, details, startedNs,
      endedNs,
    });
  }
  return {
    type: 'result', taskId: to.taskId, data: data.toWellFormed(),
    details: { ...details, endpoint_id: to.endpointId },
    error: failure === undefined ? undefined
      : { code: failure.code, userMessage: failure.message.toWellFormed() },
    transitions: between(startedNs, endedNs),
  };
}

function javascriptFailure(to: Answering, failure: Failure): ResultMessage {
  const said = failure.code === 'TASK_RAISED' ? `${failure.name}: ${failure.message}` : failure.message;
  return {
    type: 'result', taskId: to.taskId, data: writeFailure(encodePayload(failure)), details: to.details,
    error: { code: failure.code, userMessage: said.toWellFormed() }, transitions: undefined,
  };
}

/** As the field's agent shows what its executor raised. */
function boxed({ code, message, cause }: Failure): string {
  const name = code.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const because = cause !== undefined && 'code' in cause ? [`caused by ${cause.name}: ${cause.message}`] : [];
  return ['+'.repeat(RULE_WIDTH), `${name}: ${message}`, ...because, '-'.repeat(RULE_WIDTH), '']
    .join('\n').toWellFormed();
}

function ranAt({ header, startedMs, runMs }: Arrived, at: number): readonly Transition[] {
  const started = header.startedAtMs + (startedMs[at] ?? 0);
  return between(nanoseconds(started), nanoseconds(started + (runMs[at] ?? 0)));
}

function between(startedNs: bigint, endedNs: bigint): readonly Transition[] {
  return [
    { timestampNs: startedNs, state: 'execution-start', actor: 'worker' },
    { timestampNs: endedNs, state: 'execution-end', actor: 'worker' },
  ];
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

function decoded({ bytes, buffers }: Encoded): unknown {
  try {
    return decodePayload(bytes, buffers);
  } catch {
    return undefined; // a manager may have sent anything
  }
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string'
    && 'message' in value && typeof value.message === 'string';
}

function isPythonResult(value: unknown): value is PythonResult {
  if (typeof value !== 'object' || value === null) return false;
  const { data, details, startedNs, endedNs, failure } = value as Partial<Record<keyof PythonResult, unknown>>;
  return typeof data === 'string' && typeof details === 'object' && details !== null && typeof startedNs === 'bigint'
    && typeof endedNs === 'bigint' && (failure === undefined || isFailure(failure));
}
