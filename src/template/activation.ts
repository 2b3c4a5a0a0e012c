// What a running template works on: its variables, its context, and where its text goes.

import { checkLength, paid, spend, spendChars } from './budget.ts';
import { raise } from './error.ts';
import type { Toolbox } from './filter.ts';
import { Callable, Undefined, type Value } from './values.ts';
import { quoted } from './text.ts';

/** Text on its way to the result, or to a macro's, a block's or a filter's. */
export class Output {
  readonly #parts: string[] = [];
  #length = 0;

  write(text: string): void {
    spend(1);
    this.#length += text.length;
    checkLength(this.#length);
    this.#parts.push(text);
  }

  text(): string {
    spendChars(this.#length);
    return this.#parts.join('');
  }
}

export interface BlockCode {
  readonly name: string;
  readonly run: (context: Context, output: Output) => void;
}

/** A template that is ready to run. */
export interface Code {
  /** Undefined is the template that was given as a text. */
  readonly name: string | undefined;
  readonly blocks: ReadonlyMap<string, BlockCode>;
  readonly run: (context: Context, output: Output) => void;
}

/** What all templates of one rendering share. */
export interface Rendering {
  readonly globals: ReadonlyMap<string, Value>;
  readonly toolbox: Toolbox;
  /** Where it stands, for errors. */
  place: { readonly file: string | undefined; readonly line: number };
  readonly load: (name: Value) => Code;
  /** What an import gives, once for each template. */
  readonly modules: Map<Code, Value>;
}

/** The names that a template sees, and those that it sets for others to see. */
export class Context {
  readonly rendering: Rendering;
  readonly #given: ReadonlyMap<string, Value>;
  readonly set = new Map<string, Value>();
  readonly exported = new Set<string>();
  readonly blocks: Map<string, BlockCode[]>;

  constructor(rendering: Rendering, given: ReadonlyMap<string, Value>,
    blocks: Iterable<readonly [string, readonly BlockCode[]]>) {
    this.rendering = rendering;
    this.#given = given;
    this.blocks = new Map([...blocks].map(([name, codes]) => [name, [...codes]]));
  }

  static of(rendering: Rendering, given: ReadonlyMap<string, Value>, code: Code): Context {
    return new Context(rendering, given, [...code.blocks].map(([name, block]) => [name, [block]]));
  }

  resolve(name: string): Value | undefined {
    return this.set.get(name) ?? (this.set.has(name) ? null : this.#given.get(name));
  }

  all(): Map<string, Value> {
    return new Map([...this.#given, ...this.set]);
  }

  /** The same for a scoped block, which sees the variables around it. */
  derived(locals: ReadonlyMap<string, Value>): Context {
    return new Context(this.rendering, new Map([...this.all(), ...locals]), this.blocks);
  }
}

/** One run of a function of the template: its body, a block, a macro. Variables of functions around it are seen. */
export class Activation {
  readonly context: Context;
  readonly #outer: Activation | undefined;
  readonly #variables = new Map<string, Value | undefined>();
  output: Output;
  /** The template that this one extends, once that is known. */
  extended: Code | undefined;

  constructor(context: Context, output: Output, outer?: Activation) {
    this.context = context;
    this.output = output;
    this.#outer = outer;
  }

  get(id: string): Value | undefined {
    if (this.#variables.has(id)) return this.#variables.get(id);
    return this.#outer?.get(id);
  }

  set(id: string, value: Value | undefined): void {
    this.#variables.set(id, value);
  }

  /** Runs with the output going elsewhere, and gives what came. */
  captured(act: () => void): string {
    const output = this.output;
    this.output = new Output();
    try {
      act();
      return this.output.text();
    } finally {
      this.output = output;
    }
  }
}

/** A block as `super` and `self` give it: calling it gives its text. */
export function blockReference(name: string, context: Context, stack: readonly BlockCode[], depth: number): Callable {
  const code = stack[depth] ?? raise('RuntimeError', `there is no block ${quoted(name)}`);
  const attributes = new Map<string, Value>();
  attributes.set('super', stack[depth + 1] === undefined ? noParent(name)
    : blockReference(name, context, stack, depth + 1));
  return new Callable(name, 'BlockReference', () => {
    const output = new Output();
    const { place } = context.rendering;
    code.run(context, output);
    context.rendering.place = place;
    return paid(output.text());
  }, attributes);
}

export function noParent(name: string): Undefined {
  return new Undefined(`there is no parent block called ${quoted(name)}.`);
}
