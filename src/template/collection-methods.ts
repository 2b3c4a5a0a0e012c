// Methods of list, tuple, range and dict. The sandbox allows to change lists and dicts, so it is allowed here.

import { sorted, same } from './equality.ts';
import { raise } from './error.ts';
import { itemsOf, isIterable, iterate, truth } from './iteration.ts';
import { bindMethod, type Bound } from './signature.ts';
import type { Method } from './str-methods.ts';
import { repr } from './text.ts';
import { Dict, List, Range, Tuple, View, list, typeName, type Arguments, type Value } from './values.ts';
import { spend } from './budget.ts';

type Sequence = List | Tuple | Range;

function itemsIn(value: Sequence): readonly Value[] {
  return value instanceof Range ? itemsOf(value) : value.items;
}

function sequenceMethod(type: string): [string, Method<Sequence>][] {
  return [
    ['count', (self, args) => {
      const wanted = bindMethod(`${type}.count`, 'value', args).value(0);
      return BigInt(itemsIn(self).filter((item) => same(item, wanted)).length);
    }],
    ['index', (self, args) => {
      const bound = bindMethod(`${type}.index`, 'value start? stop?', args);
      const items = itemsIn(self);
      const place = (index: number, otherwise: number): number => {
        const given = bound.int(index, otherwise);
        return given < 0 ? Math.max(0, given + items.length) : given;
      };
      const [from, to] = [place(1, 0), place(2, items.length)];
      const at = items.findIndex((item, i) => i >= from && i < to && same(item, bound.value(0)));
      if (at >= 0) return BigInt(at);
      if (type === 'tuple') return raise('ValueError', 'tuple.index(x): x not in tuple');
      const isOdd = type === 'range' && typeof bound.value(0) !== 'bigint' && typeof bound.value(0) !== 'boolean';
      return raise('ValueError', isOdd ? 'sequence.index(x): x not in sequence'
        : `${repr(bound.value(0))} is not in ${type}`);
    }],
  ];
}

export const TUPLE_METHODS: ReadonlyMap<string, Method<Sequence>> = new Map(sequenceMethod('tuple'));
export const RANGE_METHODS: ReadonlyMap<string, Method<Sequence>> = new Map(sequenceMethod('range'));

function listMethod(name: string, parameters: string, act: (self: List, bound: Bound) => Value):
[string, Method<List>] {
  return [name, (self, args) => act(self, bindMethod(`list.${name}`, parameters, args))];
}

export const LIST_METHODS: ReadonlyMap<string, Method<List>> = new Map<string, Method<List>>([
  ...sequenceMethod('list'),
  listMethod('copy', '', (self) => list([...self.items])),
  listMethod('append', 'object', (self, bound) => {
    spend(1);
    self.items.push(bound.value(0));
    return null;
  }),
  listMethod('extend', 'iterable', (self, bound) => {
    if (bound.value(0) === self) self.items.push(...itemsOf(new List([...self.items])));
    else for (const item of iterate(bound.value(0))) self.items.push(item);
    return null;
  }),
  listMethod('insert', 'index object', (self, bound) => {
    spend(self.items.length);
    self.items.splice(bound.int(0), 0, bound.value(1));
    return null;
  }),
  listMethod('pop', 'index?', (self, bound) => {
    const index = bound.int(0, -1);
    if (self.items.length === 0) return raise('IndexError', 'pop from empty list');
    if (index >= self.items.length || index < -self.items.length) return raise('IndexError', 'pop index out of range');
    spend(self.items.length);
    return self.items.splice(index, 1)[0] ?? null;
  }),
  listMethod('remove', 'value', (self, bound) => {
    const at = self.items.findIndex((item) => same(item, bound.value(0)));
    if (at === -1) return raise('ValueError', 'list.remove(x): x not in list');
    self.items.splice(at, 1);
    return null;
  }),
  listMethod('reverse', '', (self) => {
    self.items.reverse();
    return null;
  }),
  listMethod('clear', '', (self) => {
    self.items.length = 0;
    return null;
  }),
  ['sort', (self, args): Value => {
    const reverse = truth(bindMethod('list.sort', 'reverse?', onlyNamed(args), true).value(0, false));
    self.items.splice(0, self.items.length, ...sorted(self.items, (item) => item, reverse));
    return null;
  }],
]);

function onlyNamed(args: Arguments): Arguments {
  return args.positional.length === 0 ? args
    : raise('TypeError', 'sort() takes no positional arguments');
}

function dictMethod(name: string, parameters: string, act: (self: Dict, bound: Bound) => Value):
[string, Method<Dict>] {
  return [name, (self, args) => act(self, bindMethod(`dict.${name}`, parameters, args))];
}

export const DICT_METHODS: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
  dictMethod('keys', '', (self) => new View(self, 'keys')),
  dictMethod('values', '', (self) => new View(self, 'values')),
  dictMethod('items', '', (self) => new View(self, 'items')),
  dictMethod('copy', '', (self) => Dict.of(self.entries())),
  dictMethod('get', 'key default?', (self, bound) => {
    const there = self.get(bound.value(0));
    return there === undefined ? bound.value(1) : there;
  }),
  dictMethod('setdefault', 'key default?', (self, bound) => {
    const there = self.get(bound.value(0));
    if (there === undefined) self.set(bound.value(0), bound.value(1));
    return there === undefined ? bound.value(1) : there;
  }),
  dictMethod('pop', 'key default?', (self, bound) => {
    const there = self.get(bound.value(0));
    if (there === undefined) {
      return bound.has(1) ? bound.value(1) : raise('KeyError', repr(bound.value(0)));
    }
    self.delete(bound.value(0));
    return there;
  }),
  dictMethod('popitem', '', (self) => {
    const last = self.last() ?? raise('KeyError', "'popitem(): dictionary is empty'");
    self.delete(last[0]);
    return new Tuple(last);
  }),
  dictMethod('clear', '', (self) => {
    self.clear();
    return null;
  }),
  ['update', (self, { positional, named }): Value => {
    if (positional.length > 1) {
      return raise('TypeError', `update expected at most 1 argument, got ${positional.length}`);
    }
    for (const [key, value] of entriesOf(positional[0] ?? new Dict())) self.set(key, value);
    for (const [key, value] of named) self.set(key, value);
    return null;
  }],
]);

/** What dict(value) would take in. */
export function entriesOf(value: Value): [Value, Value][] {
  if (value instanceof Dict) return [...value.entries()].map(([key, item]) => [key, item]);
  if (!isIterable(value)) return raise('TypeError', `'${typeName(value)}' object is not iterable`);
  return itemsOf(value).map((pair, i) => {
    if (!isIterable(pair)) {
      return raise('TypeError', `cannot convert dictionary update sequence element #${i} to a sequence`);
    }
    const items = itemsOf(pair);
    const [key, item] = items;
    if (items.length !== 2 || key === undefined || item === undefined) {
      return raise('ValueError', `dictionary update sequence element #${i} has length ${items.length}; 2 is required`);
    }
    return [key, item];
  });
}
