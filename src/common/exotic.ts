// Values that JSON does not have, taken apart into values that it has (plus bytes) and put together again. The codec
// in payload.ts sees only the parts. Anything that would arrive as something else than was sent is refused by name.

import { types } from 'node:util';
import { bytesOf, hasBytes, isBytesKind, kindOfBytes, shapeBytes } from './binary.ts';
import { ComputeError } from './errors.ts';

/** What a value is and what it is made of; written as one msgpack extension around an array. */
export class Exotic {
  readonly parts: readonly [kind: string, ...unknown[]];

  constructor(...parts: readonly [kind: string, ...unknown[]]) {
    this.parts = parts;
  }
}

/** Binaries from this size on leave the payload and travel as frames of their own, uncopied. */
export const OUT_OF_BAND_BYTES_MIN = 64 * 1024;

/** Deeper than this is refused: the reader's stack is not ours to spend. */
export const DEPTH_MAX = 500;

interface Walk {
  /** From the root to where the walk is, as text: `args`, `[1]`, `.onClick`. */
  readonly path: string[];
  /** The containers that are being taken apart, with their depth: meeting one again is a circle. */
  readonly open: Map<object, number>;
  readonly buffers: Uint8Array[];
}

/** Takes `value` apart. Large binaries go to `buffers`. Throws NOT_SERIALIZABLE with the path to the culprit. */
export function takeApart(value: unknown, name: string, buffers: Uint8Array[]): unknown {
  return simplify(value, { path: [name], open: new Map(), buffers });
}

function simplify(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string': return value.isWellFormed() ? value : new Exotic('text', Buffer.from(value, 'utf16le'));
    case 'number': return Object.is(value, -0) ? new Exotic('negative-zero') : value;
    case 'function': throw refusal(walk, value.name === '' ? 'a function' : `the function ${value.name}`);
    case 'symbol': throw refusal(walk, `a symbol (${String(value)})`);
    case 'object': return value === null ? null : simplifyObject(value, walk);
    case 'undefined':
    case 'boolean':
    case 'bigint': return value;
  }
}

function simplifyObject(value: object, walk: Walk): unknown {
  if (hasBytes(value)) return simplifyBytes(value, walk);
  if (types.isDate(value)) return new Exotic('date', value.getTime());
  if (types.isRegExp(value)) return new Exotic('regexp', value.source, value.flags);
  if (UNSENDABLE.some((is) => is(value))) throw refusal(walk, `a ${nameOf(value)}`);

  const seenAt = walk.open.get(value);
  if (seenAt !== undefined) throw refusal(walk, `a circular reference to ${walk.path.slice(0, seenAt).join('')}`);
  if (walk.open.size >= DEPTH_MAX) throw refusal(walk, `nested more than ${DEPTH_MAX} levels deep`);
  walk.open.set(value, walk.path.length);
  const simple = simplifyContainer(value, walk);
  walk.open.delete(value);
  return simple;
}

function simplifyContainer(value: object, walk: Walk): unknown {
  if (Array.isArray(value)) return simplifyAll(value, walk);
  if (types.isMap(value)) {
    const keys = simplifyAll(value.keys(), walk, '.keys()');
    return new Exotic('map', keys, simplifyAll(value.values(), walk, '.values()'));
  }
  if (types.isSet(value)) return new Exotic('set', simplifyAll(value, walk, '.values()'));
  if (types.isNativeError(value) || value instanceof Error) return simplifyError(value, walk);
  return simplifyFields(value, Object.keys(value), walk);
}

function simplifyAll(values: Iterable<unknown>, walk: Walk, label = ''): unknown[] {
  const simple: unknown[] = [];
  for (const value of values) {
    walk.path.push(`${label}[${simple.length}]`);
    simple.push(simplify(value, walk));
    walk.path.pop();
  }
  return simple;
}

/** A plain object of the fields; an Exotic where a key would not survive as one. */
function simplifyFields(value: object, keys: readonly string[], walk: Walk): unknown {
  const values = keys.map((key) => simplifyField(value, key, walk));
  if (keys.every(isPlainKey)) return Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  return new Exotic('object', keys.map((key) => simplify(key, walk)), values);
}

