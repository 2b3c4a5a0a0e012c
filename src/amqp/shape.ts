import { isJsonObject, type Json, type JsonObject } from '../common/json.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NIL = '00000000-0000-0000-0000-000000000000';

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Reads the fields of an object that a stranger sent, and remembers the first that is not what it has to be. */
export class Shape {
  readonly #object: JsonObject;
  /** Where it is, put together only when there is a problem: there are many of these, and hardly ever one. */
  readonly #name: string;
  readonly #index: number | undefined;
  readonly #parent: Shape | undefined;
  readonly #root: { problem: string | undefined };

  constructor(object: JsonObject, name = 'data', parent?: Shape, index?: number) {
    this.#object = object;
    this.#name = name;
    this.#index = index;
    this.#parent = parent;
    this.#root = parent === undefined ? { problem: undefined } : parent.#root;
  }

  /** The first problem, without the value, which may be anybody's data. What was read is worthless if there is one. */
  get problem(): string | undefined {
    return this.#root.problem;
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  object(): JsonObject {
    return this.#object;
  }

  /** Of whole characters: half of a surrogate pair has no bytes, and other readers refuse the message for it. */
  text(key: string): string {
    const value = this.#get(key);
    return typeof value === 'string' && value.isWellFormed() ? value : this.#fail(key, 'a text', '');
  }

  /** In lower case, as ids are compared. */
  uuid(key: string): string {
    const value = this.#get(key);
    return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : this.#fail(key, 'a UUID', NIL);
  }

  integer(key: string): bigint {
    const value = this.#get(key);
    if (typeof value === 'bigint') return value;
    return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : this.#fail(key, 'an integer', 0n);
  }

  oneOf<T extends string>(key: string, options: readonly [T, ...T[]]): T {
    const value = this.#get(key);
    return options.find((option) => option === value) ?? this.#fail(key, 'one of the known words', options[0]);
  }

  objectAt(key: string): JsonObject {
    const value = this.#get(key);
    return isJsonObject(value) ? value : this.#fail(key, 'an object', {});
  }

  /** The object at `key`; reads as empty if there is none, which is then the problem. */
  child(key: string): Shape {
    return this.#inner(key, this.objectAt(key));
  }

  list<T>(key: string, read: (shape: Shape) => T): T[] {
    return this.#list(key, this.#get(key), read);
  }

  texts(key: string): string[] {
    const value = this.#get(key);
    const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string');
    return isTexts ? value : this.#fail(key, 'a list of texts', []);
  }

  matching(key: string, pattern: RegExp, expected: string): string {
    const value = this.#get(key);
    return typeof value === 'string' && pattern.test(value) ? value : this.#fail(key, expected, '');
  }

  /** Missing and null are both nothing. */
  optional<T>(key: string, read: (shape: Shape) => T): T | undefined {
    if (!this.#isThere(key)) return undefined;
    return read(this.#inner(key, this.objectAt(key)));
  }

  optionalList<T>(key: string, read: (shape: Shape) => T): T[] | undefined {
    return this.#isThere(key) ? this.#list(key, this.#get(key), read) : undefined;
  }

  /** An object of lists. */
  lists<T>(key: string, read: (shape: Shape) => T): Record<string, T[]> {
    const entries = Object.entries(this.objectAt(key));
    return Object.fromEntries(entries.map(([name, value]) => [name, this.#list(key, value, read)]));
  }

  /** A list of lists; `read` says undefined for one that is not what it has to be. */
  tuples<T>(key: string, read: (tuple: readonly Json[]) => T | undefined): T[] {
    const value = this.#get(key);
    if (!Array.isArray(value)) return this.#fail(key, 'a list', []);
    const items: readonly Json[] = value;
    const tuples: T[] = [];
    items.forEach((item, i) => {
      const one = Array.isArray(item) ? read(item as readonly Json[]) : undefined;
      if (one === undefined) this.#fail(key, 'what it has to be', undefined, i);
      else tuples.push(one);
    });
    return tuples;
  }

  #list<T>(key: string, value: Json | undefined, read: (shape: Shape) => T): T[] {
    if (!Array.isArray(value)) return this.#fail(key, 'a list', []);
    const items: readonly Json[] = value;
    return items.map((item, i) => {
      const object = isJsonObject(item) ? item : this.#fail(key, 'an object', {}, i);
      return read(this.#inner(key, object, i));
    });
  }

  #inner(key: string, object: JsonObject, index?: number): Shape {
    return new Shape(object, key, this, index);
  }

  #path(): string {
    const name = this.#index === undefined ? this.#name : `${this.#name}[${this.#index}]`;
    return this.#parent === undefined ? name : `${this.#parent.#path()}.${name}`;
  }

  #isThere(key: string): boolean {
    const value = this.#get(key);
    return value !== undefined && value !== null;
  }

  #get(key: string): Json | undefined {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  #fail<T>(key: string, expected: string, instead: T, index?: number): T {
    this.#root.problem ??= `${this.#path()}.${key}${index === undefined ? '' : `[${index}]`} is not ${expected}`;
    return instead;
  }
}
