// The messages of the field's protocol that travel through the broker, as bytes and as records: one version byte, then
// compact JSON. It is shared with agents and SDKs that are not ours, so the keys and their order are theirs.

import { formatJson, isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import {
  readResultBundle, readTaskBundle, resultBundleData, taskBundleData, type ResultBundle, type TaskBundle,
} from './bundles.ts';
import { ACTORS, formatResult, TASK_STATES, type ResultMessage, type Transition } from './result-message.ts';
import { Shape } from './shape.ts';

export type { ResultMessage } from './result-message.ts';

/** A task on its way to an endpoint. Its function and options travel in the message's headers (task-headers.ts). */
export interface TaskMessage {
  readonly type: 'task';
  readonly taskId: string;
  /** Function, arguments and keyword arguments, packed by the SDK: nobody on the way opens it. */
  readonly taskBuffer: string;
}

/** A heartbeat, a check-in, or the notice that an endpoint could not start. */
export interface StatusReport {
  readonly type: 'ep_status_report';
  readonly endpointId: string;
  readonly state: JsonObject;
  readonly taskStatuses: Readonly<Record<string, readonly Transition[]>>;
}

export type WireMessage = TaskMessage | ResultMessage | StatusReport | TaskBundle | ResultBundle;

/** Why bytes are not a message of this protocol. `text` says where and what, and holds nothing of the payload. */
export interface Refusal {
  readonly type: 'refused';
  readonly reason: 'empty' | 'too-large' | 'unknown-version' | 'not-json' | 'unknown-type' | 'wrong-field';
  readonly text: string;
}

const VERSION = 1;
/** A result of 10 MiB, its escapes, and everything around it. */
const BYTES_MAX = 64 * 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeMessage(message: WireMessage): Buffer {
  const text = message.type === 'result' ? formatResult(message)
    : formatJson({ message_type: message.type, data: dataOf(message) });
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  bytes[0] = VERSION;
  bytes.write(text, 1);
  return bytes;
}

/** Never throws: what comes over the wire may be anything. */
export function decodeMessage(bytes: Uint8Array): WireMessage | Refusal {
  if (bytes.length === 0) return refused('empty', 'an empty message');
  if (bytes.length > BYTES_MAX) return refused('too-large', `${bytes.length} bytes; at most ${BYTES_MAX}`);
  if (bytes[0] !== VERSION) return refused('unknown-version', `version ${bytes[0]}; known is ${VERSION}`);
  let envelope: Json;
  try {
    envelope = parseJson(utf8.decode(bytes.subarray(1)));
  } catch {
    return refused('not-json', 'what follows the version is not JSON');
  }
  if (!isJsonObject(envelope)) return refused('wrong-field', 'the envelope is not an object');
  const type = envelope['message_type'];
  if (typeof type !== 'string') return refused('unknown-type', 'message_type is missing or not a text');
  const data = envelope['data'];
  if (!isJsonObject(data)) return refused('wrong-field', 'data is missing or not an object');
  const shape = new Shape(data);
  const message = read(type, shape);
  if (message === undefined) return refused('unknown-type', `message_type ${JSON.stringify(type.slice(0, 40))}`);
  return shape.problem === undefined ? message : refused('wrong-field', shape.problem);
}

function read(type: string, shape: Shape): WireMessage | undefined {
  switch (type) {
    case 'task':
      return { type, taskId: shape.uuid('task_id'), taskBuffer: shape.text('task_buffer') };
    case 'result':
      return {
        type, taskId: shape.uuid('task_id'), data: shape.text('data'),
        details: shape.optional('details', (inner) => inner.object()),
        error: shape.optional('error_details', (inner) => ({
          code: inner.text('code'), userMessage: inner.text('user_message'),
        })),
        transitions: shape.optionalList('task_statuses', transition),
      };
    case 'ep_status_report':
      return {
        type, endpointId: shape.uuid('endpoint_id'),
        state: shape.objectAt(shape.has('global_state') ? 'global_state' : 'ep_status_report'),
        taskStatuses: shape.lists('task_statuses', transition),
      };
    case 'task_bundle': return readTaskBundle(shape);
    case 'result_bundle': return readResultBundle(shape);
    default:
      return undefined;
  }
}

function transition(shape: Shape): Transition {
  return {
    timestampNs: shape.integer('timestamp'), state: shape.oneOf('state', TASK_STATES),
    actor: shape.oneOf('actor', ACTORS),
  };
}

function dataOf(message: Exclude<WireMessage, ResultMessage>): JsonObject {
  switch (message.type) {
    case 'task':
      return { task_id: message.taskId, container_id: null, container: null, task_buffer: message.taskBuffer };
    case 'ep_status_report': {
      const statuses = Object.entries(message.taskStatuses).map(([id, all]) => [id, all.map(writeTransition)] as const);
      return {
        endpoint_id: message.endpointId, global_state: message.state, task_statuses: Object.fromEntries(statuses),
      };
    }
    case 'task_bundle': return taskBundleData(message);
    case 'result_bundle': return resultBundleData(message);
  }
}

function writeTransition({ timestampNs, state, actor }: Transition): JsonObject {
  return { timestamp: timestampNs, state, actor };
}

function refused(reason: Refusal['reason'], text: string): Refusal {
  return { type: 'refused', reason, text };
}
