// Calls and their outcomes as the service carries them: for JavaScript in our own form, for Python as JSON, which both
// languages read.

import type { ResultError } from '../amqp/result-message.ts';
import { ComputeError, type ErrorCode } from '../common/errors.ts';
import { FAILURE_TAG, FUNCTION_TAG, readBytes, VALUE_TAG, writeValue } from '../common/javascript.ts';
import { formatJson, parseJson, type Json } from '../common/json.ts';
import { pack, readItem, unpack, writeItem } from '../common/packed.ts';
import { decodePayload, reviveFailure, type Encoded } from '../common/payload.ts';
import type { Failure } from '../common/protocol.ts';
import type { TaskState } from './answers.ts';
import { isFailure, UNREADABLE } from './future.ts';

export type Language = 'javascript' | 'python';

/** How a task stands that was asked for by its id. */
export type TaskOutcome =
  | { readonly status: 'waiting'; readonly detail: string }
  | { readonly status: 'done'; readonly value: unknown }
  | { readonly status: 'failed'; readonly error: Error };

/** Asked of Python workers, so that results can be read here: the import path in the field's SDK. */
export const JSON_SERIALIZER = 'globus_compute_sdk.serialize.concretes.JSONData';

/** The field's own tags: JSON, and a packed buffer of the same value in several forms. */
const JSON_TAG = '11';
const ALL_FORMS_TAG = '13';

/** The language of a function by how its code is written. */
export function languageOf(code: string): Language {
  const [item = ''] = unpack(code);
  return readItem(item)?.tag === FUNCTION_TAG ? 'javascript' : 'python';
}

/** Throws NOT_SERIALIZABLE for what Python cannot be told in JSON. */
export function writeArguments(language: Language, encoded: Encoded): string {
  if (language === 'javascript') return pack(writeValue(encoded));
  const args = decodePayload(encoded.bytes, encoded.buffers);
  return pack(writeItem(JSON_TAG, formatJson(jsonOf(args, 'args'))), writeItem(JSON_TAG, '{}'));
}

/** Throws a ComputeError for what cannot be read here. */
export function readValue(data: string): unknown {
  const item = readItem(data);
  if (item?.tag === VALUE_TAG) {
    const { bytes, buffers } = readBytes(item.body);
    return decodePayload(bytes, buffers);
  }
  const forms = item?.tag === ALL_FORMS_TAG ? unpack(item.body).map(readItem) : [item];
  const json = forms.find((one) => one?.tag === JSON_TAG);
  if (json !== undefined) return readJson(json.body);
  throw new ComputeError('RESULT_NOT_SERIALIZABLE', 'the result was made by Python and only Python can read it '
    + `(serialised as ${item === undefined ? 'nothing known' : JSON.stringify(item.tag)}): return what JSON can say, `
    + 'such as numbers, texts, lists and dictionaries with texts as keys');
}

/** What a failed task said. `asked`: the language of its function, where it was submitted from here. */
export function readFailure(
  data: string, error: ResultError | undefined, asked: Language | undefined,
): Failure | ComputeError {
  const item = readItem(data);
  if (item?.tag === FAILURE_TAG) {
    const { bytes, buffers } = readBytes(item.body);
    const failure = decodePayload(bytes, buffers);
    return isFailure(failure) ? failure : UNREADABLE;
  }
  const details = { ...error === undefined ? {} : { code: error.code }, remote: data };
  if (asked === 'javascript' && /deserializ|invalid header|unpack/i.test(data)) {
    return new ComputeError('ENDPOINT_REFUSED', 'the endpoint cannot run JavaScript, only Python: send JavaScript to '
      + 'an endpoint of Switchyard, or use a registered Python function', { details });
  }
  const code = codeOf(data, error);
  return new ComputeError(code, code === 'TASK_RAISED' ? `the task raised an exception:\n${data}` : data, { details });
}

/** Never throws: what cannot be read is a failure. */
export function readOutcome(state: TaskState): TaskOutcome {
  if (state.state === 'open') return { status: 'waiting', detail: state.status };
  try {
    if (state.state === 'done') return { status: 'done', value: readValue(state.data) };
    const failure = readFailure(state.data, undefined, undefined);
    return { status: 'failed', error: failure instanceof ComputeError ? failure : reviveFailure(failure) };
  } catch (cause) {
    const error = cause instanceof ComputeError ? cause
      : new ComputeError('BAD_MESSAGE', UNREADABLE.message, { cause });
    return { status: 'failed', error };
  }
}

/** Over HTTP there is no code beside the text. */
function codeOf(data: string, error: ResultError | undefined): ErrorCode {
  if (data.startsWith('MaxResultSizeExceeded(')) return 'RESULT_TOO_LARGE';
  return error === undefined || /^(RemoteExecutionError|CouldNotExecuteUserTaskError)$/.test(error.code)
    ? 'TASK_RAISED' : 'ENDPOINT_REFUSED';
}

function readJson(text: string): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new ComputeError('BAD_MESSAGE', 'a result that says that it is JSON is not', { cause });
  }
}

function jsonOf(value: unknown, path: string): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint': return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw notJson(path, String(value));
    case 'object': return value === null ? null : containerOf(value, path);
    case 'undefined':
    case 'symbol':
    case 'function':
    default: throw notJson(path, typeof value);
  }
}

function containerOf(value: object, path: string): Json {
  if (Array.isArray(value)) return value.map((one, i) => jsonOf(one, `${path}[${i}]`));
  if (Object.getPrototypeOf(value) !== Object.prototype) throw notJson(path, `a ${value.constructor.name}`);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, jsonOf(field, `${path}.${key}`)]));
}

function notJson(path: string, what: string): ComputeError {
  return new ComputeError('NOT_SERIALIZABLE', `${path} cannot be sent to a Python function: it is ${what}, which JSON `
    + 'does not have', { details: { path } });
}
