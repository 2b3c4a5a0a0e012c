// Expressions of the tree as functions of what runs: made once, run as often as needed.

import type { Activation } from './activation.ts';
import { contains, equal, ordered } from './equality.ts';
import { isRaised, raise, refuse } from './error.ts';
import type { Frame } from './frame.ts';
import { truth } from './iteration.ts';
import { call, getAttribute, getItem } from './look-up.ts';
import { joined, negate, operate, positive } from './operators.ts';
import { slice } from './slicing.ts';
import { quoted } from './text.ts';
import { descendantsOf, type CallArguments, type Compare, type CompareOperator, type Expression, type Filtered,
  type InlineIf, type Item, type SliceNode, type Tested } from './tree.ts';
import { Dict, Tuple, Undefined, list, type Arguments, type Value } from './values.ts';
import { argumentsOf } from './call-arguments.ts';
import { spend } from './budget.ts';

export type Evaluate = (on: Activation) => Value;

export function expression(node: Expression, frame: Frame): Evaluate {
  refuseFolded(node);
  const of = (one: Expression): Evaluate => expression(one, frame);
  switch (node.typename) {
    case 'Literal': return () => node.value;
    case 'Symbol': return name(node.value, frame);
    case 'Array': return all(node.children, frame, list);
    case 'Group': return all(node.children, frame, (items) => new Tuple(items));
    case 'Dict': return dict(node.children.map(({ key, value }) => [of(key), of(value)]));
    case 'Attribute': {
      const target = of(node.target);
      return (on) => getAttribute(target(on), node.name);
    }
    case 'LookupVal': return item(node, frame);
    case 'Slice': return refuse('a slice within a list of keys', 'use one slice, as in [1:2]', node.lineno);
    case 'Call': {
      const [target, args] = [of(node.target), callArguments(node.args, frame)];
      return (on) => invoke(target(on), args(on));
    }
    case 'Filtered': return filtered(node, frame);
    case 'Tested': return tested(node, frame);
    case 'InlineIf': return inlineIf(node, frame.soft());
    case 'Concatenation': return all(node.parts, frame, joined);
    case 'Compare': return compare(node, frame);
    case 'Arithmetic': return binary(of(node.left), of(node.right), (a, b) => operate(node.operator, a, b));
    case 'Pow': return binary(of(node.left), of(node.right), (a, b) => operate('**', a, b));
    case 'And': return choice(of(node.left), of(node.right), false);
    case 'Or': return choice(of(node.left), of(node.right), true);
    case 'Not': return unary(of(node.target), (value) => !truth(value));
    case 'Neg': return unary(of(node.target), negate);
    case 'Pos': return unary(of(node.target), positive);
  }
}

function name(wanted: string, frame: Frame): Evaluate {
  const id = frame.idOf(wanted);
  return (on) => on.get(id) ?? valueOrUndefined(on, id, wanted);
}

function valueOrUndefined(on: Activation, id: string, wanted: string): Value {
  // None is null, which the caller's ?? takes for nothing as well.
  return on.get(id) === null ? null : new Undefined(`${quoted(wanted)} is undefined`);
}

function unary(target: Evaluate, act: (value: Value) => Value): Evaluate {
  return (on) => act(target(on));
}

function binary(left: Evaluate, right: Evaluate, act: (left: Value, right: Value) => Value): Evaluate {
  return (on) => {
    const value = left(on);
    return act(value, right(on));
  };
}

function choice(left: Evaluate, right: Evaluate, endsWith: boolean): Evaluate {
  return (on) => {
    const value = left(on);
    return truth(value) === endsWith ? value : right(on);
  };
}

function all(nodes: readonly Expression[], frame: Frame, make: (values: Value[]) => Value): Evaluate {
  const items = nodes.map((node) => expression(node, frame));
  return (on) => make(items.map((evaluate) => evaluate(on)));
}

function dict(entries: readonly (readonly [Evaluate, Evaluate])[]): Evaluate {
  return (on) => Dict.of(entries.map(([key, value]) => {
    const evaluated = key(on);
    return [evaluated, value(on)] as const;
  }));
}

function item(node: Item, frame: Frame): Evaluate {
  const target = expression(node.target, frame);
  if (node.val.typename === 'Slice') {
    const cut = sliced(target, node.val, frame);
    return isConstant(node.target) ? ofConstant(cut) : cut;
  }
  return binary(target, expression(node.val, frame), getItem);
}

/** Jinja2 works these out while it compiles, and fails then if a part of a constant is undefined. */
function refuseFolded(node: Expression): void {
  const isFolded = node.typename === 'And' || node.typename === 'Or' || node.typename === 'Concatenation';
  if (!isFolded || !isConstant(node)) return;
  if (descendantsOf(node).some(({ typename }) => typename === 'Attribute' || typename === 'LookupVal')) {
    refuse('a part of a constant in "and", "or" or "~"', 'write its value', node.lineno);
  }
}