function simplifyField(value: object, key: string, walk: Walk): unknown {
  walk.path.push(/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
  let field: unknown;
  try {
    field = Reflect.get(value, key);
  } catch (cause) {
    throw refusal(walk, 'a property that throws when it is read', cause);
  }
  const simple = simplify(field, walk);
  walk.path.pop();
  return simple;
}

/** msgpackr renames `__proto__`, and takes an own `constructor` for the object's class. */
export function isPlainKey(key: string): boolean {
  return key !== '__proto__' && key !== 'constructor' && key.isWellFormed();
}

function simplifyError(error: Error, walk: Walk): Exotic {
  const base = ERROR_CLASSES.findIndex((Class) => error instanceof Class);
  const hidden = ['name', 'message', 'stack', 'cause', 'errors'].filter((key) => hasOwnOrInherited(error, key));
  const own = Object.keys(error).filter((key) => !hidden.includes(key));
  return new Exotic('error', base, simplifyFields(error, hidden, walk), simplifyFields(error, own, walk));
}

/** `name` may sit on the class; the others are the error's own or not there. */
function hasOwnOrInherited(error: Error, key: string): boolean {
  return key === 'name' || Object.hasOwn(error, key);
}

function simplifyBytes(value: ArrayBufferView | ArrayBufferLike, walk: Walk): Exotic {
  const kind = kindOfBytes(value);
  if (kind === undefined) throw refusal(walk, `a ${nameOf(value)}`);
  const bytes = bytesOf(value);
  if (bytes.byteLength < OUT_OF_BAND_BYTES_MIN) return new Exotic('bytes', kind, bytes);
  return new Exotic('frame', kind, walk.buffers.push(bytes) - 1);
}

function refusal(walk: Walk, what: string, cause?: unknown): ComputeError {
  const path = walk.path.join('');
  return new ComputeError('NOT_SERIALIZABLE', `${path} cannot be sent: it is ${what}`, { cause, details: { path } });
}

function nameOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** What has no content that could travel: state of the process, or hidden from us. */
const UNSENDABLE: readonly ((value: unknown) => boolean)[] = [
  types.isPromise, types.isWeakMap, types.isWeakSet, (value) => value instanceof WeakRef, types.isGeneratorObject,
  types.isBoxedPrimitive, types.isExternal, types.isModuleNamespaceObject,
];

/** Subclasses before their base. The position is what travels: append only. */
const ERROR_CLASSES = [
  TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError,
] as const;

/** Puts the parts of an Exotic together. Throws any error for parts that no `takeApart` made. */
export function putTogether(parts: unknown, buffers: readonly Uint8Array[]): unknown {
  if (!Array.isArray(parts)) throw new Error('an exotic value is not an array of parts');
  const [kind, first, second, third]: unknown[] = parts;
  switch (kind) {
    case 'negative-zero': return -0;
    case 'text': return Buffer.from(bytesIn(first)).toString('utf16le');
    case 'date': return new Date(numberIn(first));
    case 'regexp': return new RegExp(stringIn(first), stringIn(second));
    case 'set': return new Set(arrayIn(first));
    case 'map': return new Map(pairsIn(first, second));
    case 'object': return assignFields({}, pairsIn(first, second), true);
    case 'bytes': return shapeBytes(kindIn(first), bytesIn(second));
    case 'frame': return shapeBytes(kindIn(first), bytesIn(buffers[numberIn(second)]));
    case 'error': return putErrorTogether(numberIn(first), second, third);
    default: throw new Error(`unknown kind of exotic value ${JSON.stringify(kind)}`);
  }
}

function putErrorTogether(base: number, hidden: unknown, own: unknown): Error {
  const Class = ERROR_CLASSES[base] ?? Error;
  const error = Class === AggregateError ? new AggregateError([]) : new (Class as ErrorConstructor)();
  const fields = Object.entries(objectIn(hidden)).filter(([key, value]) => key !== 'name' || value !== error.name);
  // First of all without the stack of this process, which every new error has.
  assignFields(error, [['stack', undefined], ...fields], false);
  return assignFields(error, Object.entries(objectIn(own)), true);
}

function assignFields<T extends object>(target: T, fields: readonly [unknown, unknown][], enumerable: boolean): T {
  for (const [key, value] of fields) {
    Object.defineProperty(target, stringIn(key), { value, enumerable, writable: true, configurable: true });
  }
  return target;
}

function pairsIn(keys: unknown, values: unknown): [unknown, unknown][] {
  const right = arrayIn(values);
  return arrayIn(keys).map((key, i) => [key, right[i]]);
}

function arrayIn(part: unknown): unknown[] {
  if (Array.isArray(part)) return part;
  throw new Error('a part is not an array');
}

function objectIn(part: unknown): object {
  if (typeof part === 'object' && part !== null) return part;
  throw new Error('a part is not an object');
}

function stringIn(part: unknown): string {
  if (typeof part === 'string') return part;
  throw new Error('a part is not a string');
}

function numberIn(part: unknown): number {
  if (typeof part === 'number') return part;
  throw new Error('a part is not a number');
}

function bytesIn(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part;
  throw new Error('a part is not bytes');
}

function kindIn(part: unknown): Parameters<typeof shapeBytes>[0] {
  if (isBytesKind(part)) return part;
  throw new Error('a part is not a kind of bytes');
}
