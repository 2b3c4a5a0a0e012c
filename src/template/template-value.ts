// Values as callers give and get them: plain data, with ints and floats told apart.

import { Float } from '../common/json.ts';
import { refuse } from './error.ts';
import { Dict, List, Range, Tuple, isText, list, plain, type Value } from './values.ts';

/** A `number` is an int; what is no whole number is taken for a float. */
export type TemplateValue = null | boolean | number | bigint | string | Float | readonly TemplateValue[]
  | ReadonlyMap<string, TemplateValue>;

/** JSON text, with ints of any size, and floats being floats, as Python's json reads them. */
export function fromJson(text: string): TemplateValue {
  // Numbers become texts that no other text can be, since each of the others gets a mark of its own.
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (token) => {
    return token.startsWith('"') ? `"s${token.slice(1)}` : `"n${token}"`;
  });
  JSON.parse(text);
  return unmarked(JSON.parse(marked, (_, value: unknown) => Array.isArray(value)
    || typeof value !== 'object' || value === null ? value : new Map(Object.entries(value))));
}

function unmarked(value: unknown): TemplateValue {
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [String(key).slice(1), unmarked(item)]));
  }
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'string') return value === true || value === false ? value : null;
  if (value.startsWith('s')) return value.slice(1);
  return /[.eE]/.test(value) ? new Float(Number(value.slice(1))) : BigInt(value.slice(1));
}

/** Plain JSON data: numbers without a fraction are ints. */
export function toTemplateValue(data: unknown): TemplateValue {
  if (data === null || data === undefined) return null;
  if (typeof data === 'number') return Number.isInteger(data) ? BigInt(data) : new Float(data);
  if (typeof data === 'boolean' || typeof data === 'string' || typeof data === 'bigint') return data;
  if (data instanceof Float) return data;
  if (Array.isArray(data)) return data.map(toTemplateValue);
  const entries: Iterable<readonly [unknown, unknown]> = data instanceof Map ? data : Object.entries(data);
  return new Map([...entries].map(([key, value]) => [String(key), toTemplateValue(value)]));
}

export function valueOf(given: TemplateValue): Value {
  if (given === null || typeof given === 'boolean' || typeof given === 'string' || typeof given === 'bigint') {
    return given;
  }
  if (typeof given === 'number') return Number.isInteger(given) ? BigInt(given) : given;
  if (given instanceof Float) return given.value;
  if (isMap(given)) return Dict.of([...given].map(([key, value]) => [key, valueOf(value)] as const));
  return list(given.map(valueOf));
}

function isMap(given: object): given is ReadonlyMap<string, TemplateValue> {
  return given instanceof Map;
}

/** For filters of the caller's. */
export function givenOf(value: Value): TemplateValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return new Float(value);
  if (isText(value)) return plain(value);
  if (value instanceof List || value instanceof Tuple) return value.items.map(givenOf);
  if (value instanceof Range) return Array.from({ length: value.length }, (_, i) => value.at(i));
  if (value instanceof Dict) {
    return new Map([...value.entries()].map(([key, item]) => {
      const name = isText(key) ? plain(key) : refuse('a mapping with such keys for this filter', 'use texts');
      return [name, givenOf(item)];
    }));
  }
  return refuse('such a value for this filter', 'give it plain values');
}

