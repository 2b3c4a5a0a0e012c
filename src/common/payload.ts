// The user's values and exceptions ↔ bytes. This is the hottest path of the house: a value made of what JSON has, plus
// undefined and bigint, is checked in one walk and handed to msgpack as it is. Anything else goes through exotic.ts.

import { inspect, types } from 'node:util';
import { ComputeError, isErrorCode, type ErrorCode } from './errors.ts';
import { Exotic, isPlainKey, putTogether, takeApart } from './exotic.ts';
import { extend, pack, unpack } from './msgpack.ts';
import type { Failure, FailureCause } from './protocol.ts';

/** The bytes stay valid: nothing writes over them. Many small ones share a block of memory: copy, do not keep. */
export interface Encoded {
  readonly bytes: Uint8Array;
  /** Large binaries, as views on the caller's memory. */
  readonly buffers: readonly Uint8Array[];
}

/** Beyond this depth a value is checked for circles on the way. */
const PLAIN_DEPTH_MAX = 48;
/** What one property of a failure may weigh. */
const PROPERTY_BYTES_MAX = 64 * 1024;
const TEXT_CHARS_MAX = 64 * 1024;
const CAUSES_MAX = 8;

const EXTENSION_EXOTIC = 0x45;

const NO_BUFFERS: readonly Uint8Array[] = [];
let incoming = NO_BUFFERS;

extend({
  Class: Exotic,
  type: EXTENSION_EXOTIC,
  write: (exotic) => exotic.parts,
  read: (parts) => putTogether(parts, incoming),
});

const UNDEFINED: Encoded = { bytes: pack(undefined), buffers: NO_BUFFERS };

/**
 * Value → bytes, with binaries of 64 KiB and more left where they are. Throws NOT_SERIALIZABLE that says which part
 * cannot travel and why, as a path from `name`: `args[1].onClick`. Instances of classes arrive as plain objects.
 */
export function encodePayload(value: unknown, name = 'value'): Encoded {
  if (value === undefined) return UNDEFINED;
  try {
    if (isPlain(value, PLAIN_DEPTH_MAX)) return { bytes: pack(value), buffers: NO_BUFFERS };
  } catch {
    // A getter or a proxy threw: the second walk meets it again and says where.
  }
  const buffers: Uint8Array[] = [];
  try {
    return { bytes: pack(takeApart(value, name, buffers)), buffers };
  } catch (cause) {
    if (cause instanceof ComputeError) throw cause;
    throw new ComputeError('NOT_SERIALIZABLE', `${name} could not be turned into bytes`, { cause });
  }
}

/** Bytes → value. What was taken out of band comes back as a view on `buffers`. Throws BAD_MESSAGE. */
export function decodePayload(bytes: Uint8Array, buffers: readonly Uint8Array[]): unknown {
  incoming = buffers;
  try {
    return unpack(bytes);
  } catch (cause) {
    throw new ComputeError('BAD_MESSAGE', `a payload of ${bytes.length} bytes could not be decoded`, { cause });
  } finally {
    incoming = NO_BUFFERS;
  }
}

/** Whether msgpack gives it back exactly, so that nothing has to be taken apart. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string': return value.isWellFormed();
    case 'number': return value !== 0 || 1 / value > 0; // not -0, which it writes as 0
    case 'function':
    case 'symbol': return false;
    case 'object':
      if (value === null) return true;
      if (depth === 0) return false;
      return Array.isArray(value) ? isPlainArray(value, depth) : isPlainObject(value, depth);
    case 'undefined':
    case 'boolean':
    case 'bigint': return true;
  }
}

function isPlainArray(array: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < array.length; i++) {
    if (!isPlain(array[i], depth - 1)) return false;
  }
  return true;
}

function isPlainObject(object: object, depth: number): boolean {
  if (Object.getPrototypeOf(object) !== Object.prototype) return false;
  const fields = object as Record<string, unknown>; // as any object may be read
  for (const key in fields) {
    if (!isPlainKey(key) || !isPlain(fields[key], depth - 1)) return false;
  }
  return true;
}

/**
 * Anything thrown → a failure that can travel: name, message, stack, causes, and those properties that encode. Never
 * throws, whatever was thrown.
 */
