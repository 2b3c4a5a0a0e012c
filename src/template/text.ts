// str() and repr() of values.

import { hasWideChars } from './characters.ts';
import { raise, refuse } from './error.ts';
import { reprFloat } from './floats.ts';
import { Callable, Dict, Iter, List, Markup, Range, Thing, Tuple, Undefined, View, type Value } from './values.ts';
import { paid, spend } from './budget.ts';

/** Python writes no longer int as text. */
const INT_DIGITS_MAX = 4300;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return value.lenient ? '' : value.fail();
  return repr(value);
}

export function repr(value: Value): string {
  spend(1);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return intText(value);
  if (typeof value === 'number') return reprFloat(value);
  return typeof value === 'string' ? quoted(value) : reprObject(value);
}

export function intText(value: bigint): string {
  const text = String(value);
  if (text.length - (value < 0n ? 1 : 0) > INT_DIGITS_MAX) {
    raise('ValueError', `Exceeds the limit (${INT_DIGITS_MAX} digits) for integer string conversion; `
      + 'use sys.set_int_max_str_digits() to increase the limit');
  }
  return text;
}

const underWay = new Set<Value>();

function reprObject(value: object & Value): string {
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Thing) return value.text();
  if (value instanceof Range) {
    return `range(${value.start}, ${value.stop}${value.step === 1n ? '' : `, ${value.step}`})`;
  }
  if (value instanceof Callable) {
    return value.type === 'Macro' ? `<Macro ${value.name === '' ? 'anonymous' : quoted(value.name)}>`
      : refuse(`the text of a function ("${value.name}")`, 'call it, with parentheses');
  }
  if (value instanceof Iter) return refuse('the text of an iterator', 'make it a list first, with |list');
  // A list may hold itself.
  if (underWay.has(value)) return value instanceof List ? '[...]' : value instanceof Dict ? '{...}' : '(...)';
  underWay.add(value);
  try {
    return paid(reprCollection(value));
  } finally {
    underWay.delete(value);
  }
}

function reprCollection(value: List | Tuple | Dict | View): string {
  if (value instanceof List) return `[${value.items.map(repr).join(', ')}]`;
  if (value instanceof Tuple) {
    return `(${value.items.map(repr).join(', ')}${value.items.length === 1 ? ',' : ''})`;
  }
  if (value instanceof View) return `dict_${value.part}([${[...value.dict.iterate(value.part)].map(repr).join(', ')}])`;
  return `{${[...value.entries()].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`;
}

/** repr() of a str: in single quotes, unless only double ones need no escape. */
export function quoted(text: string): string {
  paid(text);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\n\r\t]|[^\x20-\x7e]/gu, (char) => {
    if (char === quote) return `\\${char}`;
    return SHORT_ESCAPES[char] ?? (/[^\p{C}\p{Z}]/u.test(char) ? char : escapedChar(char));
  });
  return quote + escaped + quote;
}

function escapedChar(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** ascii(): repr() with everything beyond ASCII escaped. */
export function asciiRepr(value: Value): string {
  const text = repr(value);
  return hasWideChars(text) || /[^\0-\x7f]/.test(text) ? text.replace(/[^\0-\x7f]/gu, escapedChar) : text;
}
