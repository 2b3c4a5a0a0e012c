// The patterns of identity maps: `.` `?` `*` `|` `( )`, a backslash before one of these, and back-references. Whatever
// else means something to other regular expressions is an ordinary character here. Text → tree.

export type PatternNode =
  | { readonly type: 'character'; readonly character: string }
  | { readonly type: 'any' }
  | { readonly type: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly type: 'either'; readonly branches: readonly PatternNode[] }
  | { readonly type: 'optional' | 'repeated'; readonly body: PatternNode }
  /** `group` counts from 0; undefined: it is not captured. */
  | { readonly type: 'group'; readonly group: number | undefined; readonly body: PatternNode }
  | { readonly type: 'same'; readonly group: number };

export interface Pattern {
  readonly root: PatternNode;
  /** How many groups are captured. */
  readonly groups: number;
  readonly hasReferences: boolean;
}

/** It is not of the syntax, or it could take for ever. The message quotes the pattern. */
export class PatternError extends Error {
  override readonly name = 'InvalidMappingError';
}

export const PATTERN_CHARS_MAX = 1024;
const DEPTH_MAX = 50;
const ESCAPABLE = '.?*|()\\';

/** Throws a PatternError. */
export function parsePattern(text: string): Pattern {
  if (text.length > PATTERN_CHARS_MAX) {
    throw new PatternError(`${text.slice(0, 40)}… - longer than ${PATTERN_CHARS_MAX} characters`);
  }
  return new PatternReader(text).pattern();
}

/** Every character stands for itself. */
export function literalPattern(text: string): Pattern {
  const parts = Array.from(text, (character) => ({ type: 'character', character }) as const);
  return { root: { type: 'sequence', parts }, groups: 0, hasReferences: false };
}

class PatternReader {
  readonly #text: string;
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;
  #hasReferences = false;
  /** One for each captured group: whether it may match nothing; undefined while it is open. */
  readonly #groups: (boolean | undefined)[] = [];

  constructor(text: string) {
    this.#text = text;
    this.#characters = Array.from(text);
  }

  pattern(): Pattern {
    const root = this.#either();
    // #either ends at the end of the text, or before a bracket that nothing opened.
    if (this.#at < this.#characters.length) throw this.#wrong('unbalanced )');
    return { root, groups: this.#groups.length, hasReferences: this.#hasReferences };
  }

  #either(): PatternNode {
    const branches = [this.#sequence()];
    while (this.#skip('|')) branches.push(this.#sequence());
    const [first] = branches;
    return branches.length === 1 && first !== undefined ? first : { type: 'either', branches };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = this.#next(); next !== undefined && next !== '|' && next !== ')'; next = this.#next()) {
      parts.push(this.#quantified(this.#atom(next)));
    }
    return { type: 'sequence', parts };
  }

  #quantified(body: PatternNode): PatternNode {
    const sign = this.#next();
    if (sign !== '*' && sign !== '?') return body;
    this.#at++;
    const second = this.#next();
    if (second === '?') throw this.#wrong(`Invalid ? expression: ${sign}?`);
    if (second === '*') throw this.#wrong(`Invalid * expression: ${sign}*`);
    if (sign === '?') return { type: 'optional', body };
    if (this.#mayBeEmpty(body)) {
      throw this.#wrong('Invalid * expression: what is repeated may be empty, which can take for ever; write a part '
        + 'that has at least one character before the *');
    }
    return { type: 'repeated', body };
  }

  #atom(next: string): PatternNode {
    const start = this.#at++;
    switch (next) {
      case '.': return { type: 'any' };
      case '(': return this.#group();
      case '\\': return this.#escaped();
      case '*': case '?':
        throw this.#wrong(start === 0 ? `Invalid leading wildcard expression: ${next}`
          : `Invalid ${next} expression: there is nothing before it that it could be about`);
      default: return { type: 'character', character: next };
    }
  }

  #group(): PatternNode {
    if (++this.#depth > DEPTH_MAX) throw this.#wrong(`brackets are nested more than ${DEPTH_MAX} deep`);
    const isCaptured = !this.#skip('?');
    if (!isCaptured && !this.#skip(':')) throw this.#wrong(`Invalid ? expression: (?${this.#next() ?? ''}`);
    const group = isCaptured ? this.#groups.push(undefined) - 1 : undefined;
    const body = this.#either();
    if (!this.#skip(')')) throw this.#wrong('a ( is not closed');
    if (group !== undefined) this.#groups[group] = this.#mayBeEmpty(body);
    this.#depth--;
    return { type: 'group', group, body };
  }

  #escaped(): PatternNode {
    const next = this.#next();
    if (next !== undefined && /^[1-9]$/.test(next)) return this.#reference();
    if (next === undefined || !ESCAPABLE.includes(next)) {
      throw this.#wrong(`Invalid \\ expression: \\${next ?? ''}`);
    }
    this.#at++;
    return { type: 'character', character: next };
  }

  #reference(): PatternNode {
    const digits = /^[1-9]\d*/.exec(this.#characters.slice(this.#at, this.#at + 4).join(''))?.[0] ?? '';
    const group = Number(digits) - 1;
    if (digits.length > 2) throw this.#wrong(`Invalid \\ expression: \\${digits}`);
    if (this.#groups[group] === undefined) {
      throw this.#wrong(`Invalid \\ expression: no group ${group + 1} ends before \\${digits}`);
    }
    this.#at += digits.length;
    this.#hasReferences = true;
    return { type: 'same', group };
  }

  #mayBeEmpty(node: PatternNode): boolean {
    switch (node.type) {
      case 'character': case 'any': return false;
      case 'optional': case 'repeated': return true;
      case 'sequence': return node.parts.every((part) => this.#mayBeEmpty(part));
      case 'either': return node.branches.some((branch) => this.#mayBeEmpty(branch));
      case 'group': return this.#mayBeEmpty(node.body);
      case 'same': return this.#groups[node.group] === true;
    }
  }

  #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #skip(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    return true;
  }

  #wrong(what: string): PatternError {
    return new PatternError(`${this.#text} - ${what}`);
  }
}
