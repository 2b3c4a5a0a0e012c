// A failure of a whole command → one line that says what to do, and the exit status.

import { ComputeError, type ErrorCode } from '../common/errors.ts';
import {
  EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_NOT_ALLOWED, EXIT_SOFTWARE, EXIT_TASKS_FAILED, EXIT_TEMPORARY,
  EXIT_UNAVAILABLE, EXIT_USAGE,
} from '../common/shutdown.ts';

/** A refusal: nothing is wrong with the machine, the command line or a file it names must change. */
export function misuse(message: string, cause?: unknown): ComputeError {
  return new ComputeError('USAGE', message, { cause });
}

/** A refusal that has an exit status of its own. */
export function refusedWith(exitStatus: number, message: string, cause?: unknown): ComputeError {
  return new ComputeError('USAGE', message, { cause, details: { exitStatus } });
}

/** A file that could not be written or read. `creating`: it could not even be opened. */
export function storageFailed(message: string, cause: unknown, creating = false): ComputeError {
  return new ComputeError('STORAGE_FAILED', `${message}: ${causeText(cause)}`, { cause, details: { creating } });
}

const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: EXIT_USAGE,
  CONFIG_INVALID: EXIT_USAGE,
  TASK_TOO_LARGE: EXIT_USAGE,
  FUNCTION_NOT_FOUND: EXIT_USAGE,
  BLOCKS_FAILED: EXIT_UNAVAILABLE,
  SUBMIT_FAILED: EXIT_UNAVAILABLE,
  START_FAILED: EXIT_UNAVAILABLE,
  COMMAND_FAILED: EXIT_UNAVAILABLE,
  BROKER_UNREACHABLE: EXIT_UNAVAILABLE,
  BROKER_REFUSED: EXIT_UNAVAILABLE,
  SERVICE_REFUSED: EXIT_UNAVAILABLE,
  SERVICE_FAILED: EXIT_UNAVAILABLE,
  SERVICE_UNREACHABLE: EXIT_TEMPORARY,
  LOGIN_NEEDED: EXIT_NOT_ALLOWED,
  ENGINE_LOST: EXIT_UNAVAILABLE,
  TASK_RAISED: EXIT_TASKS_FAILED,
};

export function exitStatusOf(error: unknown): number {
  if (!(error instanceof ComputeError)) return EXIT_SOFTWARE;
  const { exitStatus } = error.details;
  if (typeof exitStatus === 'number') return exitStatus;
  if (error.code === 'STORAGE_FAILED') return error.details['creating'] === true ? EXIT_CANNOT_CREATE : EXIT_IO_ERROR;
  return STATUS_OF[error.code] ?? EXIT_SOFTWARE;
}

/** `switchyard run: what happened`, on one line; with `verbose`, the stacks of the whole chain behind it. */
export function failureText(command: string, error: unknown, verbose: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const bug = error instanceof ComputeError ? '' : ' (this is a bug; --verbose shows where)';
  const line = `switchyard${command}: ${oneLine(message)}${verbose ? '' : bug}\n`;
  return verbose ? line + stacks(error) : line;
}

/** The operating system's words for what went wrong, without the call and the path that Node puts around them. */
export function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  return (code && WORDS[code]) ?? oneLine(cause.message);
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'the file system is read-only',
  EFBIG: 'the file is larger than allowed',
  EIO: 'the device failed',
  EPIPE: 'nobody reads it any more',
};

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

function stacks(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return `${error.stack ?? error.message}\n${stacks(error.cause)}`;
}
