// 'text {}'.format(values), with the sandbox's look-ups.

import { raise, refuse } from './error.ts';
import { formatValue } from './format-spec.ts';
import { asciiRepr, quoted, repr, str } from './text.ts';
import { Markup, type Arguments, type Value } from './values.ts';
import { paid } from './budget.ts';

/** Fields in the format of a field, and none in theirs. */
const DEPTH_MAX = 2;
const FIELD_FORMS = 'use {name}, {name.attribute} or {name[key]}';

export interface LookUp {
  readonly getAttribute: (value: Value, name: string) => Value;
  readonly getItem: (value: Value, key: Value) => Value;
}

export function formatBraces(format: string, args: Arguments, lookUp: LookUp): string {
  return paid(new Formatting(args, lookUp).run(format, DEPTH_MAX));
}

class Formatting {
  readonly #args: Arguments;
  readonly #lookUp: LookUp;
  /** The next automatic number, or false once numbers are written. */
  #auto: number | false | undefined;

  constructor(args: Arguments, lookUp: LookUp) {
    this.#args = args;
    this.#lookUp = lookUp;
  }

  run(format: string, depth: number): string {
    if (depth < 0) raise('ValueError', 'Max string recursion exceeded');
    let made = '';
    let at = 0;
    while (at < format.length) {
      const brace = format.slice(at).search(/[{}]/);
      if (brace === -1) return made + format.slice(at);
      made += format.slice(at, at + brace);
      at += brace;
      const char = format.charAt(at);
      if (format.charAt(at + 1) === char) {
        made += char;
        at += 2;
      } else if (char === '}') {
        return raise('ValueError', "Single '}' encountered in format string");
      } else {
        const end = endOfField(format, at + 1);
        made += this.#field(format.slice(at + 1, end), depth);
        at = end + 1;
      }
    }
    return made;
  }

  #field(field: string, depth: number): string {
    const found = /^([^!:{[]*(?:\[[^\]]*\][^!:{[]*)*)(?:!([\s\S])?)?(?::([\s\S]*))?$/.exec(field);
    if (found === null) return refuse(`the field "{${field}}" in a format`, FIELD_FORMS);
    const [, name = '', conversion, spec = ''] = found;
    if (field.includes('!') && conversion === undefined && !spec.includes('!') && !name.includes('!')) {
      return refuse('a "!" without a letter in a format', 'write !s, !r or !a');
    }
    const value = converted(this.#value(name), conversion);
    if (value instanceof Markup) refuse('formatting with text that is marked as safe', "write (value ~ '') instead");
    return formatValue(value, this.run(spec, depth - 1));
  }

  #value(field: string): Value {
    const [, first = '', rest = ''] = /^([^.[]*)([\s\S]*)$/.exec(field) ?? [];
    let value = this.#first(first);
    for (const [whole, attribute, element] of rest.matchAll(/\.([^.[]*)|\[([^\]]*)\]|[\s\S]/g)) {
      if (attribute === '' || element === '') raise('ValueError', 'Empty attribute in format string');
      const key = element !== undefined && /^\d+$/.test(element) ? BigInt(element) : element;
      if (attribute !== undefined) value = this.#lookUp.getAttribute(value, attribute);
      else if (key !== undefined) value = this.#lookUp.getItem(value, key);
      else return refuse(`"${whole}" in the field of a format`, FIELD_FORMS);
    }
    return value;
  }

  #first(name: string): Value {
    if (name === '') {
      if (this.#auto === false) {
        return raise('ValueError', 'cannot switch from manual field specification to automatic field numbering');
      }
      this.#auto = (this.#auto ?? 0) + 1;
      return this.#at(this.#auto - 1);
    }
    if (/^\d+$/.test(name)) {
      if (typeof this.#auto === 'number') {
        return raise('ValueError', 'cannot switch from manual field specification to automatic field numbering');
      }
      this.#auto = false;
      return this.#at(Number(name));
    }
    const value = this.#args.named.get(name);
    return value === undefined ? raise('KeyError', quoted(name)) : value;
  }

  #at(index: number): Value {
    const value = this.#args.positional[index];
    return value === undefined ? raise('IndexError', 'tuple index out of range') : value;
  }
}

function endOfField(format: string, from: number): number {
  let depth = 1;
  for (let i = from; i < format.length; i += 1) {
    const char = format.charAt(i);
    if (char === '[') {
      const close = format.indexOf(']', i);
      if (close > 0) i = close;
    } else if (char === '{') depth += 1;
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  return raise('ValueError', from >= format.length ? "Single '{' encountered in format string"
    : "expected '}' before end of string");
}

function converted(value: Value, conversion: string | undefined): Value {
  switch (conversion) {
    case undefined: return value;
    case 's': return str(value);
    case 'r': return repr(value);
    case 'a': return asciiRepr(value);
    default: return raise('ValueError', `Unknown conversion specifier ${quoted(conversion)}`);
  }
}
