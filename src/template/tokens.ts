// A template's text as tokens: where tags begin and end, what white space they take with them, and what is in them.

import { SPACE_CLASS, trimEnd } from './characters.ts';
import { TemplateError, raise, refuse } from './error.ts';
import { intLiteral, unescape } from './literals.ts';
import { quoted } from './text.ts';
import { spend, spendChars } from './budget.ts';

export type TokenType = 'data' | 'block-start' | 'block-end' | 'variable-start' | 'variable-end' | 'symbol'
  | 'string' | 'int' | 'float' | 'operator' | 'end';

export interface Token {
  readonly type: TokenType;
  /** The name, the operator, the text of a string or of data. */
  readonly value: string;
  readonly literal?: string | bigint | number;
  /** The first line is 1. */
  readonly lineno: number;
  readonly colno: number;
  /** What is wrong from here on. It is said when the parser comes here: what is wrong before is said first. */
  readonly failure?: TemplateError;
}

const S = `${SPACE_CLASS}*`;
const TAG = new RegExp(`(\\{%[-+]?${S}raw${S}(?:-%\\}${S}|%\\}))|\\{[%{#][-+]?`, 'g');
const RAW_END = new RegExp(`\\{%([-+]?)${S}endraw${S}(?:\\+%\\}|-%\\}${S}|%\\})`, 'g');
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${S}|#\\}`, 'g');
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${S}|%\\}`, 'y');
const VARIABLE_END = new RegExp(`-\\}\\}${S}|\\}\\}`, 'y');
const SPACES = new RegExp(`${SPACE_CLASS}+`, 'y');
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{L}\p{M}\p{N}_·]+/uy;
const STRING = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const OPERATOR = /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}<>=.:|,;]/y;
const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' };

export function tokenize(template: string): Token[] {
  spendChars(template.length);
  return new Lexer(template.replace(/\r\n?/g, '\n').replace(/\n$/, '')).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #position = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    try {
      this.#all();
      // Jinja2 says of the end the line of the last token.
      this.#push('end', '', undefined, this.#tokens.at(-1)?.lineno ?? 1);
    } catch (failure) {
      if (!(failure instanceof TemplateError)) throw failure;
      this.#tokens.push({ type: 'end', value: '', lineno: this.#line, colno: 0, failure });
    }
    return this.#tokens;
  }

  #all(): void {
    while (this.#position < this.#source.length) {
      TAG.lastIndex = this.#position;
      const tag = TAG.exec(this.#source);
      if (tag === null) {
        this.#data(this.#source.slice(this.#position), '');
        break;
      }
      this.#data(this.#source.slice(this.#position, tag.index), /^\{[%{#](-)/.exec(tag[0])?.[1] ?? '');
      this.#position = tag.index;
      this.#tag(tag[0], tag[1] !== undefined);
    }
  }

  /** Text outside of tags. A `-` in the tag behind it takes the white space at its end. */
  #data(text: string, sign: string): void {
    const kept = sign === '-' ? trimEnd(text) : text;
    if (kept !== '') this.#push('data', kept);
    this.#line += count(text);
    this.#position += text.length;
  }

  #tag(opening: string, isRaw: boolean): void {
    if (isRaw) this.#raw(opening);
    else if (opening.startsWith('{#')) this.#comment(opening);
    else {
      const isBlock = opening.startsWith('{%');
      this.#push(isBlock ? 'block-start' : 'variable-start', opening.slice(0, 2));
      this.#position += opening.length;
      this.#inside(isBlock ? BLOCK_END : VARIABLE_END, isBlock ? 'block-end' : 'variable-end');
    }
  }

  #comment(opening: string): void {
    COMMENT_END.lastIndex = this.#position + opening.length;
    const end = COMMENT_END.exec(this.#source);
    const isEmptyRest = this.#position + opening.length >= this.#source.length;
    if (end !== null) this.#advance(end.index + end[0].length);
    else if (isEmptyRest) this.#position = this.#source.length;
    else raise('TemplateSyntaxError', 'Missing end of comment tag', this.#line);
  }

  #raw(opening: string): void {
    this.#advance(this.#position + opening.length);
    RAW_END.lastIndex = this.#position;
    const end = RAW_END.exec(this.#source);
    if (end === null) {
      if (this.#position >= this.#source.length) return;
      raise('TemplateSyntaxError', 'Missing end of raw directive', this.#line);
    }
    this.#data(this.#source.slice(this.#position, end.index), end[1] ?? '');
    this.#advance(end.index + end[0].length);
  }

  #advance(to: number): void {
    this.#line += count(this.#source.slice(this.#position, to));
    this.#position = to;
  }

  /** Tokens up to the end of the tag, which within brackets is no end. */
  #inside(ending: RegExp, type: TokenType): void {
    const open: string[] = [];
    while (this.#position < this.#source.length) {
      const end = open.length === 0 ? this.#match(ending) : undefined;
      if (end !== undefined) {
        this.#push(type, end);
        this.#advance(this.#position + end.length);
        return;
      }
      this.#one(open);
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    return pattern.exec(this.#source)?.[0];
  }

  #one(open: string[]): void {
    const found = this.#next(open);
    if (found === undefined) {
      const char = String.fromCodePoint(this.#source.codePointAt(this.#position) ?? 0);
      raise('TemplateSyntaxError', `unexpected char ${quoted(char)} at ${this.#position}`, this.#line);
    }
    this.#advance(this.#position + found.length);
  }

  #next(open: string[]): string | undefined {
    const spaces = this.#match(SPACES);
    if (spaces !== undefined) return spaces;
    const float = this.#match(FLOAT);
    if (float !== undefined) return this.#push('float', float, Number(float.replaceAll('_', '')));
    const int = this.#match(INTEGER);
    if (int !== undefined) return this.#push('int', int, intLiteral(int));
    const name = this.#match(NAME);
    if (name !== undefined) return this.#name(name);
    const string = this.#match(STRING);
    if (string !== undefined) {
      this.#push('string', string, unescape(string.slice(1, -1), this.#line));
      return string;
    }
    const operator = this.#match(OPERATOR);
    if (operator === undefined) return undefined;
    this.#balance(operator, open);
    return this.#push('operator', operator);
  }

  #name(name: string): string {
    if (!/^[\p{ID_Start}_]/u.test(name)) raise('TemplateSyntaxError', 'Invalid character in identifier', this.#line);
    if (/[^\0-\x7f]/.test(name)) refuse(`the name "${name}"`, 'use letters from a to z, digits and _', this.#line);
    return this.#push('symbol', name);
  }

  #balance(operator: string, open: string[]): void {
    const closing = CLOSING[operator];
    if (closing !== undefined) open.push(closing);
    else if (/^[})\]]$/.test(operator)) {
      const expected = open.pop();
      if (expected === undefined) raise('TemplateSyntaxError', `unexpected '${operator}'`, this.#line);
      if (expected !== operator) {
        raise('TemplateSyntaxError', `unexpected '${operator}', expected '${expected}'`, this.#line);
      }
    }
  }

  #push(type: TokenType, value: string, literal?: Token['literal'], lineno = this.#line): string {
    spend(1);
    this.#tokens.push({ type, value, lineno, colno: 0, ...literal === undefined ? {} : { literal } });
    return value;
  }
}

function count(text: string): number {
  return text.split('\n').length - 1;
}
