// The outcome of one task → its line in the result file. The journal keeps the same line. Pure.

import { ComputeError, type ErrorCode } from '../common/errors.ts';
import { toJson } from './json-value.ts';

export interface ResultError {
  readonly code: ErrorCode;
  readonly name: string;
  readonly message: string;
  readonly [more: string]: unknown;
}

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ResultError };

export interface Result {
  readonly index: number;
  readonly input: unknown;
  readonly outcome: Outcome;
  readonly attempts: number;
  /** How long it ran, where it is known. */
  readonly ms: number | undefined;
  readonly node: string | undefined;
}

/** One line without its newline. `input` is JSON text: the caller has it already. */
export function resultLine(result: Result, input: string): string {
  const { index, outcome, attempts, ms, node } = result;
  const answer = outcome.ok
    ? `"ok":true,"value":${toJson(outcome.value)}`
    : `"ok":false,"error":${toJson(outcome.error)}`;
  const facts = (attempts > 1 || !outcome.ok ? `,"attempts":${attempts}` : '')
    + (ms === undefined ? '' : `,"ms":${Math.round(ms * 1000) / 1000}`)
    + (node === undefined ? '' : `,"node":${JSON.stringify(node)}`);
  return `{"index":${index},"input":${input},${answer}${facts}}`;
}

/** What a command task resolves to; only an exit status of 0 is a success. */
interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export function commandOutcome(value: unknown): Outcome {
  // The engine made it: a command task has no other result.
  const result = value as CommandResult;
  if (result.exitCode === 0) return { ok: true, value };
  const end = result.exitCode === null
    ? `was ended by ${result.signal ?? 'a signal'}`
    : `exited with ${result.exitCode}`;
  return {
    ok: false,
    error: { ...result, code: 'COMMAND_FAILED', name: 'CommandFailed', message: `the command ${end}` },
  };
}

const STACK_LENGTH_MAX = 4000;

/** Why a task failed, for its line. What is no error of ours was thrown by the function. */
export function errorOf(reason: unknown): ResultError {
  if (reason instanceof ComputeError) {
    return { ...reason.details, code: reason.code, name: reason.name, message: reason.message };
  }
  if (!(reason instanceof Error)) return { code: 'TASK_RAISED', name: typeof reason, message: String(reason) };
  const { name, message, stack, cause } = reason;
  // Its own `code`, such as ENOENT, gives way to ours: the message has it, too.
  return {
    ...Object.fromEntries(Object.entries(reason)),
    code: 'TASK_RAISED',
    name,
    message,
    ...(stack !== undefined && { stack: stack.slice(0, STACK_LENGTH_MAX) }),
    ...(cause !== undefined && { cause }),
  };
}

/** Failures that are the one task's. */
const OF_THE_TASK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'TASK_RAISED', 'TASK_TIMEOUT', 'TASK_BLAMED', 'RESULT_NOT_SERIALIZABLE', 'RESULT_TOO_LARGE', 'NOT_SERIALIZABLE',
  'PAYLOAD_TOO_LARGE', 'WORKER_LOST', 'MANAGER_LOST', 'COMMAND_FAILED',
]);

/**
 * Whether a failure is the one task's, and so a result, or ends the whole run: then no other task would fare better,
 * and the task is not finished but may run when the run is resumed.
 */
export function isResult(reason: unknown): boolean {
  return !(reason instanceof ComputeError) || OF_THE_TASK.has(reason.code);
}
