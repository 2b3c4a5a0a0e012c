// What the service says about a task: pure.

import type { TaskStatus } from '../common/api.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { TaskRecord } from './store/tasks.ts';

export function statusOf({ id, published, message, completed }: TaskRecord): TaskStatus {
  if (message === null || completed === null) return { task_id: id, status: published ? 'waiting-for-ep' : 'received' };
  const envelope = parseJson(message);
  const data = objectOf(isJsonObject(envelope) ? envelope['data'] : undefined);
  const text = typeof data['data'] === 'string' ? data['data'] : '';
  const ended = {
    task_id: id, completion_t: String(completed),
    details: { ...objectOf(data['details']), task_transitions: transitionsOf(data['task_statuses']) },
  };
  // Neither has the other's key, not even as null: clients would take it for one.
  return isJsonObject(data['error_details']) ? { ...ended, status: 'failed', exception: text }
    : { ...ended, status: 'success', result: text };
}

/** From a list in nanoseconds, as endpoints send it, to seconds by state, as clients get it. */
function transitionsOf(list: Json | undefined): JsonObject {
  const items: readonly Json[] = Array.isArray(list) ? list : [];
  return Object.fromEntries(items.filter(isJsonObject).flatMap(({ state, timestamp }) =>
    (typeof state === 'string' ? [[state, Number(timestamp) / 1e9] as const] : [])));
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
