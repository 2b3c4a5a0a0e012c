// What a filter or a test is: a function of the value and its arguments, with the signature of Jinja2's.

import { bind, signature, type Bound } from './signature.ts';
import type { Arguments, Value } from './values.ts';

/** Filters that apply others by name need those that this template has. */
export interface Toolbox {
  readonly filter: (name: Value, args: Arguments) => Value;
  readonly test: (name: Value, args: Arguments) => boolean;
  readonly hasFilter: (name: Value) => boolean;
  readonly hasTest: (name: Value) => boolean;
}

/** The filtered value is the first of the arguments. */
export type Filter = (args: Arguments, toolbox: Toolbox) => Value;
export type Test = (args: Arguments, toolbox: Toolbox) => boolean;

/** `parameters` as in `signature`; `hidden` counts what Jinja2 passes to its function before them. */
export function filter(name: string, parameters: string, act: (bound: Bound) => Value, hidden = 0): Filter {
  const declared = signature(name, parameters, hidden);
  return (args) => act(bind(declared, args));
}

export function test(name: string, parameters: string, act: (bound: Bound, toolbox: Toolbox) => boolean,
  hidden = 0): Test {
  const declared = signature(name, parameters, hidden);
  return (args, toolbox) => act(bind(declared, args), toolbox);
}
