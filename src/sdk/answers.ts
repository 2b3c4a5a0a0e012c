// The service's answers as records. What is not of the agreed form is the service's failure, and said so.

import type { RegisteredQueues } from '../amqp/queue-info.ts';
import { Shape } from '../amqp/shape.ts';
import type { Submitted } from '../common/api.ts';
import type { Json, JsonObject } from '../common/json.ts';

/** A function as the service keeps it. */
export interface StoredFunction {
  readonly id: string;
  readonly name: string;
  /** As its language's SDK has written it. */
  readonly code: string;
  readonly description: string | undefined;
}

/** What the service knows of a task. `data` is written as its language's SDK does it. */
export type TaskState =
  | { readonly state: 'open'; readonly status: string }
  | { readonly state: 'done' | 'failed'; readonly data: string; readonly completedAtMs: number;
      readonly details: JsonObject };

export interface EndpointSummary {
  readonly id: string;
  readonly name: string;
  readonly displayName: string | undefined;
  readonly owner: string;
}

/** A user endpoint below a multi-user endpoint, as its last report says. */
export interface UserEndpointSummary {
  readonly id: string;
  /** It runs. */
  readonly active: boolean;
  /** Whose it is: the id of an identity. */
  readonly identity: string;
  /** The local account that it runs as, if it says so. */
  readonly localUser: string | undefined;
}

export interface EndpointState {
  readonly online: boolean;
  /** What it reports of its workers and tasks: total_workers, idle_workers, pending_tasks, … */
  readonly details: JsonObject;
}

/** In the service's words, as the endpoint's process gets them. */
export interface RegisteredEndpoint extends RegisteredQueues {
  readonly endpoint_id: string;
}

export interface UserInfo {
  readonly id: string;
  readonly username: string;
  readonly name: string | undefined;
  readonly email: string | undefined;
}

/** Where results of one's tasks can be read as they come. The URL is secret. */
export interface ResultStream {
  /** The task group's id comes right behind it. */
  readonly queuePrefix: string;
  readonly connectionUrl: string;
}

export function readUser(answer: Shape): UserInfo {
  return {
    id: answer.uuid('sub'), username: answer.text('preferred_username'), name: optional(answer, 'name'),
    email: optional(answer, 'email'),
  };
}

export function readFunction(answer: Shape): StoredFunction {
  return {
    id: answer.uuid('function_uuid'), name: answer.text('function_name'), code: answer.text('function_code'),
    description: optional(answer, 'description'),
  };
}

export function readSubmitted(answer: Shape): Submitted {
  return {
    request_id: answer.uuid('request_id'), task_group_id: answer.uuid('task_group_id'),
    endpoint_id: answer.uuid('endpoint_id'),
    tasks: Object.fromEntries(
      Object.entries(answer.objectAt('tasks')).map(([id, ids]) => [id, textsIn(ids)]),
    ),
  };
}

export function readState(answer: Shape): TaskState {
  if (!answer.has('completion_t')) return { state: 'open', status: answer.text('status') };
  const isDone = answer.has('result');
  return {
    state: isDone ? 'done' : 'failed', completedAtMs: Number(answer.text('completion_t')) * 1000,
    data: isDone ? answer.text('result') : optional(answer, 'exception') ?? optional(answer, 'reason') ?? '',
    details: answer.has('details') ? answer.objectAt('details') : {},
  };
}

export function readStates(answer: Shape): Map<string, TaskState> {
  const results = answer.child('results');
  return new Map(Object.keys(results.object()).map((id) => [id, readState(results.child(id))]));
}

export function readEndpointState(answer: Shape): EndpointState {
  return {
    online: answer.text('status') === 'online', details: answer.has('details') ? answer.objectAt('details') : {},
  };
}

export function readSummary(one: Shape): EndpointSummary {
  return {
    id: one.uuid('uuid'), name: one.text('name'), displayName: optional(one, 'display_name'), owner: one.uuid('owner'),
  };
}

export function readUserEndpoint(one: Shape): UserEndpointSummary {
  return {
    id: one.uuid('user_endpoint_id'), active: one.object()['active'] === true, identity: one.uuid('identity_id'),
    localUser: optional(one, 'posix_username'),
  };
}

export function readRegistered(answer: Shape): RegisteredEndpoint {
  const [task, result, heartbeat, command] = (['task', 'result', 'heartbeat', 'command'] as const)
    .map((name) => answer.objectAt(`${name}_queue_info`));
  return {
    endpoint_id: answer.uuid('endpoint_id'), task_queue_info: task, result_queue_info: result,
    heartbeat_queue_info: heartbeat, command_queue_info: command,
  } as unknown as RegisteredEndpoint; // what the blocks hold is checked by whoever connects with them
}

function optional(shape: Shape, key: string): string | undefined {
  const value = shape.object()[key];
  return typeof value === 'string' ? value : undefined;
}

function textsIn(value: Json): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
