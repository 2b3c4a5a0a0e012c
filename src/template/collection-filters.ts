// Filters of lists, mappings and numbers.

import { asNumber, equal, ordered, sorted } from './equality.ts';
import { raise, refuse } from './error.ts';
import { filter, type Filter } from './filter.ts';
import { roundFloat } from './floats.ts';
import { itemsOf, iterate, lazily, length, truth } from './iteration.ts';
import { attributeGetter, attributesGetter, ignoringCase } from './keys.ts';
import { attributeOf, undefinedIn } from './look-up.ts';
import { floorDivide, joined, operate, roundInt, toFloat } from './operators.ts';
import { wholeOf } from './percent.ts';
import { asIndex, type Bound } from './signature.ts';
import { str } from './text.ts';
import { toJson } from './json-text.ts';
import { Dict, Iter, List, Markup, Range, Thing, Tuple, Undefined, View, hashed, isText, list, plain, typeName,
  type Value } from './values.ts';
import { spend, spendChars } from './budget.ts';

export const COLLECTION_FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['default', filter('do_default', 'value default_value? boolean?', otherwise)],
  ['d', filter('do_default', 'value default_value? boolean?', otherwise)],
  ['length', filter('len', 'obj', (bound) => length(bound.value(0)))],
  ['count', filter('len', 'obj', (bound) => length(bound.value(0)))],
  ['first', filter('sync_do_first', 'seq', (bound) => {
    const { done, value } = iterate(bound.value(0)).next();
    return done === true ? new Undefined('No first item, sequence was empty.') : value;
  }, 1)],
  ['last', filter('do_last', 'seq', (bound) => {
    const last = reversed(bound.value(0)).at(0);
    return last === undefined ? new Undefined('No last item, sequence was empty.') : last;
  }, 1)],
  ['list', filter('sync_do_list', 'value', (bound) => list(itemsOf(bound.value(0))))],
  ['reverse', filter('do_reverse', 'value', reverse)],
  ['items', filter('do_items', 'value', (bound) => lazily('generator', () => pairs(bound.value(0))))],
  ['join', filter('sync_do_join', 'value d? attribute?', join, 1)],
  ['sort', filter('do_sort', 'value reverse? case_sensitive? attribute?', (bound) => {
    const key = attributesGetter(bound.value(3), !truth(bound.value(2, false)));
    return list(sorted(itemsOf(bound.value(0)), key, truth(bound.value(1, false))));
  }, 1)],
  ['dictsort', filter('do_dictsort', 'value case_sensitive? by? reverse?', dictSort)],
  ['unique', filter('sync_do_unique', 'value case_sensitive? attribute?', (bound) => {
    return lazily('generator', () => unique(bound));
  }, 1)],
  ['min', filter('do_min', 'value case_sensitive? attribute?', (bound) => extreme(bound, '<'), 1)],
  ['max', filter('do_max', 'value case_sensitive? attribute?', (bound) => extreme(bound, '>'), 1)],
  ['groupby', filter('sync_do_groupby', 'value attribute default? case_sensitive?', groupBy, 1)],
  ['sum', filter('sync_do_sum', 'iterable attribute? start?', sum, 1)],
  ['batch', filter('do_batch', 'value linecount fill_with?', (bound) => lazily('generator', () => batch(bound)))],
  ['slice', filter('sync_do_slice', 'value slices fill_with?', (bound) => lazily('generator', () => slices(bound)))],
  ['abs', filter('abs', 'x', (bound) => {
    const value = bound.value(0);
    if (value instanceof Undefined) return raise('TypeError', `bad operand type for abs(): '${typeName(value)}'`);
    const number = asNumber(value) ?? raise('TypeError', `bad operand type for abs(): '${typeName(value)}'`);
    return typeof number === 'bigint' ? (number < 0n ? -number : number) : Math.abs(number);
  })],
  ['round', filter('do_round', 'value precision? method?', round)],
  ['attr', filter('do_attr', 'obj name', (bound) => {
    const name = bound.value(1);
    if (!isText(name)) return raise('TypeError', `attribute name must be string, not '${typeName(name)}'`);
    return attributeOf(bound.value(0), plain(name)) ?? undefinedIn(bound.value(0), name);
  }, 1)],
  ['tojson', filter('do_tojson', 'value indent?', (bound) => toJson(bound.value(0), bound.value(1)), 1)],
]);