export function encodeFailure(error: unknown, code: ErrorCode, details?: Readonly<Record<string, unknown>>): Failure {
  try {
    if (!(error instanceof ComputeError)) return { ...describe(error, code, CAUSES_MAX), ...details && { details } };
    // Its own properties are its code and its details, which have fields of their own.
    const { properties: _, errorCode: __, ...failure } = describe(error, code, CAUSES_MAX);
    return { ...failure, details: { ...error.details, ...details } };
  } catch {
    // A proxy, or an object that throws when it is looked at.
    return { code, name: 'Error', message: 'something was thrown that cannot be looked at', ...details && { details } };
  }
}

function describe(thrown: unknown, code: ErrorCode, causesMax: number): Failure {
  if (!isError(thrown)) {
    const message = `${cut(inspect(thrown, { depth: 1, customInspect: false }))} was thrown, which is not an Error`;
    return { code, name: 'Error', message, cause: describeValue(thrown) };
  }
  const fields = thrown as Error & { readonly code?: unknown; readonly errors?: unknown };
  const errorCode = typeof fields.code === 'string' ? fields.code : undefined;
  const properties = Object.entries(fields)
    .filter(([key, value]) => !DESCRIBED.has(key) && !(key === 'code' && errorCode !== undefined) && travels(value));
  return {
    code,
    name: cut(fields.name),
    message: cut(fields.message),
    ...fields.stack !== undefined && { stack: cut(fields.stack) },
    ...errorCode !== undefined && { errorCode },
    ...causesMax > 0 && fields.cause !== undefined && { cause: describeCause(fields.cause, code, causesMax - 1) },
    ...causesMax > 0 && Array.isArray(fields.errors) && {
      errors: fields.errors.slice(0, CAUSES_MAX).map((one) => describeCause(one, code, 0)),
    },
    ...properties.length > 0 && { properties: Object.fromEntries(properties) },
  };
}

function describeCause(cause: unknown, code: ErrorCode, causesMax: number): FailureCause {
  return isError(cause) ? describe(cause, code, causesMax) : describeValue(cause);
}

function describeValue(value: unknown): FailureCause {
  return travels(value) ? { value } : {};
}

function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function travels(value: unknown): boolean {
  try {
    const { bytes, buffers } = encodePayload(value);
    return bytes.length <= PROPERTY_BYTES_MAX && buffers.length === 0;
  } catch {
    return false; // then the failure does without it
  }
}

function cut(text: unknown): string {
  const whole = typeof text === 'string' ? text : inspect(text, { depth: 1, customInspect: false });
  return whole.length <= TEXT_CHARS_MAX ? whole : `${whole.slice(0, TEXT_CHARS_MAX)}… (cut)`;
}

/** A failure as an exception: the user's own, as much as it can be, or a ComputeError with the failure's code. */
export function reviveFailure(failure: Failure): Error {
  if (failure.code === 'TASK_RAISED') return reviveError(failure);
  const code = isErrorCode(failure.code) ? failure.code : 'BAD_MESSAGE';
  const cause = failure.cause === undefined ? undefined : reviveCause(failure.cause);
  return new ComputeError(code, failure.message, { cause, details: failure.details ?? {} });
}

function reviveError(failure: Failure): Error {
  const options = failure.cause === undefined ? {} : { cause: reviveCause(failure.cause) };
  const error = failure.name === 'AggregateError'
    ? new AggregateError((failure.errors ?? []).map(reviveCause), failure.message, options)
    : new (BUILT_IN.get(failure.name) ?? Error)(failure.message, options);
  const hide = (key: string, value: unknown): void => {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
  };
  if (error.name !== failure.name) hide('name', failure.name);
  hide('stack', failure.stack ?? `${failure.name}: ${failure.message}`);
  const properties = { ...failure.properties, ...failure.errorCode !== undefined && { code: failure.errorCode } };
  for (const [key, value] of Object.entries(properties)) {
    // Not by assignment, which a `__proto__` among the keys would turn into something else.
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: true });
  }
  return error;
}

function reviveCause(cause: FailureCause): unknown {
  return 'code' in cause ? reviveError(cause) : cause.value;
}

/** Properties of an exception that have a field of their own in a failure. */
const DESCRIBED: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors']);

const BUILT_IN: ReadonlyMap<string, ErrorConstructor> = new Map<string, ErrorConstructor>([
  ['TypeError', TypeError], ['RangeError', RangeError], ['SyntaxError', SyntaxError],
  ['ReferenceError', ReferenceError], ['EvalError', EvalError], ['URIError', URIError],
]);
