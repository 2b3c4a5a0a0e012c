// The field's own way to write several serialised items as one text. An item is a tag of two characters, a line end and
// a body; a packed buffer is items one behind the other, each with its length in code points in front.

import { ComputeError } from './errors.ts';

export interface Item {
  readonly tag: string;
  readonly body: string;
}

const SURROGATE = /[\uD800-\uDFFF]/;
const TAG_CHARS = 2;

export function writeItem(tag: string, body: string): string {
  return `${tag}\n${body}`;
}

/** undefined for a text without a tag: a failure's, most likely. */
export function readItem(text: string): Item | undefined {
  if (text[TAG_CHARS] !== '\n') return undefined;
  return { tag: text.slice(0, TAG_CHARS), body: text.slice(TAG_CHARS + 1) };
}

export function pack(...items: readonly string[]): string {
  let packed = '';
  for (const item of items) packed += `${codePoints(item)}\n${item}`;
  return packed;
}

/** Throws BAD_MESSAGE for what is not a packed buffer. */
export function unpack(packed: string): string[] {
  const items: string[] = [];
  // Nearly always each character is one unit; counting them one by one is for the rest.
  const isPlain = !SURROGATE.test(packed);
  let at = 0;
  while (at < packed.length) {
    const lineEnd = packed.indexOf('\n', at);
    const digits = packed.slice(at, lineEnd < 0 ? at : lineEnd);
    if (!/^\d{1,10}$/.test(digits)) throw notPacked(items.length, 'has no length');
    const start = lineEnd + 1;
    const end = isPlain ? start + Number(digits) : skip(packed, start, Number(digits));
    if (end > packed.length) throw notPacked(items.length, 'is shorter than its length says');
    items.push(packed.slice(start, end));
    at = end;
  }
  return items;
}

function codePoints(text: string): number {
  return SURROGATE.test(text) ? Array.from(text).length : text.length;
}

function skip(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0; left--) {
    const code = text.codePointAt(at);
    if (code === undefined) return Infinity;
    at += code > 0xFFFF ? 2 : 1;
  }
  return at;
}

function notPacked(index: number, what: string): ComputeError {
  return new ComputeError('BAD_MESSAGE', `item ${index + 1} of a packed buffer ${what}`);
}