function otherwise(bound: Bound): Value {
  const value = bound.value(0);
  const isMissing = value instanceof Undefined || (truth(bound.value(2, false)) && !truth(value));
  return isMissing ? bound.value(1, '') : value;
}

function reversed(value: Value): Value[] {
  if (isText(value) || value instanceof List || value instanceof Tuple || value instanceof Dict
    || value instanceof Range || value instanceof View) return itemsOf(value).reverse();
  if (value instanceof Undefined) return value.fail();
  return raise('TypeError', `'${typeName(value)}' object is not reversible`);
}

function reverse(bound: Bound): Value {
  const value = bound.value(0);
  if (isText(value)) {
    const made = itemsOf(value).reverse().map(str).join('');
    return value instanceof Markup ? new Markup(made) : made;
  }
  if (value instanceof Iter) return list(itemsOf(value).reverse());
  const isSequence = value instanceof List || value instanceof Tuple || value instanceof Dict || value instanceof Range
    || value instanceof View || value instanceof Undefined;
  if (!isSequence && !(value instanceof Thing && value.iterate !== undefined)) {
    return raise('FilterArgumentError', 'argument must be iterable');
  }
  const items = reversed(value);
  return new Iter(items.values(), 'list_reverseiterator');
}

function* pairs(value: Value): IterableIterator<Value> {
  if (value instanceof Undefined) return;
  if (!(value instanceof Dict)) raise('TypeError', 'Can only get item pairs from a mapping.');
  yield* value.iterate('items');
}

function join(bound: Bound): Value {
  const get = attributeGetter(bound.value(2));
  const between = str(bound.value(1, ''));
  const texts: string[] = [];
  for (const item of iterate(bound.value(0))) texts.push(str(get(item)));
  spendChars(between.length * texts.length);
  return joined(texts.flatMap((text, i) => i === 0 ? [text] : [between, text]));
}

function dictSort(bound: Bound): Value {
  const by = bound.value(2, 'key');
  if (by !== 'key' && by !== 'value') {
    return raise('FilterArgumentError', 'You can only sort by either "key" or "value"');
  }
  const value = bound.value(0);
  if (value instanceof Undefined) return value.fail();
  if (!(value instanceof Dict)) return raise('AttributeError', `'${typeName(value)}' object has no attribute 'items'`);
  const caseSensitive = truth(bound.value(1, false));
  const key = (pair: Tuple): Value => {
    const part = pair.items[by === 'key' ? 0 : 1] ?? null;
    return caseSensitive ? part : ignoringCase(part);
  };
  const entries = [...value.entries()].map((entry) => new Tuple(entry));
  return list(sorted(entries, key, truth(bound.value(3, false))));
}

function* unique(bound: Bound): IterableIterator<Value> {
  const get = attributeGetter(bound.value(2), { lower: !truth(bound.value(1, false)) });
  const seen = new Set<unknown>();
  for (const item of iterate(bound.value(0))) {
    const hash = hashed(get(item));
    if (!seen.has(hash)) {
      seen.add(hash);
      yield item;
    }
  }
}

function extreme(bound: Bound, wanted: '<' | '>'): Value {
  const get = attributeGetter(bound.value(2), { lower: !truth(bound.value(1, false)) });
  let best: { item: Value; key: Value } | undefined;
  for (const item of iterate(bound.value(0))) {
    const key = get(item);
    if (best === undefined || ordered(wanted, key, best.key)) best = { item, key };
  }
  return best === undefined ? new Undefined('No aggregated item, sequence was empty.') : best.item;
}

