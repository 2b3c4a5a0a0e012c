// Values as Python has them. JavaScript's own types stand for the plain ones: bigint is an int and number a float.
// Nothing of JavaScript's objects can be reached from a template: names are looked up in tables, never in objects.

import { raise, type ErrorKind } from './error.ts';
import { paid, spend } from './budget.ts';

export type Value = null | boolean | bigint | number | string | Markup | List | Tuple | Dict | Range | Iter | View
  | Undefined | Callable | Thing;

/** A str that is known to be safe for HTML: what `tojson`, `escape` and `safe` make. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class List {
  readonly items: Value[];

  constructor(items: Value[]) {
    this.items = items;
  }
}

/** `fields` are the names of a named tuple, as `groupby` makes them. */
export class Tuple {
  readonly items: readonly Value[];
  readonly fields: readonly string[];

  constructor(items: readonly Value[], fields: readonly string[] = []) {
    this.items = items;
    this.fields = fields;
  }
}

/** In order of insertion, with the keys that Python takes for the same (1, 1.0 and True) being the same. */
export class Dict {
  // Keys of user data are never properties of an object: `__proto__` is a key like others.
  readonly #entries = new Map<unknown, [key: Value, value: Value]>();

  static of(entries: Iterable<readonly [Value, Value]>): Dict {
    const made = new Dict();
    for (const [key, value] of entries) made.set(key, value);
    return made;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashed(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashed(key));
  }

  /** A key that is there stays as it was written first, and where it stands. */
  set(key: Value, value: Value): void {
    spend(1);
    const hash = hashed(key);
    const there = this.#entries.get(hash);
    if (there === undefined) this.#entries.set(hash, [key, value]);
    else there[1] = value;
  }

  delete(key: Value): boolean {
    return this.#entries.delete(hashed(key));
  }

  clear(): void {
    this.#entries.clear();
  }

  entries(): IterableIterator<[Value, Value]> {
    return this.#entries.values();
  }

  last(): [Value, Value] | undefined {
    return [...this.#entries.values()].at(-1);
  }

  /** As Python's: it fails when the dict grows or shrinks meanwhile. */
  * iterate(part: View['part']): IterableIterator<Value> {
    const size = this.size;
    for (const [key, value] of this.#entries.values()) {
      yield part === 'keys' ? key : part === 'values' ? value : new Tuple([key, value]);
      if (this.size !== size) raise('RuntimeError', 'dictionary changed size during iteration');
    }
  }
}

export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;

  constructor(start: bigint, stop: bigint, step: bigint) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }

  get length(): number {
    const distance = this.step > 0n ? this.stop - this.start : this.start - this.stop;
    const stride = this.step > 0n ? this.step : -this.step;
    return distance <= 0n ? 0 : Number((distance + stride - 1n) / stride);
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }
}

/** A generator or another iterator: it gives its items once. */
export class Iter {
  readonly iterator: Iterator<Value>;
  readonly type: string;

  constructor(iterator: Iterator<Value>, type: string = 'generator') {
    this.iterator = iterator;
    this.type = type;
  }
}

/** What keys(), values() and items() of a dict give: it follows the dict. */
export class View {
  readonly dict: Dict;
  readonly part: 'keys' | 'values' | 'items';

  constructor(dict: Dict, part: 'keys' | 'values' | 'items') {
    this.dict = dict;
    this.part = part;
  }
}

/** StrictUndefined: it can be asked for with `is defined` and `default`, and nothing else. Or, lenient, Undefined. */
export class Undefined {
  readonly message: string;
  readonly kind: ErrorKind;
  readonly lenient: boolean;

  constructor(message: string, kind: ErrorKind = 'UndefinedError', lenient: boolean = false) {
    this.message = message;
    this.kind = kind;
    this.lenient = lenient;
  }

  fail(): never {
    raise(this.kind, this.message);
  }
}

export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A macro, a method, a global function: `type` is the name of its class. */
export class Callable {
  readonly name: string;
  readonly type: string;
  readonly call: (args: Arguments) => Value;
  readonly attributes: ReadonlyMap<string, Value>;

  constructor(name: string, type: string,
    call: (args: Arguments) => Value, attributes: ReadonlyMap<string, Value> = new Map()) {
    this.name = name;
    this.type = type;
    this.call = call;
    this.attributes = attributes;
  }
}

/** An object of Jinja2's own: `loop`, a namespace, a module, a cycler. What is not in `attribute` it does not have. */
export abstract class Thing {
  abstract readonly type: string;
  abstract attribute(name: string): Value | undefined;
  abstract text(): string;

  /** What makes it callable, iterable, and so on, where it is. */
  call?(args: Arguments): Value;
  item?(key: Value): Value | undefined;
  iterate?(): Iterator<Value>;
  length?(): number;
}

export function isText(value: Value): value is string | Markup {
  return typeof value === 'string' || value instanceof Markup;
}

export function plain(value: string | Markup): string {
  return typeof value === 'string' ? value : value.text;
}

export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  return typeof value === 'string' ? 'str' : typeNameOfObject(value);
}

function typeNameOfObject(value: object & Value): string {
  if (value instanceof Markup) return 'Markup';
  if (value instanceof List) return 'list';
  if (value instanceof Tuple) return value.fields.length > 0 ? '_GroupTuple' : 'tuple';
  if (value instanceof Range) return 'range';
  if (value instanceof View) return `dict_${value.part}`;
  if (value instanceof Undefined) return value.lenient ? 'Undefined' : 'StrictUndefined';
  if (value instanceof Iter || value instanceof Callable || value instanceof Thing) return value.type;
  return 'dict';
}

/** Paid for as a list of items is: by its length, before it is made. */
export function list(items: Value[]): List {
  spend(items.length);
  return new List(items);
}

export const NO_NAMED: ReadonlyMap<string, Value> = new Map();

export function callWith(callable: Callable, ...positional: readonly Value[]): Value {
  return callable.call({ positional, named: NO_NAMED });
}

/** The same for values that are equal, and different for others; fails for what cannot be a key. */
export function hashed(value: Value): unknown {
  spend(1);
  if (value === null) return 'None';
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'boolean') return value ? 'n1' : 'n0';
  if (typeof value === 'bigint') return `n${value}`;
  if (typeof value !== 'number') return hashedObject(value);
  return Number.isInteger(value) ? `n${BigInt(value)}` : Number.isNaN(value) ? {} : `n${value}`;
}

function hashedObject(value: object & Value): unknown {
  if (value instanceof Markup) return `s${value.text}`;
  if (value instanceof Undefined) return value.lenient ? value : value.fail();
  if (value instanceof Tuple) {
    const parts = value.items.map((item) => identified(hashed(item)));
    return paid(`t${parts.map((part) => `${part.length}:${part}`).join('')}`);
  }
  if (value instanceof List || value instanceof Dict || (value instanceof View && value.part !== 'values')) {
    return raise('TypeError', `unhashable type: '${typeName(value)}'`);
  }
  return value;
}

const identities = new WeakMap<object, number>();
let identitiesGiven = 0;

/** Text for a hash within a tuple's: objects that are only equal to themselves get a number. */
function identified(hash: unknown): string {
  if (typeof hash === 'string') return hash;
  const object = Object(hash) as object;
  const known = identities.get(object) ?? ++identitiesGiven;
  identities.set(object, known);
  return `o${known}`;
}
