// Every way in which the service says no over HTTP, in one table: the field's codes and their statuses. 429 and 500 to
// 504 are left out on purpose: clients send a request again when they see them, and nothing must be submitted twice.
// The one 429 is for what is refused before anything is begun, and is better asked for later.

import type { Failed } from '../common/api.ts';
import type { JsonObject } from '../common/json.ts';

const STATUS = {
  REQUEST_MALFORMED: 400,
  INVALID_UUID: 400,
  USER_UNAUTHENTICATED: 401,
  INSUFFICIENT_AUTH_SCOPE: 403,
  FUNCTION_NOT_PERMITTED: 403,
  ENDPOINT_ACCESS_FORBIDDEN: 403,
  ENDPOINT_ALREADY_REGISTERED: 403,
  ROUTE_NOT_FOUND: 404,
  FUNCTION_NOT_FOUND: 404,
  ENDPOINT_NOT_FOUND: 404,
  TASK_NOT_FOUND: 404,
  TASK_GROUP_NOT_FOUND: 404,
  USER_NOT_FOUND: 404,
  POLICY_NOT_FOUND: 404,
  RESOURCE_CONFLICT: 409,
  FUNCTION_TOO_LARGE: 413,
  TASK_PAYLOAD_TOO_LARGE: 413,
  BATCH_RUN_TOO_LARGE: 413,
  REQUEST_TOO_LARGE: 413,
  SEMANTICALLY_INVALID: 422,
  RESOURCE_LOCKED: 423,
  FAILED_STARTS_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  BROKER_UNAVAILABLE: 503,
  STORAGE_FULL: 507,
} as const;

export type RefusalCode = keyof typeof STATUS;

export interface RefusalOptions {
  readonly cause?: unknown;
  /** Asked again then, the answer may be another. */
  readonly retryAfterS?: number;
  /** What a log-in has to bring for the answer to be another, in the field's words. */
  readonly authorization?: JsonObject;
}

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly args: readonly string[];
  readonly retryAfterS: number | undefined;
  readonly authorization: JsonObject | undefined;

  /** `detail` is what the user of the SDK reads; `args` the ids that it is about. */
  constructor(code: RefusalCode, detail: string, args: readonly string[] = [], options: RefusalOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.code = code;
    this.args = args;
    this.retryAfterS = options.retryAfterS;
    this.authorization = options.authorization;
  }

  get status(): number {
    return STATUS[this.code];
  }
}

export function failedBody({ code, status, message, args, authorization }: Refusal): Failed {
  return {
    status: 'Failed', code, error_args: args, http_status_code: status, detail: message, reason: message,
    ...authorization === undefined ? {} : { authorization_parameters: authorization },
  };
}

export function unauthenticated(): Refusal {
  return new Refusal('USER_UNAUTHENTICATED', 'no valid token: log in again, or ask for a new one');
}

/** Half of a character cannot be put into bytes: no endpoint could read the task. */
export function refuseTorn(what: string, text: string): void {
  if (text.isWellFormed()) return;
  throw new Refusal('SEMANTICALLY_INVALID',
    `Request payload failed validation: ${what} contains half of a surrogate pair, which is no character`);
}

// What belongs to somebody else is answered as what is not there: nobody learns which ids exist.

export function functionNotFound(id: string): Refusal {
  return new Refusal('FUNCTION_NOT_FOUND', `Function ${id} could not be resolved`, [id]);
}

export function endpointNotFound(id: string): Refusal {
  return new Refusal('ENDPOINT_NOT_FOUND', `Endpoint ${id} could not be resolved`, [id]);
}

export function taskNotFound(id: string): Refusal {
  return new Refusal('TASK_NOT_FOUND', `Task ${id} could not be resolved`, [id]);
}

export function taskGroupNotFound(id: string): Refusal {
  return new Refusal('TASK_GROUP_NOT_FOUND', `Task Group ${id} could not be resolved`, [id]);
}

export function policyNotFound(id: string): Refusal {
  return new Refusal('POLICY_NOT_FOUND', `Authentication policy ${id} could not be resolved`, [id]);
}
