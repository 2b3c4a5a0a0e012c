// A number as digits, as `%` formatting and format() both need them.

import { exponentText, fixed, scientific } from './floats.ts';
import { refuse } from './error.ts';

export interface FloatStyle {
  /** e, f or g, or r for what format() does without a type: as repr, or as g with at least one decimal. */
  readonly type: 'e' | 'f' | 'g' | 'r';
  readonly places: number;
  readonly upper: boolean;
  /** `#`: the point stays, and g keeps its zeros. */
  readonly alternate: boolean;
}

/** The absolute value. */
export function floatDigits(value: number, style: FloatStyle): string {
  const text = lowerDigits(value, style);
  return style.upper ? text.toUpperCase() : text;
}

function lowerDigits(value: number, { type, places, alternate }: FloatStyle): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return 'inf';
  const point = alternate && places === 0 ? '.' : '';
  if (type === 'f') return fixed(value, places) + point;
  if (type === 'e') {
    const [digits, exponent] = scientific(value, places);
    return withPoint(digits, 1) + point + exponentText(exponent);
  }
  const wanted = Math.max(places, 1);
  const [digits, exponent] = scientific(value, wanted - 1);
  const useExponent = exponent < -4 || exponent >= wanted - (type === 'r' ? 1 : 0);
  const kept = alternate ? digits : digits.replace(/0+$/, '') || '0';
  if (useExponent) return withPoint(kept, 1) + exponentText(exponent);
  if (alternate) return fixed(value, wanted - 1 - exponent);
  const decimals = Math.max(kept.length - 1 - exponent, 0);
  return fixed(value, decimals) + (type === 'r' && decimals === 0 ? '.0' : '');
}

function withPoint(digits: string, at: number): string {
  return digits.length > at ? `${digits.slice(0, at)}.${digits.slice(at)}` : digits;
}

const RADIXES = { b: 2, o: 8, x: 16, X: 16 } as const;

/** The absolute value of an int in another base, with its prefix where `alternate` asks for it. */
export function radixDigits(value: bigint, type: keyof typeof RADIXES, alternate: boolean): string {
  const text = (value < 0n ? -value : value).toString(RADIXES[type]);
  return (alternate ? `0${type}` : '') + (type === 'X' ? text.toUpperCase() : text);
}

export function isRadix(type: string): type is keyof typeof RADIXES {
  return type in RADIXES && type.length === 1;
}

export function grouped(digits: string, separator: string, size: number): string {
  const [whole = '', ...rest] = digits.split(/(?=[.e])/i);
  if (!/^[0-9a-f]*$/i.test(whole)) return refuse('groups of such digits', 'format it without them');
  return whole.replace(new RegExp(`(?<=.)(?=(?:.{${size}})+$)`, 'g'), separator) + rest.join('');
}
