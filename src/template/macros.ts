// Macros, and call blocks, whose body is a macro named `caller`.

import { Activation, Output } from './activation.ts';
import { raise, refuse } from './error.ts';
import type { Execute, MakeBody } from './execution.ts';
import { callArguments, expression, invoke, type Evaluate } from './expressions.ts';
import type { Frame } from './frame.ts';
import { publishOne } from './publishing.ts';
import { undeclaredIn } from './scopes.ts';
import { quoted, str } from './text.ts';
import type { CallBlock, MacroNode } from './tree.ts';
import { Callable, Dict, Tuple, Undefined, type Arguments, type Value } from './values.ts';

type Definition = MacroNode | CallBlock;
type MakeMacro = (on: Activation) => Callable;

export function macro(node: MacroNode, frame: Frame, makeBody: MakeBody): Execute {
  const make = definition(node, node.name, frame, makeBody);
  const id = frame.idOf(node.name);
  const publish = publishOne(node.name, frame, true);
  return (on) => {
    on.set(id, make(on));
    publish(on);
  };
}

export function callBlock(node: CallBlock, frame: Frame, makeBody: MakeBody): Execute {
  const make = definition(node, '', frame, makeBody);
  const [target, args] = [expression(node.call.target, frame), callArguments(node.call.args, frame)];
  if (node.call.args.named.some(({ name }) => name === 'caller')) {
    refuse('an argument "caller" in a call block', 'leave it out', node.lineno);
  }
  return (on) => {
    const caller = make(on);
    const called = target(on);
    const { positional, named } = args(on);
    on.output.write(str(invoke(called, { positional, named: new Map([...named, ['caller', caller]]) })));
  };
}

interface Parameter {
  readonly name: string;
  readonly id: string;
  readonly otherwise: Evaluate;
}

/** What the body uses of what callers give beyond the parameters. */
interface Special {
  readonly callerId: string | undefined;
  readonly namedId: string | undefined;
  readonly restId: string | undefined;
}

function definition(node: Definition, name: string, frame: Frame, makeBody: MakeBody): MakeMacro {
  const inner = frame.inner();
  [inner.isBuffered, inner.checksOutput] = [true, false];
  inner.symbols.analyze([...node.parameters, ...node.defaults, ...node.body.children]);
  const names = node.parameters.map((one) => one.name);
  const special = specialOf(node, names, inner);
  const parameters: Parameter[] = names.map((one, i) => {
    const written = node.defaults[i - names.length + node.defaults.length];
    const missing = new Undefined(`parameter ${quoted(one)} was not provided`);
    const otherwise = written === undefined ? (): Value => missing : expression(written, inner);
    return { name: one, id: inner.idOf(one), otherwise };
  });
  const [act, enter] = [makeBody(node.body, inner), inner.entering()];
  return (on) => new Callable(name, 'Macro', (args) => {
    const { rendering } = on.context;
    const { place } = rendering;
    const inside = new Activation(on.context, new Output(), on);
    take(inside, args, { name, parameters, special });
    enter(inside);
    for (const { id, otherwise } of parameters) {
      if (inside.get(id) === undefined) inside.set(id, otherwise(inside));
    }
    act(inside);
    rendering.place = place;
    return inside.output.text();
  }, attributesOf(name, names, special));
}

function attributesOf(name: string, names: readonly string[], special: Special): Map<string, Value> {
  return new Map<string, Value>([
    ['name', name === '' ? null : name],
    ['arguments', new Tuple(names)],
    ['catch_kwargs', special.namedId !== undefined],
    ['catch_varargs', special.restId !== undefined],
    ['caller', special.callerId !== undefined],
    ['explicit_caller', names.includes('caller')],
  ]);
}

function specialOf(node: Definition, names: readonly string[], inner: Frame): Special {
  const used = undeclaredIn([node.body], ['caller', 'kwargs', 'varargs']);
  const index = names.indexOf('caller');
  const isExplicit = used.has('caller') && index >= 0;
  if (isExplicit && index < names.length - node.defaults.length) {
    raise('TemplateAssertionError', 'When defining macros or call blocks the special "caller" argument must be omitted '
      + 'or be given a default.', node.lineno);
  }
  const declare = (one: string): string | undefined => {
    return used.has(one) && !names.includes(one) ? inner.symbols.declareParameter(one) : undefined;
  };
  const callerId = isExplicit ? inner.idOf('caller') : declare('caller');
  return { callerId, namedId: declare('kwargs'), restId: declare('varargs') };
}

interface Taking {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly special: Special;
}

function take(inside: Activation, { positional, named }: Arguments, { name, parameters, special }: Taking): void {
  const others = new Map(named);
  let foundCaller = positional.length >= parameters.length && parameters.some((one) => one.name === 'caller');
  parameters.forEach(({ name: parameter, id }, i) => {
    const given = i < positional.length ? positional[i] : others.get(parameter);
    inside.set(id, given);
    if (i < positional.length) return;
    others.delete(parameter);
    if (parameter === 'caller') foundCaller = true;
  });
  if (special.callerId !== undefined && !foundCaller) {
    const caller = others.get('caller');
    inside.set(special.callerId, caller === undefined || caller === null ? new Undefined('No caller defined') : caller);
    others.delete('caller');
  }
  const shown = name === '' ? 'None' : quoted(name);
  if (special.namedId !== undefined) inside.set(special.namedId, Dict.of(others));
  else if (others.has('caller')) {
    raise('TypeError', `macro ${shown} was invoked with two values for the special caller argument. This is most `
      + 'likely a bug.');
  } else if (others.size > 0) {
    raise('TypeError', `macro ${shown} takes no keyword argument ${quoted([...others.keys()][0] ?? '')}`);
  }
  if (special.restId !== undefined) inside.set(special.restId, new Tuple(positional.slice(parameters.length)));
  else if (positional.length > parameters.length) {
    raise('TypeError', `macro ${shown} takes not more than ${parameters.length} argument(s)`);
  }
}
