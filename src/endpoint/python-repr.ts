// Plain data as Python prints it: the sentences that users of the field know are made of it. Pure.

import { Float, isJsonObject, type Json } from '../common/json.ts';

export function pythonRepr(value: Json | undefined): string {
  if (typeof value === 'string') return textRepr(value);
  if (typeof value === 'number') return numberRepr(value);
  if (value instanceof Float) return floatRepr(value.value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return 'None';
  if (isJsonObject(value)) {
    return `{${Object.entries(value).map(([key, inner]) => `${textRepr(key)}: ${pythonRepr(inner)}`).join(', ')}}`;
  }
  return Array.isArray(value) ? `[${value.map((one) => pythonRepr(one as Json)).join(', ')}]` : '';
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function textRepr(text: string): string {
  const quotation = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\\\n\r\t']|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    if (character === "'") return quotation === "'" ? "\\'" : "'";
    return ESCAPES[character] ?? escapeOf(character.codePointAt(0) ?? 0);
  });
  return quotation + inner + quotation;
}

function escapeOf(code: number): string {
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

/** Whole numbers are ints: a 1.0 that was not kept apart from 1 is 1. */
function numberRepr(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return Object.is(value, -0) ? '0' : String(value);
  return floatRepr(value);
}

function floatRepr(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${Object.is(value, -0) ? '-0' : value}.0`;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  // Python has two digits in an exponent at least, and begins with exponents earlier.
  const text = Math.abs(value) >= 1e16 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
