// == and <, and what is built on them: `in`, and sorting.

import { compareText } from './characters.ts';
import { raise, refuse } from './error.ts';
import { iterate } from './iteration.ts';
import { Dict, List, Range, Thing, Tuple, Undefined, View, isText, plain, typeName, type Value } from './values.ts';
import { spend } from './budget.ts';

export type Order = '<' | '<=' | '>' | '>=';

export function asNumber(value: Value): bigint | number | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' || typeof value === 'number' ? value : undefined;
}

export function equal(left: Value, right: Value): boolean {
  spend(1);
  if (left instanceof Undefined) return equalUndefined(left, right);
  if (right instanceof Undefined) return equalUndefined(right, left);
  const [a, b] = [asNumber(left), asNumber(right)];
  // JavaScript compares an int and a float by what they are worth, exactly, when it is not asked for identity.
  if (a !== undefined && b !== undefined) return !(a < b) && !(a > b) && !Number.isNaN(a) && !Number.isNaN(b);
  if (isText(left) && isText(right)) return plain(left) === plain(right);
  if ((left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple)) {
    const others = right.items;
    return left.items.length === others.length && left.items.every((item, i) => same(item, others[i] ?? null));
  }
  if (left instanceof Dict && right instanceof Dict) return equalDicts(left, right);
  if (left instanceof Range && right instanceof Range) {
    return left.length === right.length && (left.length === 0 || (left.start === right.start
      && (left.length === 1 || left.step === right.step)));
  }
  if (left instanceof View && right instanceof View && left !== right) {
    refuse('comparing what keys(), values() or items() gives', 'make lists of both first, with |list');
  }
  return left === right;
}

function equalUndefined(left: Undefined, right: Value): boolean {
  if (!left.lenient) return left.fail();
  if (right instanceof Undefined && !right.lenient) return right.fail();
  return right instanceof Undefined;
}

function equalDicts(left: Dict, right: Dict): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left.entries()) {
    const other = right.get(key);
    if (other === undefined || !same(value, other)) return false;
  }
  return true;
}

/** As containers compare their items: what is identical is equal. */
export function same(left: Value, right: Value): boolean {
  if (Number.isNaN(left) && Number.isNaN(right)) refuse('looking for nan', 'leave it out');
  return left === right || equal(left, right);
}

export function ordered(operator: Order, left: Value, right: Value): boolean {
  spend(1);
  if (left instanceof Undefined) return left.fail();
  if (right instanceof Undefined) return right.fail();
  const [a, b] = [asNumber(left), asNumber(right)];
  if (a !== undefined && b !== undefined) return holds(operator, a < b, a > b, !Number.isNaN(a) && !Number.isNaN(b));
  if (isText(left) && isText(right)) {
    const order = compareText(plain(left), plain(right));
    return holds(operator, order < 0, order > 0, true);
  }
  if ((left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple)) {
    return orderedItems(operator, left.items, right.items);
  }
  if (left instanceof View && right instanceof View) refuse('the order of views of a dict', 'compare lists');
  return raise('TypeError',
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`);
}

function holds(operator: Order, less: boolean, greater: boolean, comparable: boolean): boolean {
  switch (operator) {
    case '<': return less;
    case '>': return greater;
    case '<=': return less || (!greater && comparable);
    case '>=': return greater || (!less && comparable);
  }
}

function orderedItems(operator: Order, left: readonly Value[], right: readonly Value[]): boolean {
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    const [a, b] = [left[i] ?? null, right[i] ?? null];
    if (!same(a, b)) return ordered(operator, a, b);
  }
  return holds(operator, left.length < right.length, left.length > right.length, true);
}

export function contains(container: Value, item: Value): boolean {
  if (isText(container)) {
    if (isText(item)) return plain(container).includes(plain(item));
    return raise('TypeError', `'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (container instanceof Undefined && !container.lenient) return container.fail();
  if (container instanceof Dict) return container.has(item);
  if (container instanceof View && container.part === 'keys') return container.dict.has(item);
  if (container instanceof Thing && container.iterate === undefined) {
    return raise('TypeError', `argument of type '${container.type}' is not iterable`);
  }
  for (const one of iterate(container, 'argument of type')) if (same(one, item)) return true;
  return false;
}

/** With more items than this Python merges runs; up to it, it inserts each where it belongs. */
const INSERTION_MAX = 63;

/** sorted(): stable, and it compares in Python's order, so that it also fails with the same sentence. */
export function sorted<T>(items: readonly T[], key: (item: T) => Value, reverse: boolean): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python reverses, sorts and reverses again: equal ones keep their order.
  if (reverse) keyed.reverse();
  const made = keyed.length <= INSERTION_MAX ? insertionSorted(keyed)
    : keyed.sort((a, b) => ordered('<', a.key, b.key) ? -1 : ordered('<', b.key, a.key) ? 1 : 0);
  if (reverse) made.reverse();
  return made.map(({ item }) => item);
}

interface Keyed { readonly key: Value }

function insertionSorted<T extends Keyed>(items: T[]): T[] {
  const less = (a: T | undefined, b: T | undefined): boolean => {
    return a !== undefined && b !== undefined && ordered('<', a.key, b.key);
  };
  let run = Math.min(items.length, 2);
  if (run === 2) {
    const descending = less(items[1], items[0]);
    while (run < items.length && less(items[run], items[run - 1]) === descending) run += 1;
    if (descending) items.splice(0, run, ...items.slice(0, run).reverse());
  }
  for (let i = run; i < items.length; i += 1) {
    const [pivot] = items.slice(i, i + 1);
    let [low, high] = [0, i];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (less(pivot, items[middle])) high = middle;
      else low = middle + 1;
    }
    if (pivot !== undefined) items.splice(low, 0, ...items.splice(i, 1));
  }
  return items;
}
