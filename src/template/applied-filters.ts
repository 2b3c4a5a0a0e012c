// Filters that apply another filter or a test, by name, to each item.

import { raise } from './error.ts';
import type { Filter, Toolbox } from './filter.ts';
import { iterate, lazily, truth } from './iteration.ts';
import { attributeGetter } from './keys.ts';
import { quoted } from './text.ts';
import type { Arguments, Value } from './values.ts';

export const APPLIED_FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['map', (args, toolbox) => lazily('generator', () => mapped(args, toolbox))],
  ['select', (args, toolbox) => lazily('generator', () => selected(args, toolbox, false, true))],
  ['reject', (args, toolbox) => lazily('generator', () => selected(args, toolbox, false, false))],
  ['selectattr', (args, toolbox) => lazily('generator', () => selected(args, toolbox, true, true))],
  ['rejectattr', (args, toolbox) => lazily('generator', () => selected(args, toolbox, true, false))],
]);

function* mapped(args: Arguments, toolbox: Toolbox): IterableIterator<Value> {
  const [value = missing(args, 'do_map')] = args.positional;
  if (!truth(value)) return;
  const act = mapper(args, toolbox);
  for (const item of iterate(value)) yield act(item);
}

function missing(_: Arguments, name: string): never {
  return raise('TypeError', `${name}() missing 1 required positional argument: 'value'`);
}

function mapper({ positional: [, ...rest], named }: Arguments, toolbox: Toolbox): (item: Value) => Value {
  const attribute = named.get('attribute');
  if (rest.length === 0 && attribute !== undefined) {
    const other = [...named.keys()].find((name) => name !== 'attribute' && name !== 'default');
    if (other !== undefined) raise('FilterArgumentError', `Unexpected keyword argument ${quoted(other)}`);
    return attributeGetter(attribute, { otherwise: named.get('default') ?? null });
  }
  const [name, ...others] = rest;
  if (name === undefined) return raise('FilterArgumentError', 'map requires a filter argument');
  return (item) => toolbox.filter(name, { positional: [item, ...others], named });
}

function* selected(args: Arguments, toolbox: Toolbox, byAttribute: boolean, wanted: boolean):
IterableIterator<Value> {
  const [value = missing(args, 'sync_do_select'), ...rest] = args.positional;
  if (!truth(value)) return;
  if (byAttribute && rest.length === 0) raise('FilterArgumentError', 'Missing parameter for attribute name');
  const part = byAttribute ? attributeGetter(rest.shift() ?? null) : (item: Value): Value => item;
  const [name, ...others] = rest;
  for (const item of iterate(value)) {
    const tested = part(item);
    const holds = name === undefined ? truth(tested)
      : toolbox.test(name, { positional: [tested, ...others], named: args.named });
    if (holds === wanted) yield item;
  }
}
