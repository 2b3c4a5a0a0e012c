// Jinja2 templates as administrators of this field write them: a sandboxed environment with strict undefined. What
// Jinja2 renders is rendered the same, fails with the same sentence, or is refused with what to write instead.

import { Context, Output, type Code, type Rendering } from './activation.ts';
import { withBudget, type Limits } from './budget.ts';
import { prepare } from './code.ts';
import { TemplateError, raise } from './error.ts';
import { GLOBALS } from './globals.ts';
import type { Filter } from './filter.ts';
import { isIterable, itemsOf } from './iteration.ts';
import { givenOf, valueOf, type TemplateValue } from './template-value.ts';
import { quoted, repr } from './text.ts';
import { toolboxWith } from './toolbox.ts';
import { Undefined, isText, plain, type Value } from './values.ts';

export { TemplateError, type ErrorKind } from './error.ts';
export { fromJson, toTemplateValue, type TemplateValue } from './template-value.ts';

export interface RenderOptions {
  /** The template's file, for errors. */
  readonly name: string;
  /** The text of a template to include, extend or import, or nothing if there is none. Without it none can be. */
  readonly include?: (name: string) => string | undefined;
  /** Where `include` looks, for the sentence that there is none. */
  readonly includePath?: string;
  /** Filters beside Jinja2's; they are called with the value and the arguments. */
  readonly filters?: Readonly<Record<string, (value: TemplateValue, ...args: TemplateValue[]) => TemplateValue>>;
  readonly limits?: Partial<Limits>;
}

/** Throws TemplateError, and nothing else that a template or a value could bring about. */
export function renderTemplate(text: string, scope: Readonly<Record<string, TemplateValue>>, options: RenderOptions):
string {
  const place: Rendering['place'] = { file: undefined, line: 1 };
  const rendering = { place };
  try {
    return withBudget(options.limits, () => new Renderer(options, rendering).render(text, scope));
  } catch (error) {
    const known = error instanceof RangeError && /call stack/i.test(error.message)
      ? new TemplateError('RecursionError', 'maximum recursion depth exceeded') : error;
    if (known instanceof TemplateError) {
      known.line ??= rendering.place.line;
      known.file ??= rendering.place.file ?? options.name;
    }
    throw known;
  }
}

class Renderer {
  readonly #options: RenderOptions;
  readonly #rendering: Rendering;
  readonly #tools: ReturnType<typeof toolboxWith>;
  readonly #loaded = new Map<string, Code>();

  constructor(options: RenderOptions, started: { place: Rendering['place'] }) {
    this.#options = options;
    const added = Object.entries(options.filters ?? {}).map(([name, act]): [string, Filter] => [name, (args) => {
      if (args.named.size > 0) raise('TypeError', `${name}() takes no keyword arguments`);
      const [first = null, ...rest] = args.positional.map((value) => {
        return value instanceof Undefined ? value.fail() : givenOf(value);
      });
      return valueOf(act(first, ...rest));
    }]);
    this.#tools = toolboxWith(new Map(added));
    this.#rendering = Object.assign(started, {
      globals: GLOBALS, toolbox: this.#tools, modules: new Map<Code, Value>(), load: (name: Value) => this.#load(name),
    });
  }

  render(text: string, scope: Readonly<Record<string, TemplateValue>>): string {
    const own = Object.entries(scope).map(([name, value]) => [name, valueOf(value)] as const);
    const given = new Map([...GLOBALS, ...own]);
    const code = prepare(text, undefined, this.#tools);
    const output = new Output();
    code.run(Context.of(this.#rendering, given, code), output);
    return output.text();
  }

  /** One template by its name, or the first that there is of several names. */
  #load(name: Value): Code {
    if (isText(name)) return this.#named(plain(name));
    if (name instanceof Undefined) return name.fail();
    if (!isIterable(name)) return raise('TypeError', `'${typeof name}' object is not iterable`);
    const names = itemsOf(name);
    if (names.length === 0) return raise('TemplatesNotFound', 'Tried to select from an empty list of templates');
    for (const one of names) {
      try {
        return this.#load(one);
      } catch (error) {
        if (!(error instanceof TemplateError) || error.kind !== 'TemplateNotFound') throw error;
      }
    }
    const list = names.map((one) => isText(one) ? plain(one) : repr(one)).join(', ');
    return raise('TemplatesNotFound', `none of the templates given were found: ${list}`);
  }

  #named(name: string): Code {
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return loaded;
    const { include, includePath = '.' } = this.#options;
    if (include === undefined) return raise('TypeError', 'no loader for this environment specified');
    if (name.split('/').includes('..')) return raise('TemplateNotFound', name);
    const text = include(name);
    if (text === undefined) {
      return raise('TemplateNotFound', `${quoted(name)} not found in search path: ${quoted(includePath)}`);
    }
    const code = this.#prepared(text, name);
    this.#loaded.set(name, code);
    return code;
  }

  #prepared(text: string, name: string): Code {
    try {
      return prepare(text, name, this.#tools);
    } catch (error) {
      if (error instanceof TemplateError) error.file ??= name;
      throw error;
    }
  }
}
