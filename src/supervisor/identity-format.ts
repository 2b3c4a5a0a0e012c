// `{username}` and `{0}` in a text: what a rule compares, and the name that it gives. Text → parts → text.

import { isMapping } from '../common/schema.ts';
import { PatternError } from './identity-pattern.ts';
import type { Captures } from './identity-matcher.ts';

type FormatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'field'; readonly name: string }
  /** A group, counted from 0. */
  | { readonly type: 'capture'; readonly group: number };

export type Format = readonly FormatPart[];

// An even number of backslashes before a bracket is that many characters; an odd one takes the bracket's meaning.
const PLACE = /(?<!\\)(?:\\\\)*\{([^}]*)\}/g;

/** `groups`: how many there are to refer to. Throws a PatternError. */
export function parseFormat(text: string, groups: number): Format {
  const parts: FormatPart[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACE)) {
    const name = match[1] ?? '';
    const start = match.index + match[0].indexOf('{');
    parts.push({ type: 'text', text: text.slice(end, start) }, placeOf(name, groups));
    end = match.index + match[0].length;
  }
  return [...parts, { type: 'text', text: text.slice(end) }];
}

/** undefined: a field that is not there or is no text, or a group that took no part. In one pass: values stay. */
export function fill(format: Format, identity: unknown, captures: Captures): string | undefined {
  let filled = '';
  for (const part of format) {
    const value = valueOf(part, identity, captures);
    if (typeof value !== 'string') return undefined;
    filled += value;
  }
  return filled;
}

function placeOf(name: string, groups: number): FormatPart {
  if (!/^\d+$/.test(name)) {
    if (/^[\s\d_+-]*$/.test(name)) throw new PatternError(`{${name}} names no field and no group`);
    return { type: 'field', name };
  }
  const group = Number(name);
  if (group >= groups) {
    throw new PatternError(`Invalid reference to ${name}: ${groups === 0 ? 'there are no groups to refer to here'
      : `the groups count from {0} to {${groups - 1}}`}`);
  }
  return { type: 'capture', group };
}

function valueOf(part: FormatPart, identity: unknown, captures: Captures): unknown {
  switch (part.type) {
    case 'text': return part.text;
    case 'capture': return captures[part.group];
    case 'field': return isMapping(identity) && Object.hasOwn(identity, part.name) ? identity[part.name] : undefined;
  }
}
