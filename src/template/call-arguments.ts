// f(a, b=c, *d, **e): one list of positional and one table of named arguments.

import { raise } from './error.ts';
import { isIterable, itemsOf } from './iteration.ts';
import { Dict, Undefined, isText, plain, typeName, type Arguments, type Value } from './values.ts';

export interface Written {
  readonly positional: readonly Value[];
  readonly named: readonly (readonly [string, Value])[];
  readonly rest: Value | undefined;
  readonly namedRest: Value | undefined;
}

export function argumentsOf({ positional, named, rest, namedRest }: Written): Arguments {
  const table = new Map(named);
  if (namedRest !== undefined) {
    if (namedRest instanceof Undefined) namedRest.fail();
    if (!(namedRest instanceof Dict)) {
      return raise('TypeError', `argument after ** must be a mapping, not ${typeName(namedRest)}`);
    }
    for (const [key, value] of namedRest.entries()) {
      if (!isText(key)) return raise('TypeError', 'keywords must be strings');
      if (table.has(plain(key))) {
        return raise('TypeError', `got multiple values for keyword argument '${plain(key)}'`);
      }
      table.set(plain(key), value);
    }
  }
  if (rest === undefined) return { positional, named: table };
  if (!isIterable(rest)) {
    return raise('TypeError', `Value after * must be an iterable, not ${typeName(rest)}`);
  }
  return { positional: [...positional, ...itemsOf(rest)], named: table };
}
