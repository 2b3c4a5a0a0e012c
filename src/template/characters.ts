// Characters as Python counts and sorts them into classes: code points, not UTF-16 units, and its own white space.

import { spend } from './budget.ts';
import { refuse } from './error.ts';

const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
/** For regular expressions: one character of white space, as str.isspace and `\s` have it. */
export const SPACE_CLASS = `[${SPACE}]`;
/** What str.isascii asks for. */
const ASCII = /^\p{ASCII}*$/u;
const LEADING = new RegExp(`^${SPACE_CLASS}+`);
const ONLY_SPACE = new RegExp(`^${SPACE_CLASS}+$`);
const SPACE_CHAR = new RegExp(SPACE_CLASS);
const LINE_ENDS = ['\r\n', '\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029'];
const LINE_END = new RegExp(LINE_ENDS.join('|'), 'g');
const SURROGATE = /[\ud800-\udfff]/;
// Titlecase letters that are not the uppercase ones, and letters whose uppercase is several.
const ODD_TITLE = /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff\u1f80-\u1ffc]/;

export function hasWideChars(text: string): boolean {
  return SURROGATE.test(text);
}

/** The characters, each of one code point. */
export function charsOf(text: string): string[] {
  spend(text.length / 4);
  return hasWideChars(text) ? Array.from(text) : text.split('');
}

export function lengthOf(text: string): number {
  return hasWideChars(text) ? charsOf(text).length : text.length;
}

export function trimStart(text: string): string {
  return text.replace(LEADING, '');
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE_CHAR.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

export function isSpace(text: string): boolean {
  return ONLY_SPACE.test(text);
}

export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const found of text.matchAll(LINE_END)) {
    const end = found.index + found[0].length;
    lines.push(text.slice(from, keepEnds ? end : found.index));
    from = end;
  }
  if (from < text.length) lines.push(text.slice(from));
  return lines;
}

/** Words between white space. */
export function wordsOf(text: string): string[] {
  return text.split(new RegExp(`${SPACE_CLASS}+`)).filter((word) => word !== '');
}

/** -1, 0 or 1, by code points: UTF-16 has some of them in another order. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  spend(Math.min(left.length, right.length) / 16);
  if (!hasWideChars(left) && !hasWideChars(right)) return left < right ? -1 : 1;
  const [a, b] = [charsOf(left), charsOf(right)];
  const at = a.findIndex((char, i) => char !== b[i]);
  if (at === -1) return -1;
  const other = b[at]?.codePointAt(0);
  return other !== undefined && (a[at]?.codePointAt(0) ?? 0) < other ? -1 : 1;
}

/** A letter at the beginning of a word. */
export function titleCase(char: string): string {
  const upper = char.toUpperCase();
  if (ODD_TITLE.test(char) || (upper !== char && Array.from(upper).length > 1)) {
    return refuse(`a title of the letter "${char}"`, 'write the text as it is to be');
  }
  return upper;
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = charsOf(text);
  return titleCase(first) + rest.join('').toLowerCase();
}

/** As str.title: a word is a run of letters that have case. */
export function titleWords(text: string): string {
  let inWord = false;
  return charsOf(text).map((char) => {
    const cased = /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u.test(char);
    const made = cased && !inWord ? titleCase(char) : char.toLowerCase();
    inWord = cased;
    return made;
  }).join('');
}

const NUMERALS = /[\p{No}\p{Nl}\p{Script=Han}]/u;
const CLASSES: Readonly<Record<string, RegExp>> = {
  isalpha: /^\p{L}+$/u,
  isdecimal: /^\p{Nd}+$/u,
  isdigit: /^\p{Nd}+$/u,
  isnumeric: /^\p{Nd}+$/u,
  isalnum: /^[\p{L}\p{Nd}]+$/u,
  isascii: ASCII,
  isspace: ONLY_SPACE,
  isidentifier: /^[\p{ID_Start}_]\p{ID_Continue}*$/u,
  isprintable: /^[^\p{C}\p{Z}]*$|^(?:[^\p{C}\p{Z}]| )*$/u,
};

export const CLASS_NAMES: readonly string[] = [...Object.keys(CLASSES), 'islower', 'isupper', 'istitle'];

export function isOfClass(name: string, text: string): boolean {
  if (name === 'islower') return /[\p{Lowercase}]/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
  if (name === 'isupper') return /[\p{Uppercase}]/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
  if (name === 'istitle') return /[\p{Uppercase}]/u.test(text) && titleWords(text) === text;
  const countsNumerals = name === 'isdigit' || name === 'isnumeric' || name === 'isalnum';
  if (countsNumerals && NUMERALS.test(text)) refuse(`${name} of such numerals`, 'compare with digits 0 to 9');
  return CLASSES[name]?.test(text) ?? false;
}
