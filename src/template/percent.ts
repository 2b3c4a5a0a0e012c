// 'text %s' % values.

import { asNumber } from './equality.ts';
import { charsOf } from './characters.ts';
import { raise, refuse } from './error.ts';
import { floatDigits, isRadix, radixDigits } from './number-format.ts';
import { asciiRepr, intText, quoted, repr, str } from './text.ts';
import { Dict, List, Markup, Range, Tuple, Undefined, isText, plain, typeName, type Value } from './values.ts';
import { spendChars } from './budget.ts';

const DIRECTIVE = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([\s\S]?)/gu;

interface Directive {
  readonly key: string | undefined;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly type: string;
  readonly index: number;
}

export function formatPercent(format: string, values: Value): string {
  const given = new Given(values);
  const made = format.replace(DIRECTIVE, (whole, key: string | undefined, flags: string, width: string | undefined,
    precision: string | undefined, type: string, index: number) => {
    if (type === '') return raise('ValueError', 'incomplete format');
    if (type === '(') return refuse('such a key in a format', 'use a name without parentheses');
    if (type === '%') return whole === '%%' ? '%' : refuse('such a percent sign', 'write %%');
    const wide = width === '*' ? given.nextInt() : Number(width ?? 0);
    const places = precision === '*' ? given.nextInt() : precision === undefined ? undefined : Number(precision);
    spendChars(Math.abs(wide) + (places ?? 0));
    return directive({
      key, flags: wide < 0 ? `${flags}-` : flags, width: Math.abs(wide), precision: places, type,
      index: charsOf(format.slice(0, index + whole.length)).length - 1,
    }, given);
  });
  given.end();
  return made;
}

/** The right side: a tuple is several values, a dict is looked up by key, anything else is one value. */
class Given {
  readonly #values: Value;
  #next = 0;
  #usesKeys = false;

  constructor(values: Value) {
    this.#values = values;
  }

  next(): Value {
    const items = this.#values instanceof Tuple ? this.#values.items : [this.#values];
    const value = items[this.#next];
    this.#next += 1;
    return value === undefined ? raise('TypeError', 'not enough arguments for format string') : value;
  }

  nextInt(): number {
    const value = asNumber(this.next());
    return typeof value === 'bigint' ? Number(value) : raise('TypeError', '* wants int');
  }

  at(key: string): Value {
    if (this.#values instanceof Undefined) return this.#values.fail();
    if (this.#values instanceof List || this.#values instanceof Range) {
      return raise('TypeError', `${typeName(this.#values)} indices must be integers or slices, not str`);
    }
    if (!(this.#values instanceof Dict)) return raise('TypeError', 'format requires a mapping');
    this.#usesKeys = true;
    return this.#values.get(key) ?? noneOr(this.#values, key);
  }

  end(): void {
    const many = this.#values instanceof Tuple;
    const mayBeLeft = this.#usesKeys || this.#values instanceof Dict || this.#values instanceof List
      || this.#values instanceof Undefined;
    if (many ? this.#next < this.#values.items.length : this.#next === 0 && !mayBeLeft) {
      raise('TypeError', 'not all arguments converted during string formatting');
    }
  }
}

function noneOr(values: Dict, key: string): Value {
  return values.has(key) ? null : raise('KeyError', quoted(key));
}

function directive(wanted: Directive, given: Given): string {
  const { type, flags, precision } = wanted;
  const value = wanted.key === undefined ? given.next() : given.at(wanted.key);
  if (type === 's' || type === 'r' || type === 'a') {
    if (value instanceof Markup) refuse('formatting with text that is marked as safe', "write (value ~ '') instead");
    const text = type === 's' ? str(value) : type === 'r' ? repr(value) : asciiRepr(value);
    return aligned(precision === undefined ? text : charsOf(text).slice(0, precision).join(''), '', wanted, false);
  }
  if (type === 'c') return aligned(character(value), '', wanted, false);
  const [negative, digits, prefix] = numeric(wanted, value);
  const sign = negative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return aligned(digits, sign + prefix, wanted, flags.includes('0') && /^[0-9a-f]/i.test(digits));
}

function aligned(text: string, head: string, { flags, width }: Directive, zeros: boolean): string {
  const missing = Math.max(0, width - charsOf(text).length - head.length);
  if (flags.includes('-')) return head + text + ' '.repeat(missing);
  return zeros ? head + '0'.repeat(missing) + text : ' '.repeat(missing) + head + text;
}

function character(value: Value): string {
  if (isText(value) && charsOf(plain(value)).length === 1) return plain(value);
  const code = asNumber(value);
  if (typeof code !== 'bigint') return raise('TypeError', '%c requires int or char');
  if (code < 0n || code > 0x10ffffn) return raise('OverflowError', '%c arg not in range(0x110000)');
  return String.fromCodePoint(Number(code));
}

function numeric(wanted: Directive, value: Value): [negative: boolean, digits: string, prefix: string] {
  const { type, precision, flags, index } = wanted;
  if (value instanceof Undefined && /^[diuoxXeEfFgG]$/.test(type)) return value.fail();
  const number = asNumber(value);
  const alternate = flags.includes('#');
  if (/^[eEfFgG]$/.test(type)) {
    if (number === undefined) return raise('TypeError', `must be real number, not ${typeName(value)}`);
    const float = Number(number);
    const kind = type.toLowerCase();
    const style = kind === 'e' || kind === 'f' ? kind : 'g';
    const digits = floatDigits(float, { type: style, places: precision ?? 6, upper: type !== kind, alternate });
    return [float < 0 || Object.is(float, -0), digits, ''];
  }
  if (isRadix(type) && type !== 'b') {
    if (typeof number !== 'bigint') {
      return raise('TypeError', `%${type} format: an integer is required, not ${typeName(value)}`);
    }
    const digits = radixDigits(number, type, false).padStart(precision ?? 0, '0');
    return [number < 0n, digits, alternate ? `0${type}` : ''];
  }
  if (!/^[diu]$/.test(type)) {
    return raise('ValueError', `unsupported format character '${type}' (0x${type.codePointAt(0)?.toString(16)}) `
      + `at index ${index}`);
  }
  if (number === undefined) {
    return raise('TypeError', `%${type} format: a real number is required, not ${typeName(value)}`);
  }
  const int = typeof number === 'bigint' ? number : wholeOf(number);
  return [int < 0n, intText(int < 0n ? -int : int).padStart(precision ?? 0, '0'), ''];
}

/** int() of a float. */
export function wholeOf(value: number): bigint {
  if (Number.isNaN(value)) return raise('ValueError', 'cannot convert float NaN to integer');
  if (!Number.isFinite(value)) return raise('OverflowError', 'cannot convert float infinity to integer');
  return BigInt(Math.trunc(value));
}
