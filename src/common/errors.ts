// Every failure the house can name, in one closed table. A class does not survive a process boundary; a code does.

/** Whose problem it is: decides the log level and the exit status. */
export type Fault = 'task' | 'caller' | 'site' | 'system';

const CODES = {
  /** The user's code threw. */
  TASK_RAISED: { fault: 'task', retry: true },
  /** The task ran longer than its timeout. */
  TASK_TIMEOUT: { fault: 'task', retry: true },
  /** Somebody asked for it. */
  TASK_CANCELLED: { fault: 'caller', retry: false },
  /** It took down as many workers as it may; it is not tried again. */
  TASK_BLAMED: { fault: 'task', retry: false },
  /** The function's return value cannot travel. */
  RESULT_NOT_SERIALIZABLE: { fault: 'task', retry: false },
  /** A result larger than the limit. */
  RESULT_TOO_LARGE: { fault: 'task', retry: false },
  /** The module, or the export in it, is not there, or the source does not compile. */
  FUNCTION_NOT_FOUND: { fault: 'caller', retry: false },
  /** An argument that cannot travel. */
  NOT_SERIALIZABLE: { fault: 'caller', retry: false },
  /** An argument larger than the limit. */
  PAYLOAD_TOO_LARGE: { fault: 'caller', retry: false },
  /** It asks for more than any manager has. */
  TASK_TOO_LARGE: { fault: 'caller', retry: false },
  /** As many tasks are open as the engine takes. */
  QUEUE_FULL: { fault: 'caller', retry: false },
  /** Whoever wrote the configuration must change it. */
  CONFIG_INVALID: { fault: 'caller', retry: false },
  /** What the command line or an input file says cannot be used. */
  USAGE: { fault: 'caller', retry: false },
  /** A thread ended while it ran the task. */
  WORKER_LOST: { fault: 'site', retry: true },
  /** No Python on a node that could run the task: none at all, or one without the SDK. */
  PYTHON_UNUSABLE: { fault: 'site', retry: false },
  /** A manager stopped answering while it held the task. */
  MANAGER_LOST: { fault: 'site', retry: true },
  /** Every block that was asked for failed. */
  BLOCKS_FAILED: { fault: 'site', retry: false },
  /** The scheduler refused a block. */
  SUBMIT_FAILED: { fault: 'site', retry: false },
  /** A command of ours failed, or did not end in time. */
  COMMAND_FAILED: { fault: 'site', retry: false },
  /** A file could not be written: full, read-only, not allowed. */
  STORAGE_FAILED: { fault: 'site', retry: false },
  /** The interchange ended and could not be replaced. */
  ENGINE_LOST: { fault: 'system', retry: false },
  /** The engine did not come up. */
  START_FAILED: { fault: 'site', retry: false },
  /** The engine was closed before the task settled. */
  ENGINE_CLOSED: { fault: 'caller', retry: false },
  /** Nothing answers at the broker's address, or not in time. */
  BROKER_UNREACHABLE: { fault: 'site', retry: false },
  /** The broker refuses these credentials, this virtual host, or what was asked of it. */
  BROKER_REFUSED: { fault: 'caller', retry: false },
  /** The broker did not take a message: it has no queue for it, the queue is full, or it cannot store it. */
  PUBLISH_FAILED: { fault: 'site', retry: false },
  /** Nothing answers at the service's address, or not in time. */
  SERVICE_UNREACHABLE: { fault: 'site', retry: false },
  /** The service says no; its status and code are in the details. */
  SERVICE_REFUSED: { fault: 'caller', retry: false },
  /** The service could not do what it was asked for, and it was not the fault of who asked. */
  SERVICE_FAILED: { fault: 'site', retry: false },
  /** There is no token for the service, or it does not know the one that there is. */
  LOGIN_NEEDED: { fault: 'caller', retry: false },
  /** The endpoint did not run the task; its own code is in the details. */
  ENDPOINT_REFUSED: { fault: 'site', retry: false },
  /** The task has not ended yet. */
  TASK_PENDING: { fault: 'caller', retry: false },
  /** A message of ours that does not parse: a bug. */
  BAD_MESSAGE: { fault: 'system', retry: false },
} as const satisfies Record<string, { fault: Fault; retry: boolean }>;

/** A name out of the table above. */
export type ErrorCode = keyof typeof CODES;

export interface ErrorOptions {
  cause?: unknown;
  /** Facts a program may want: ids, limits, paths. Never payloads, never credentials. */
  details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the house. `message` says what we were doing; the cause stays in `cause`. */
export class ComputeError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ComputeError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for a code of the table: what came over a wire may claim anything. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CODES, code);
}

export function faultOf(code: ErrorCode): Fault {
  return CODES[code].fault;
}

/** Whether a task that failed so may be tried again, within its own limit. */
export function mayRetry(code: ErrorCode): boolean {
  return CODES[code].retry;
}

/** For the default of a switch over a union: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
