// Literals of a template's expressions: what is written between quotes, and numbers.

import { raise, refuse } from './error.ts';
import { parseIntText } from './floats.ts';

const ESCAPE = /\\(?:([0-7]{1,3})|x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([\s\S]))|[^\\]+/giu;
const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '', '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v',
};
const TRUNCATED: Readonly<Record<string, string>> = { x: '\\xXX', u: '\\uXXXX', U: '\\UXXXXXXXX' };

/** The text of a string literal, from what is between its quotes. */
export function unescape(written: string, line: number): string {
  if (!written.includes('\\')) return written;
  let text = '';
  for (const [whole, octal, byte, short, long, other] of written.matchAll(ESCAPE)) {
    const hex = byte ?? short ?? long;
    // The pattern ignores case, Python does not: \X41 is no escape.
    if (hex !== undefined && whole.startsWith('\\X')) text += whole;
    else if (hex !== undefined) text += char(Number.parseInt(hex, 16), line);
    else if (octal !== undefined) text += char(Number.parseInt(octal, 8), line);
    else text += other === undefined ? whole : escaped(other, line);
  }
  return text;
}

function char(code: number, line: number): string {
  if (code > 0x10ffff) return raise('TemplateSyntaxError', 'illegal Unicode character', line);
  if (code >= 0xd800 && code <= 0xdfff) return refuse('an escape of half a character', 'write the character', line);
  return String.fromCodePoint(code);
}

function escaped(other: string, line: number): string {
  const simple = SIMPLE[other];
  if (simple !== undefined) return simple;
  if (other === 'N') return refuse('\\N in a text', 'write the character', line);
  const truncated = TRUNCATED[other];
  if (truncated !== undefined) return raise('TemplateSyntaxError', `truncated ${truncated} escape`, line);
  const code = other.codePointAt(0) ?? 0;
  // Jinja2 escapes what is beyond ASCII before it reads the escapes, so the backslash before it stays, and its code.
  if (code > 0x7f) {
    const hex = code.toString(16);
    return `\\${code <= 0xff ? `x${hex}` : code <= 0xffff ? `u${hex.padStart(4, '0')}` : `U${hex.padStart(8, '0')}`}`;
  }
  return `\\${other}`;
}

export function intLiteral(written: string): bigint {
  return parseIntText(written, 0) ?? raise('TemplateSyntaxError', `invalid number ${written}`);
}
