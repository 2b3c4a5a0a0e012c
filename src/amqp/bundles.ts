// Several tasks, or several results, in one message. The field sends one each; a broker's work is by the message, so
// between processes of ours that have said that they read these, one message carries many. Times are two numbers, so
// that nothing here is longer than a double holds: reading that takes several times as long.

import type { Json, JsonObject } from '../common/json.ts';
import { ACTORS, TASK_STATES, type ResultMessage, type Transition } from './result-message.ts';
import { isUuid, type Shape } from './shape.ts';

/** Tasks of one function and one submission. */
export interface TaskBundle {
  readonly type: 'task_bundle';
  readonly functionId: string;
  /** The task group to whose stream their results can go straight. */
  readonly straightTo: string | undefined;
  /** The packed function; each task's payload follows it, as in a message of its own. */
  readonly code: string;
  readonly resourceSpecification: JsonObject | undefined;
  readonly resultSerializers: readonly string[];
  readonly tasks: readonly BundledTask[];
}

export interface BundledTask {
  readonly taskId: string;
  /** Arguments and keyword arguments, packed by the SDK. */
  readonly payload: string;
}

export interface ResultBundle {
  readonly type: 'result_bundle';
  readonly results: readonly ResultMessage[];
}

/** Larger bundles save little, and whoever reads one has it in memory as a whole. */
export const BUNDLE_TASKS_MAX = 256;
export const BUNDLE_CHARS_MAX = 1024 * 1024;

const NS_PER_S = 1_000_000_000n;

export function readTaskBundle(shape: Shape): TaskBundle {
  return {
    type: 'task_bundle', functionId: shape.uuid('function_uuid'), code: shape.text('function_code'),
    straightTo: shape.has('straight_to') ? shape.uuid('straight_to') : undefined,
    resourceSpecification: shape.optional('resource_specification', (inner) => inner.object()),
    resultSerializers: shape.has('result_serializers') ? shape.texts('result_serializers') : [],
    tasks: shape.tuples('tasks', bundledTask),
  };
}

export function readResultBundle(shape: Shape): ResultBundle {
  return {
    type: 'result_bundle',
    results: shape.list('results', (one) => ({
      type: 'result', taskId: one.uuid('task_id'), data: one.text('data'),
      details: one.optional('details', (inner) => inner.object()),
      error: one.optional('error', (inner) => ({ code: inner.text('code'), userMessage: inner.text('user_message') })),
      transitions: one.has('times') ? one.tuples('times', transition) : undefined,
    })),
  };
}

export function taskBundleData(bundle: TaskBundle): JsonObject {
  return {
    function_uuid: bundle.functionId, function_code: bundle.code,
    resource_specification: bundle.resourceSpecification ?? null, result_serializers: bundle.resultSerializers,
    ...bundle.straightTo === undefined ? {} : { straight_to: bundle.straightTo },
    tasks: bundle.tasks.map(({ taskId, payload }) => [taskId, payload]),
  };
}

export function resultBundleData({ results }: ResultBundle): JsonObject {
  return { results: results.map(({ taskId, data, details, error, transitions }) => ({
    task_id: taskId, data, ...details === undefined ? {} : { details },
    ...error === undefined ? {} : { error: { code: error.code, user_message: error.userMessage } },
    ...transitions === undefined ? {} : { times: transitions.map(timesOf) },
  })) };
}

/** Bundles of equal keys, at most `BUNDLE_TASKS_MAX` in each, and so large that the next would have been too much. */
export function bundled<T>(all: readonly T[], keyOf: (one: T) => string, charsOf: (one: T) => number): T[][] {
  const bundles: T[][] = [];
  const open = new Map<string, { readonly bundle: T[]; chars: number }>();
  for (const one of all) {
    const key = keyOf(one);
    const chars = charsOf(one);
    const last = open.get(key);
    if (last !== undefined && last.bundle.length < BUNDLE_TASKS_MAX && last.chars + chars <= BUNDLE_CHARS_MAX) {
      last.bundle.push(one);
      last.chars += chars;
    } else {
      const bundle = [one];
      bundles.push(bundle);
      open.set(key, { bundle, chars });
    }
  }
  return bundles;
}

function bundledTask(tuple: readonly Json[]): BundledTask | undefined {
  const [taskId, payload] = tuple;
  if (typeof taskId !== 'string' || !isUuid(taskId)) return undefined;
  if (typeof payload !== 'string' || !payload.isWellFormed()) return undefined;
  return { taskId: taskId.toLowerCase(), payload };
}

function timesOf({ timestampNs, state, actor }: Transition): Json {
  return [Number(timestampNs / NS_PER_S), Number(timestampNs % NS_PER_S), state, actor];
}

function transition(tuple: readonly Json[]): Transition | undefined {
  const [seconds, nanoseconds, state, actor] = tuple;
  const knownState = TASK_STATES.find((one) => one === state);
  const knownActor = ACTORS.find((one) => one === actor);
  if (knownState === undefined || knownActor === undefined) return undefined;
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(nanoseconds)) return undefined;
  const timestampNs = BigInt(seconds as number) * NS_PER_S + BigInt(nanoseconds as number); // both checked
  return { timestampNs, state: knownState, actor: knownActor };
}
