// include, import, from … import.

import { Context, Output, type Activation, type Code } from './activation.ts';
import { isRaised, refuse } from './error.ts';
import type { Execute } from './execution.ts';
import { expression } from './expressions.ts';
import type { Frame } from './frame.ts';
import { publish, publishOne } from './publishing.ts';
import { quoted } from './text.ts';
import type { FromImport, Import, Include } from './tree.ts';
import { Thing, Undefined, type Value } from './values.ts';

/** What an import gives: the names that the template exports. */
export class Module extends Thing {
  readonly type = 'TemplateModule';
  readonly name: string;
  readonly body: string;
  readonly #names: ReadonlyMap<string, Value>;

  constructor(name: string, body: string, names: ReadonlyMap<string, Value>) {
    super();
    this.name = name;
    this.body = body;
    this.#names = names;
  }

  attribute(name: string): Value | undefined {
    return this.#names.get(name);
  }

  text(): string {
    return this.body;
  }
}

export function include(node: Include, frame: Frame): Execute {
  const template = expression(node.template, frame);
  const locals = frame.locals();
  if (!node.withContext && frame.isBuffered) {
    refuse('include without context in a macro, a set, a filter, a call or a recursive loop',
      'include it with context, or outside of it', node.lineno);
  }
  return (on) => {
    const { rendering } = on.context;
    const { place } = rendering;
    const code = found(on, template(on), node.ignoreMissing);
    if (code === undefined) return;
    if (node.withContext) {
      code.run(Context.of(rendering, new Map([...on.context.all(), ...locals(on)]), code), on.output);
    } else on.output.write(defaultModule(on, code).body);
    rendering.place = place;
  };
}

function found(on: Activation, name: Value, ignoreMissing: boolean): Code | undefined {
  try {
    return on.context.rendering.load(name);
  } catch (error) {
    if (ignoreMissing && isRaised(error, 'TemplateNotFound', 'TemplatesNotFound')) return undefined;
    throw error;
  }
}

function makeModule(context: Context, code: Code): Module {
  const output = new Output();
  code.run(context, output);
  const names = new Map([...context.exported].map((name) => [name, context.set.get(name) ?? null] as const));
  return new Module(code.name ?? '', output.text(), names);
}

/** Without the importer's context: made once. */
function defaultModule(on: Activation, code: Code): Module {
  const { rendering } = on.context;
  const there = rendering.modules.get(code);
  if (there instanceof Module) return there;
  const made = makeModule(Context.of(rendering, rendering.globals, code), code);
  rendering.modules.set(code, made);
  return made;
}

function importing(node: Import | FromImport, frame: Frame): (on: Activation) => Module {
  const template = expression(node.template, frame);
  const locals = frame.locals();
  return (on) => {
    const { rendering } = on.context;
    const { place } = rendering;
    const code = rendering.load(template(on));
    const module = node.withContext
      ? makeModule(Context.of(rendering, new Map([...on.context.all(), ...locals(on)]), code), code)
      : defaultModule(on, code);
    rendering.place = place;
    return module;
  };
}

export function importModule(node: Import, frame: Frame): Execute {
  const [load, id] = [importing(node, frame), frame.idOf(node.name)];
  const done = publishOne(node.name, frame, false);
  return (on) => {
    on.set(id, load(on));
    done(on);
  };
}

export function fromImport(node: FromImport, frame: Frame): Execute {
  const load = importing(node, frame);
  const names = node.names.map(([name, alias]) => [name, frame.idOf(alias)] as const);
  const done = publish(node.names.map(([, alias]) => alias), frame, false);
  const where = `line ${node.lineno}${frame.template === undefined ? '' : ` in ${quoted(frame.template)}`}`;
  return (on) => {
    const module = load(on);
    for (const [name, id] of names) {
      const there = module.attribute(name);
      on.set(id, there === undefined ? new Undefined(`the template ${quoted(module.name)} (imported on ${where}) does `
        + `not export the requested name ${quoted(name)}`) : there);
    }
    done(on);
  };
}
