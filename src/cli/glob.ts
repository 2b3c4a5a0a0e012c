// A file pattern as shells know them → the directory to start in and what to match on the way down. Pure.
// `*` and `?` stay within a name, `**` spans directories, `[a-z]` and `[!a-z]` are one character, `{a,b}` either.

import { misuse } from './failure.ts';

/** One part of a path: any number of directories, or a name that must match. */
export type Step = { readonly type: 'deep' } | { readonly type: 'name'; readonly pattern: RegExp };

export interface Glob {
  /** Literal front of the pattern; '' is the current directory. */
  readonly base: string;
  readonly steps: readonly Step[];
}

export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/** One pattern may be several once its braces are written out. */
export function parseGlob(text: string): Glob[] {
  return braces(text).map((pattern) => {
    const parts = pattern.split('/');
    const first = parts.findIndex(isGlob);
    const literal = first < 0 ? parts.slice(0, -1) : parts.slice(0, first);
    const base = literal.length === 1 && literal[0] === '' ? '/' : literal.join('/');
    return { base, steps: parts.slice(literal.length).filter((part) => part !== '').map(stepOf) };
  });
}

function stepOf(part: string): Step {
  return part === '**' ? { type: 'deep' } : { type: 'name', pattern: patternOf(part) };
}

/** `a{b,c{d,e}}` → `ab`, `acd`, `ace`. A brace without its partner, or without a comma, is an ordinary character. */
function braces(text: string): string[] {
  for (let open = text.indexOf('{'); open >= 0; open = text.indexOf('{', open + 1)) {
    const cuts = alternatives(text, open);
    if (cuts === undefined) continue;
    const end = cuts.at(-1) ?? open;
    const rests = braces(text.slice(end + 1));
    return cuts.slice(1).flatMap((cut, at) => {
      const inner = text.slice((cuts[at] ?? open) + 1, cut);
      return braces(inner).flatMap((middle) => rests.map((rest) => text.slice(0, open) + middle + rest));
    });
  }
  return [text];
}

/** Where the alternatives of the brace at `open` begin and end: the brace, its commas, its partner. */
function alternatives(text: string, open: number): number[] | undefined {
  const cuts = [open];
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{') depth += 1;
    else if (char === ',' && depth === 1) cuts.push(at);
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) return cuts.length > 1 ? [...cuts, at] : undefined;
    }
  }
  return undefined;
}

/** A name's pattern. As in shells, a name that starts with a dot is matched only by a pattern that does, too. */
function patternOf(part: string): RegExp {
  let source = part.startsWith('.') ? '' : '(?!\\.)';
  for (let at = 0; at < part.length; at += 1) {
    const char = part[at] ?? '';
    const set = char === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(part.slice(at)) : null;
    if (set !== null) {
      source += `[${set[1] === '' ? '' : '^'}${(set[2] ?? '').replace(/[\\\]^]/g, '\\$&')}]`;
      at += set[0].length - 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else source += char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch (cause) {
    throw misuse(`'${part}' is not a file pattern`, cause);
  }
}
