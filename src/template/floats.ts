// Numbers to text and back, digit for digit as Python: ties go to the even digit, and text is read strictly.

import { trimEnd, trimStart } from './characters.ts';
import { refuse } from './error.ts';
import { spendChars } from './budget.ts';

/** repr() of a float: the shortest digits that mean it. */
export function reprFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return digits + exponentText(exponent);
  const plain = String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

export function exponentText(exponent: number, letter = 'e'): string {
  return `${letter}${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** A finite float as the exact fraction that it is. */
export function fractionOf(value: number): [numerator: bigint, denominator: bigint] {
  let exponent = 0;
  let mantissa = value;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent += 1;
  }
  return [BigInt(mantissa), 1n << BigInt(exponent)];
}

export function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** The absolute value with so many digits after the point. */
export function fixed(value: number, places: number): string {
  spendChars(places);
  const [numerator, denominator] = fractionOf(Math.abs(value));
  const digits = String(divideToEven(numerator * 10n ** BigInt(places), denominator)).padStart(places + 1, '0');
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** The absolute value as digits (one more than `places`) and a power of ten. */
export function scientific(value: number, places: number): [digits: string, exponent: number] {
  spendChars(places);
  if (value === 0) return ['0'.repeat(places + 1), 0];
  const [numerator, denominator] = fractionOf(Math.abs(value));
  let exponent = Number(Math.abs(value).toExponential().split('e')[1]);
  for (;;) {
    const shift = places - exponent;
    const scaled = shift >= 0 ? divideToEven(numerator * 10n ** BigInt(shift), denominator)
      : divideToEven(numerator, denominator * 10n ** BigInt(-shift));
    const digits = String(scaled);
    if (digits.length === places + 1) return [digits, exponent];
    exponent += digits.length > places + 1 ? 1 : -1;
  }
}

/** round(value, places) of a float. */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 400) return value;
  if (places < -400) return value < 0 ? -0 : 0;
  const [numerator, denominator] = fractionOf(Math.abs(value));
  if (places >= 0) return Math.sign(value) * Number(fixed(value, places));
  const unit = 10n ** BigInt(-places);
  return Math.sign(value) * Number(divideToEven(numerator, denominator * unit) * unit);
}

const FLOAT = /^[-+]?(?:(?:\d+(?:_\d+)*)?\.\d+(?:_\d+)*|\d+(?:_\d+)*\.?)(?:e[-+]?\d+(?:_\d+)*)?$/i;
const FLOAT_WORD = /^([-+]?)(inf|infinity|nan)$/i;
const OTHER_DIGITS = /(?![0-9])\p{Nd}/u;

/** float(text), or nothing where Python fails. */
export function parseFloatText(text: string): number | undefined {
  const trimmed = trimEnd(trimStart(text));
  if (OTHER_DIGITS.test(trimmed)) refuse('a number in other digits', 'write it with 0 to 9');
  if (FLOAT.test(trimmed)) return Number(trimmed.replaceAll('_', ''));
  const word = FLOAT_WORD.exec(trimmed);
  if (word === null) return undefined;
  if (word[2]?.toLowerCase() === 'nan') return NaN;
  return word[1] === '-' ? -Infinity : Infinity;
}

const PREFIXES: Readonly<Record<string, number>> = { '0b': 2, '0o': 8, '0x': 16 };

/** int(text, base), or nothing where Python fails. Base 0 takes the prefix's. */
export function parseIntText(text: string, base: number): bigint | undefined {
  const trimmed = trimEnd(trimStart(text));
  if (OTHER_DIGITS.test(trimmed)) refuse('a number in other digits', 'write it with 0 to 9');
  const sign = /^[-+]/.exec(trimmed)?.[0] ?? '';
  let digits = trimmed.slice(sign.length).toLowerCase();
  const prefixed = PREFIXES[digits.slice(0, 2)];
  let radix = base;
  if (prefixed !== undefined && (base === 0 || base === prefixed)) {
    digits = digits.slice(2).replace(/^_/, '');
    radix = prefixed;
  } else if (base === 0) {
    if (/^0[0_]*[1-9]/.test(digits)) return undefined;
    radix = 10;
  }
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(digits)) return undefined;
  const value = digitsToInt(digits.replaceAll('_', ''), radix);
  return value !== undefined && sign === '-' ? -value : value;
}

function digitsToInt(digits: string, radix: number): bigint | undefined {
  spendChars(digits.length * digits.length / 64);
  let value = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (worth >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(worth);
  }
  return value;
}
