// What filters compare and pick by: attribute="a.b" and the like.

import { getItem } from './look-up.ts';
import { Undefined, isText, list, plain, Markup, type Value } from './values.ts';

/** Strings in lower case, others as they are. */
export function ignoringCase(value: Value): Value {
  if (!isText(value)) return value;
  return value instanceof Markup ? new Markup(value.text.toLowerCase()) : value.toLowerCase();
}

function partsOf(attribute: Value): Value[] {
  if (attribute === null) return [];
  if (!isText(attribute)) return [attribute];
  return plain(attribute).split('.').map((part) => /^\d+$/.test(part) ? BigInt(part) : part);
}

export function attributeGetter(attribute: Value, { lower = false, otherwise = null }: {
  readonly lower?: boolean;
  readonly otherwise?: Value;
} = {}): (item: Value) => Value {
  const parts = partsOf(attribute);
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = getItem(value, part);
      if (value instanceof Undefined && otherwise !== null) value = otherwise;
    }
    return lower ? ignoringCase(value) : value;
  };
}

/** For sorting: several attributes with commas between them, as a list. */
export function attributesGetter(attribute: Value, lower: boolean): (item: Value) => Value {
  const names = isText(attribute) ? plain(attribute).split(',') : [attribute];
  const getters = names.map((name) => attributeGetter(name, { lower }));
  return (item) => list(getters.map((get) => get(item)));
}