function groupBy(bound: Bound): Value {
  const [attribute, ifNone] = [bound.value(1), bound.value(2)];
  const lower = !truth(bound.value(3, false));
  const key = attributeGetter(attribute, { lower, otherwise: ifNone });
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(itemsOf(bound.value(0)), key, false)) {
    const group = groups.at(-1);
    const itsKey = key(item);
    if (group !== undefined && equal(group.key, itsKey)) group.items.push(item);
    else groups.push({ key: itsKey, items: [item] });
  }
  const shown = attributeGetter(attribute, { otherwise: ifNone });
  return list(groups.map(({ key: grouper, items }) => {
    return new Tuple([lower ? shown(items[0] ?? null) : grouper, list(items)], ['grouper', 'list']);
  }));
}

function sum(bound: Bound): Value {
  const start = bound.value(2, 0n);
  if (isText(start)) return raise('TypeError', "sum() can't sum strings [use ''.join(seq) instead]");
  const get = attributeGetter(bound.value(1));
  let total: Value = start;
  let floats = 0;
  for (const item of iterate(bound.value(0))) {
    const value = get(item);
    if (typeof value === 'number') floats += 1;
    // Newer Pythons add floats with compensation: the last digit would depend on the version.
    if (floats > 1 && !Number.isInteger(value)) refuse('the sum of several fractions', 'add them with +');
    total = operate('+', total, value);
  }
  return total;
}

function* batch(bound: Bound): IterableIterator<Value> {
  const [size, fill] = [bound.value(1), bound.value(2)];
  let items: Value[] = [];
  for (const item of iterate(bound.value(0))) {
    if (equal(BigInt(items.length), size)) {
      yield list(items);
      items = [];
    }
    items.push(item);
  }
  if (items.length === 0) return;
  if (fill !== null && ordered('<', BigInt(items.length), size)) {
    const missing = Number(asIndex(size)) - items.length;
    spend(missing);
    for (let i = 0; i < missing; i += 1) items.push(fill);
  }
  yield list(items);
}

function* slices(bound: Bound): IterableIterator<Value> {
  const items = itemsOf(bound.value(0));
  const [count, fill] = [bound.value(1), bound.value(2)];
  const all = BigInt(items.length);
  if (typeof count !== 'bigint') {
    return raise('TypeError', `'${typeName(count)}' object cannot be interpreted as an integer`);
  }
  if (count === 0n) return raise('ZeroDivisionError', 'integer division or modulo by zero');
  const each = Number(floorDivide(all, count));
  const extra = Number(all - floorDivide(all, count) * count);
  let from = 0;
  for (let i = 0; i < count; i += 1) {
    spend(1);
    const to = from + each + (i < extra ? 1 : 0);
    const part = items.slice(from, to);
    if (fill !== null && i >= extra) part.push(fill);
    yield list(part);
    from = to;
  }
}

function round(bound: Bound): Value {
  const [value, precision, method] = [bound.value(0), bound.value(1, 0n), bound.value(2, 'common')];
  if (method !== 'common' && method !== 'ceil' && method !== 'floor') {
    return raise('FilterArgumentError', 'method must be common, ceil or floor');
  }
  if (method !== 'common') {
    const unit = operate('**', 10n, precision);
    const scaled = operate('*', value, unit);
    const number = asNumber(scaled) ?? raise('TypeError', `must be real number, not ${typeName(scaled)}`);
    const whole = typeof number === 'bigint' ? number
      : wholeOf(Number.isFinite(number) ? Math[method](number) : number);
    return operate('/', whole, unit);
  }
  const number = value instanceof Undefined ? undefined : asNumber(value);
  if (number === undefined) return raise('TypeError', `type ${typeName(value)} doesn't define __round__ method`);
  if (precision === null) return refuse('round(none)', 'give the number of decimals, or use |int');
  const places = Number(asIndex(precision));
  return typeof number === 'bigint' ? roundInt(number, places) : roundFloat(toFloat(number), places);
}
