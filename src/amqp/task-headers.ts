// What stands beside a task's bytes, in the headers of its message. Its ids are read from here, as the field's agent
// does, and not from the body.

import { formatJson, isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { Refusal } from './messages.ts';
import { isUuid } from './shape.ts';

export interface TaskHeaders {
  readonly taskId: string;
  readonly functionId: string;
  readonly resourceSpecification: JsonObject | undefined;
  /** Import paths of the SDK's serializers, in the order of preference. Empty: the SDK's own. */
  readonly resultSerializers: readonly string[];
  /** The task group to whose stream the result can go straight. Ours alone: the field's agents do not look at it. */
  readonly straightTo: string | undefined;
}

const SERIALIZERS_MAX = 64;

/** The resource specification is JSON as a text; the serializers are a list of the broker's own. */
export function writeTaskHeaders(headers: TaskHeaders): Record<string, string | readonly string[]> {
  const { taskId, functionId, resourceSpecification, resultSerializers, straightTo } = headers;
  return {
    function_uuid: functionId,
    task_uuid: taskId,
    resource_specification: formatJson(resourceSpecification ?? null),
    ...resultSerializers.length === 0 ? {} : { result_serializers: resultSerializers },
    ...straightTo === undefined ? {} : { straight_to: straightTo },
  };
}

/** Never throws. */
export function readTaskHeaders(headers: Readonly<Record<string, unknown>>): TaskHeaders | Refusal {
  const { task_uuid: taskId, function_uuid: functionId, result_serializers: serializers = [] } = headers;
  if (typeof taskId !== 'string' || !isUuid(taskId)) return refused('header task_uuid is not a UUID');
  if (typeof functionId !== 'string' || !isUuid(functionId)) return refused('header function_uuid is not a UUID');
  const resources = resourcesOf(headers['resource_specification']);
  if (resources === 'wrong') return refused('header resource_specification is not the text of a JSON object');
  const paths: unknown = serializers ?? [];
  if (!isTexts(paths) || paths.length > SERIALIZERS_MAX) {
    return refused('header result_serializers is not a list of texts, or is too long');
  }
  const straightTo = headers['straight_to'];
  return {
    taskId: taskId.toLowerCase(), functionId: functionId.toLowerCase(), resourceSpecification: resources,
    resultSerializers: paths,
    straightTo: typeof straightTo === 'string' && isUuid(straightTo) ? straightTo.toLowerCase() : undefined,
  };
}

function resourcesOf(text: unknown): JsonObject | undefined | 'wrong' {
  if (text === undefined || text === null || text === '') return undefined;
  if (typeof text !== 'string') return 'wrong';
  let value: Json;
  try {
    value = parseJson(text);
  } catch {
    return 'wrong';
  }
  if (value === null) return undefined;
  return isJsonObject(value) ? value : 'wrong';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function refused(text: string): Refusal {
  return { type: 'refused', reason: 'wrong-field', text };
}