function isConstant(node: Expression): boolean {
  return [node, ...descendantsOf(node)].every(({ typename }) => typename !== 'Symbol' && typename !== 'Call');
}

/** Jinja2 works it out while it compiles, where what cannot be sliced is undefined and no error. */
function ofConstant(cut: Evaluate): Evaluate {
  return (on) => {
    try {
      return cut(on);
    } catch (error) {
      if (isRaised(error, 'TypeError')) refuse('a slice of a constant that has no parts', 'leave it out');
      throw error;
    }
  };
}

function sliced(target: Evaluate, node: SliceNode, frame: Frame): Evaluate {
  const part = (one: Expression | null): Evaluate => one === null ? (): null => null : expression(one, frame);
  const [start, stop, step] = [part(node.start), part(node.stop), part(node.step)];
  return (on) => slice(target(on), { start: start(on), stop: stop(on), step: step(on) });
}

function inlineIf(node: InlineIf, frame: Frame): Evaluate {
  const [cond, body] = [expression(node.cond, frame), expression(node.body, frame)];
  const where = `line ${node.lineno}${frame.template === undefined ? '' : ` in ${quoted(frame.template)}`}`;
  const other = node.otherwise === null ? (): Value => new Undefined(`the inline if-expression on ${where} evaluated `
    + 'to false and no else section was defined.', 'UndefinedError', true) : expression(node.otherwise, frame);
  return (on) => truth(cond(on)) ? body(on) : other(on);
}

function compare(node: Compare, frame: Frame): Evaluate {
  const first = expression(node.expr, frame);
  const others = node.ops.map(({ expr, type }) => ({ type, of: expression(expr, frame) }));
  return (on) => {
    let left = first(on);
    for (const { type, of } of others) {
      const right = of(on);
      if (!holds(type, left, right)) return false;
      left = right;
    }
    return true;
  };
}

function holds(operator: CompareOperator, left: Value, right: Value): boolean {
  switch (operator) {
    case '==': return equal(left, right);
    case '!=': return !equal(left, right);
    case 'in': return contains(right, left);
    case 'not in': return !contains(right, left);
    case '<': case '<=': case '>': case '>=': return ordered(operator, left, right);
  }
}

export function invoke(target: Value, args: Arguments): Value {
  spend(1);
  return call(target, args);
}

export function callArguments(node: CallArguments, frame: Frame): (on: Activation) => Arguments {
  const positional = node.positional.map((one) => expression(one, frame));
  const named = node.named.map((one) => [one.name, expression(one.value, frame)] as const);
  const rest = node.rest && expression(node.rest, frame);
  const namedRest = node.namedRest && expression(node.namedRest, frame);
  const repeated = node.named.find((one, i) => node.named.findIndex((other) => other.name === one.name) < i);
  if (repeated !== undefined) refuse(`the argument "${repeated.name}" twice`, 'give it once', node.lineno);
  return (on) => argumentsOf({
    positional: positional.map((evaluate) => evaluate(on)), rest: rest?.(on),
    named: named.map(([key, evaluate]) => [key, evaluate(on)]), namedRest: namedRest?.(on),
  });
}

/** A filter that is not there fails at once; within an `if`, only when it is used. */
export function filtered(node: Filtered, frame: Frame, input?: Evaluate): Evaluate {
  const absent = missing('filter', frame.tools.filters.has(node.name), node, frame);
  frame.tools.filters.check(node.name, node.lineno);
  const target = node.target === null ? input : node.target.typename === 'Filtered'
    ? filtered(node.target, frame, input) : expression(node.target, frame);
  const args = callArguments(node.args, frame);
  return (on) => {
    const value = target?.(on) ?? null;
    const { positional, named } = args(on);
    absent?.();
    spend(1);
    return on.context.rendering.toolbox.filter(node.name, { positional: [value, ...positional], named });
  };
}

function tested(node: Tested, frame: Frame): Evaluate {
  const absent = missing('test', frame.tools.tests.has(node.name), node, frame);
  const [target, args] = [expression(node.target, frame), callArguments(node.args, frame)];
  return (on) => {
    const value = target(on);
    const { positional, named } = args(on);
    absent?.();
    spend(1);
    return on.context.rendering.toolbox.test(node.name, { positional: [value, ...positional], named });
  };
}

function missing(what: 'filter' | 'test', isThere: boolean, node: Filtered | Tested, frame: Frame):
(() => never) | undefined {
  if (isThere) return undefined;
  if (!frame.isSoft) {
    return raise('TemplateAssertionError', `No ${what} named ${quoted(node.name)}.`, node.lineno);
  }
  return () => raise('TemplateRuntimeError', `No ${what} named ${quoted(node.name)} found.`);
}
