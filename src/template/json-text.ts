// The filter `tojson`: Python's json.dumps with sorted keys, and what HTML would mind escaped.

import { paid, spend, spendChars } from './budget.ts';
import { sorted } from './equality.ts';
import { raise } from './error.ts';
import { reprFloat } from './floats.ts';
import { asIndex } from './signature.ts';
import { intText } from './text.ts';
import { Dict, List, Markup, Tuple, isText, plain, typeName, type Value } from './values.ts';

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f', '\b': '\\b',
};
const HTML = /[<>&']/g;

export function toJson(value: Value, indent: Value): Markup {
  const by = indent === null ? undefined : isText(indent) ? plain(indent) : spaces(indent);
  const text = encode(value, by, '\n');
  return new Markup(paid(text.replace(HTML, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)));
}

function spaces(indent: Value): string {
  const width = Number(asIndex(indent));
  spendChars(Math.max(0, width));
  return ' '.repeat(Math.max(0, width));
}

function encode(value: Value, by: string | undefined, line: string): string {
  spend(1);
  if (value === null) return 'null';
  if (isText(value)) return jsonString(plain(value));
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return intText(value);
  if (typeof value === 'number') return jsonFloat(value);
  const inner = by === undefined ? '' : line + by;
  const between = by === undefined ? ', ' : `,${inner}`;
  const wrapped = (open: string, parts: string[], close: string): string => {
    if (parts.length === 0) return open + close;
    return paid(open + inner + parts.join(between) + (by === undefined ? '' : line) + close);
  };
  if (value instanceof List || value instanceof Tuple) {
    return wrapped('[', value.items.map((item) => encode(item, by, inner)), ']');
  }
  if (value instanceof Dict) {
    const entries = sorted([...value.entries()], ([key]) => key, false);
    return wrapped('{', entries.map(([key, item]) => `${jsonKey(key)}: ${encode(item, by, inner)}`), '}');
  }
  return raise('TypeError', `Object of type ${typeName(value)} is not JSON serializable`);
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? reprFloat(value) : value > 0 ? 'Infinity' : '-Infinity';
}

function jsonKey(key: Value): string {
  if (isText(key)) return jsonString(plain(key));
  if (key === null || typeof key === 'boolean') return `"${String(key)}"`;
  if (typeof key === 'bigint') return `"${intText(key)}"`;
  if (typeof key === 'number') return `"${jsonFloat(key)}"`;
  return raise('TypeError', `keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function jsonString(text: string): string {
  const escaped = text.replace(/["\\]|[^\x20-\x7e]/g, (char) => {
    return SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return paid(`"${escaped}"`);
}
