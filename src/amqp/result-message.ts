// A task's result as the field's protocol has it.

import { formatJson, type JsonObject } from '../common/json.ts';

export interface ResultMessage {
  readonly type: 'result';
  readonly taskId: string;
  /** The serialized value, or the text of the failure. */
  readonly data: string;
  /** Versions and the endpoint's id. */
  readonly details: JsonObject | undefined;
  /** There exactly when the task failed. */
  readonly error: ResultError | undefined;
  readonly transitions: readonly Transition[] | undefined;
}

export interface ResultError {
  readonly code: string;
  readonly userMessage: string;
}

export interface Transition {
  /** Since 1970. */
  readonly timestampNs: bigint;
  readonly state: TaskState;
  readonly actor: Actor;
}

export const TASK_STATES = [
  'received', 'waiting-for-ep', 'waiting-for-nodes', 'waiting-for-launch', 'execution-start', 'execution-end',
  'running', 'success', 'failed', 'result-received', 'result-enqueued', 'action-provider-received',
  'action-provider-task-submitted', 'action-provider-task-group-in-progress',
  'action-provider-task-group-completed', 'action-provider-task-group-error',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const ACTORS = [
  'worker', 'manager', 'interchange', 'endpoint', 'result-processor', 'web-service', 'action-provider',
] as const;
export type Actor = (typeof ACTORS)[number];

/** The message's text. Nearly all that travels is results, and their times are numbers that `JSON` cannot write. */
export function formatResult({ taskId, data, details, error, transitions }: ResultMessage): string {
  const failure = error === undefined ? null : { code: error.code, user_message: error.userMessage };
  const times = transitions?.map(({ timestampNs, state, actor }) =>
    `{"timestamp":${timestampNs},"state":"${state}","actor":"${actor}"}`);
  return `{"message_type":"result","data":{"task_id":"${taskId}","data":${JSON.stringify(data)},`
    + `"details":${formatJson(details ?? null)},"error_details":${JSON.stringify(failure)},`
    + `"task_statuses":${times === undefined ? 'null' : `[${times.join(',')}]`}}}`;
}
