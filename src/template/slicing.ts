// value[start:stop:step].

import { charsOf } from './characters.ts';
import { raise } from './error.ts';
import { Dict, List, Markup, Range, Tuple, Undefined, isText, list, plain, typeName, type Value } from './values.ts';

export interface Slice {
  readonly start: Value;
  readonly stop: Value;
  readonly step: Value;
}

export function slice(value: Value, wanted: Slice): Value {
  if (value instanceof Undefined) return value.fail();
  if (isText(value)) {
    const made = pick(charsOf(plain(value)), wanted).join('');
    return value instanceof Markup ? new Markup(made) : made;
  }
  if (value instanceof List) return list(pick(value.items, wanted));
  if (value instanceof Tuple) return new Tuple(pick(value.items, wanted));
  if (value instanceof Range) {
    const [first, step, count] = places(value.length, wanted);
    const start = value.start + BigInt(first) * value.step;
    const stride = value.step * BigInt(step);
    return new Range(start, start + BigInt(count) * stride, stride);
  }
  if (value instanceof Dict) return raise('TypeError', "unhashable type: 'slice'");
  return raise('TypeError', `'${typeName(value)}' object is not subscriptable`);
}

function pick<T>(items: readonly T[], wanted: Slice): T[] {
  const [first, step, count] = places(items.length, wanted);
  return Array.from({ length: count }, (_, i) => items[first + i * step]).filter((item) => item !== undefined);
}

function places(length: number, { start, stop, step }: Slice): [first: number, step: number, count: number] {
  const stride = bound(step) ?? 1;
  if (stride === 0) return raise('ValueError', 'slice step cannot be zero');
  const [low, high] = stride > 0 ? [0, length] : [-1, length - 1];
  const within = (value: number | undefined, otherwise: number): number => {
    if (value === undefined) return otherwise;
    return Math.min(Math.max(value < 0 ? value + length : value, low), high);
  };
  const first = within(bound(start), stride > 0 ? low : high);
  const last = within(bound(stop), stride > 0 ? high : low);
  return [first, stride, Math.max(0, Math.ceil((last - first) / stride))];
}

/** Beyond any length all numbers are the same. */
const FAR = 2 ** 40;

function bound(value: Value): number | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'bigint' && typeof value !== 'boolean') {
    return raise('TypeError', 'slice indices must be integers or None or have an __index__ method');
  }
  return Math.min(Math.max(Number(value), -FAR), FAR);
}
