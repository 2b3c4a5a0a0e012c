// int() and float() of any value, as the filters of these names use them.

import { asNumber } from './equality.ts';
import { isRaised, raise, refuse } from './error.ts';
import { parseFloatText, parseIntText } from './floats.ts';
import { toFloat } from './operators.ts';
import { wholeOf } from './percent.ts';
import { asIndex, type Bound } from './signature.ts';
import { Undefined, isText, plain, type Value } from './values.ts';

/** float(value), or nothing where it raises a TypeError or a ValueError. */
export function floatOf(value: Value): number | undefined {
  if (value instanceof Undefined) return value.fail();
  if (isText(value)) return parseFloatText(plain(value));
  const number = asNumber(value);
  return number === undefined ? undefined : toFloat(number);
}

export function toInt(bound: Bound): Value {
  const value = bound.value(0);
  const otherwise = bound.value(1, 0n);
  if (value instanceof Undefined) return value.fail();
  if (isText(value)) {
    const base = Number(asBase(bound.value(2, 10n)));
    if (plain(value).length > 4300) refuse('a number of more than 4300 digits', 'use a shorter one');
    const int = base === 0 || (base >= 2 && base <= 36) ? parseIntText(plain(value), base) : undefined;
    if (int !== undefined) return int;
  } else {
    const number = asNumber(value);
    if (number === undefined) return otherwise;
    if (typeof number === 'bigint') return number;
    // int(float("inf")) overflows, which the filter does not catch the first time.
    return Number.isNaN(number) ? otherwise : wholeOf(number);
  }
  const float = floatOf(value);
  return float === undefined || !Number.isFinite(float) ? otherwise : wholeOf(float);
}

function asBase(value: Value): bigint {
  try {
    return asIndex(value);
  } catch (error) {
    // A base that is no int fails as the text would: with the default.
    return isRaised(error, 'TypeError') ? 1n : raise('RuntimeError', 'not a base');
  }
}
