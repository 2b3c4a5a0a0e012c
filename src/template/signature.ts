// Arguments to parameters, as Python binds them, and as the types that a function needs.

import { raise, refuse } from './error.ts';
import { Callable, Markup, Undefined, isText, plain, typeName, type Arguments, type Value } from './values.ts';

export class Bound {
  readonly #values: readonly (Value | undefined)[];

  constructor(values: readonly (Value | undefined)[]) {
    this.#values = values;
  }

  has(index: number): boolean {
    return this.#values[index] !== undefined;
  }

  /** Without the first ones. */
  from(index: number): Bound {
    return new Bound(this.#values.slice(index));
  }

  value(index: number, otherwise: Value = null): Value {
    const given = this.#values[index];
    return given === undefined ? otherwise : given;
  }

  /** A str argument; one marked as safe would change what the method makes. */
  text(index: number, otherwise?: string): string {
    const value = this.value(index, otherwise ?? null);
    if (value instanceof Undefined) return raise('TypeError', `must be str, not ${typeName(value)}`);
    if (!isText(value)) return raise('TypeError', `must be str, not ${typeName(value)}`);
    if (value instanceof Markup) refuse('text that is marked as safe as an argument', "write (text ~ '') instead");
    return plain(value);
  }

  int(index: number, otherwise?: number): number {
    return Number(asIndex(this.value(index, otherwise === undefined ? null : BigInt(otherwise))));
  }
}

export function asIndex(value: Value): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return raise('TypeError', `'${typeName(value)}' object cannot be interpreted as an integer`);
}

/**
 * Names in order, those with a default ending in "?". `hidden` are parameters that Python's function has before them
 * and that no template fills; its sentences count them.
 */
export interface Signature {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly required: number;
  readonly hidden: number;
}

export function signature(name: string, parameters: string, hidden = 0): Signature {
  const words = parameters.split(' ').filter((word) => word !== '');
  return {
    name, parameters: words.map((word) => word.replace('?', '')), hidden,
    required: words.filter((word) => !word.endsWith('?')).length,
  };
}

export function bind({ name, parameters, required, hidden }: Signature, args: Arguments): Bound {
  const { positional, named } = args;
  const values: (Value | undefined)[] = positional.slice(0, parameters.length);
  for (const [key, value] of named) {
    const index = parameters.indexOf(key);
    if (index === -1) return raise('TypeError', `${name}() got an unexpected keyword argument '${key}'`);
    if (index < positional.length) return raise('TypeError', `${name}() got multiple values for argument '${key}'`);
    values[index] = value;
  }
  if (positional.length > parameters.length) {
    const [most, least] = [parameters.length + hidden, required + hidden];
    const takes = least === most ? `${most}` : `from ${least} to ${most}`;
    return raise('TypeError', `${name}() takes ${takes} positional argument${takes === '1' ? '' : 's'} but `
      + `${positional.length + hidden} ${positional.length + hidden === 1 ? 'was' : 'were'} given`);
  }
  const missing = parameters.slice(0, required).filter((_, i) => values[i] === undefined).map((one) => `'${one}'`);
  if (missing.length > 0) {
    const words = missing.length < 3 ? missing.join(' and ')
      : `${missing.slice(0, -1).join(', ')}, and ${missing.at(-1)}`;
    return raise('TypeError', `${name}() missing ${missing.length} required positional argument`
      + `${missing.length === 1 ? '' : 's'}: ${words}`);
  }
  return new Bound(values);
}

/** A function of Jinja2's, as a value. */
export function callable(name: string, parameters: string, act: (bound: Bound) => Value): Callable {
  const declared = signature(name, parameters);
  return new Callable(name, 'function', (args) => act(bind(declared, args)));
}

/** Methods with an older way of looking at their arguments, and other sentences. */
const PARSED_AS_TUPLE: readonly string[] = ['find', 'rfind', 'index', 'rindex', 'count', 'startswith', 'endswith'];

/** Methods of Python's own types take what they take by position; `keywords` are those that may be named. */
export function bindMethod(name: string, parameters: string, args: Arguments, keywords = false): Bound {
  const declared = signature(name, parameters);
  if (!keywords && args.named.size > 0) return raise('TypeError', `${name}() takes no keyword arguments`);
  const given = args.positional.length;
  const most = declared.parameters.length;
  if (most === 0 && given > 0) return raise('TypeError', `${name}() takes no arguments (${given} given)`);
  const short = name.slice(name.indexOf('.') + 1);
  if (most === 1 && declared.required === 1 && given !== 1 && !keywords) {
    return raise('TypeError', `${name}() takes exactly one argument (${given} given)`);
  }
  if (PARSED_AS_TUPLE.includes(short) && given === 0) {
    return raise('TypeError', `${short}() takes at least 1 argument (0 given)`);
  }
  if (!keywords && given < declared.required) {
    return raise('TypeError', `${short} expected at least ${declared.required} argument`
      + `${declared.required === 1 ? '' : 's'}, got ${given}`);
  }
  if (!keywords && given > most) {
    return raise('TypeError', `${short} expected at most ${most} argument${most === 1 ? '' : 's'}, got ${given}`);
  }
  return bind(declared, args);
}
