// Going through what can be gone through, one paid step an item, and asking for lengths and truth.

import { charsOf, lengthOf } from './characters.ts';
import { raise } from './error.ts';
import { Dict, Iter, List, Range, Thing, Tuple, Undefined, View, isText, plain, typeName, type Value }
  from './values.ts';
import { spend } from './budget.ts';

/** iter(value). Fails at once, with Python's sentence, for what has no items. */
export function iterate(value: Value, what = 'object'): IterableIterator<Value> {
  return counted(iteratorOf(value, what));
}

function* counted(iterator: Iterator<Value>): IterableIterator<Value> {
  for (;;) {
    const { done, value } = iterator.next();
    if (done === true) return;
    spend(1);
    yield value;
  }
}

function iteratorOf(value: Value, what: string): Iterator<Value> {
  if (isText(value)) return charsOf(plain(value)).values();
  if (value instanceof List || value instanceof Tuple) return value.items.values();
  if (value instanceof Dict) return value.iterate('keys');
  if (value instanceof View) return value.dict.iterate(value.part);
  if (value instanceof Iter) return value.iterator;
  if (value instanceof Range) return rangeItems(value);
  if (value instanceof Undefined) return value.lenient ? [].values() : value.fail();
  if (value instanceof Thing && value.iterate !== undefined) return value.iterate();
  if (what === 'object') return raise('TypeError', `'${typeName(value)}' object is not iterable`);
  return raise('TypeError', `${what} '${typeName(value)}' is not iterable`);
}

function* rangeItems(range: Range): IterableIterator<Value> {
  for (let i = 0; i < range.length; i += 1) yield range.at(i);
}

export function isIterable(value: Value): boolean {
  return isText(value) || value instanceof List || value instanceof Tuple || value instanceof Dict
    || value instanceof View || value instanceof Iter || value instanceof Range
    || (value instanceof Undefined && iterate(value) !== undefined)
    || (value instanceof Thing && value.iterate !== undefined);
}

/** list(value). */
export function itemsOf(value: Value): Value[] {
  return [...iterate(value)];
}

/** An iterator that Python would make lazily: it fails only when it is gone through. */
export function lazily(type: string, items: () => Iterable<Value>): Iter {
  return new Iter((function* lazy(): Generator<Value> {
    yield* items();
  })(), type);
}

/** len(value), where it has one. */
export function sizeOf(value: Value): number | undefined {
  if (isText(value)) return lengthOf(plain(value));
  if (value instanceof List || value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) return value.lenient ? 0 : value.fail();
  return value instanceof Thing ? value.length?.() : undefined;
}

export function length(value: Value): bigint {
  const size = sizeOf(value);
  return size === undefined ? raise('TypeError', `object of type '${typeName(value)}' has no len()`) : BigInt(size);
}

/** bool(value). */
export function truth(value: Value): boolean {
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  return (sizeOf(value) ?? 1) > 0;
}
