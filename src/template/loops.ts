// for … in …: with `loop`, `else`, `if`, and calling itself for what is nested.

import { Activation, Output } from './activation.ts';
import { spend } from './budget.ts';
import { raise } from './error.ts';
import type { Execute, MakeBody } from './execution.ts';
import { expression, type Evaluate } from './expressions.ts';
import type { Frame } from './frame.ts';
import { iterate, lazily, sizeOf, truth } from './iteration.ts';
import { callable } from './signature.ts';
import { undeclaredIn } from './scopes.ts';
import { assigner } from './targets.ts';
import { descendantsOf, type Loop } from './tree.ts';
import { Callable, Thing, Tuple, Undefined, type Arguments, type Value } from './values.ts';
import { equal } from './equality.ts';

type Recurse = (items: Value, depth: number) => string;

class LoopContext extends Thing {
  readonly type = 'LoopContext';
  readonly #items: Value;
  readonly #recurse: Recurse | undefined;
  readonly #depth0: number;
  #iterator: Iterator<Value>;
  #length: number | undefined;
  #index0 = -1;
  /** The item that was looked at before its turn; null when there is none any more. */
  #ahead: { readonly value: Value } | null | undefined;
  #current: Value = null;
  #before: Value = null;
  #lastChanged: Tuple | undefined;

  constructor(items: Value, recurse: Recurse | undefined, depth0: number) {
    super();
    this.#items = items;
    this.#iterator = iterate(items);
    this.#recurse = recurse;
    this.#depth0 = depth0;
  }

  next(): { readonly value: Value } | undefined {
    const found = this.#ahead ?? (this.#ahead === null ? null : this.#pull());
    this.#ahead = undefined;
    if (found === null) return undefined;
    this.#index0 += 1;
    this.#before = this.#current;
    this.#current = found.value;
    return found;
  }

  #pull(): { readonly value: Value } | null {
    const { done, value } = this.#iterator.next();
    return done === true ? null : { value };
  }

  #peek(): { readonly value: Value } | null {
    // At the end Python's iterator is asked again each time, and says the same.
    this.#ahead ??= this.#pull();
    return this.#ahead;
  }

  override length(): number {
    if (this.#length !== undefined) return this.#length;
    const size = this.#items instanceof Undefined ? undefined : sizeOf(this.#items);
    if (size === undefined) {
      const rest = [...{ [Symbol.iterator]: (): Iterator<Value> => this.#iterator }];
      this.#iterator = rest.values();
      this.#length = rest.length + this.#index0 + 1 + (this.#ahead === undefined || this.#ahead === null ? 0 : 1);
    } else {
      this.#length = size;
    }
    return this.#length;
  }

  attribute(name: string): Value | undefined {
    switch (name) {
      case 'index0': return BigInt(this.#index0);
      case 'index': return BigInt(this.#index0 + 1);
      case 'first': return this.#index0 === 0;
      case 'last': return this.#peek() === null;
      case 'length': return BigInt(this.length());
      case 'revindex': return BigInt(this.length() - this.#index0);
      case 'revindex0': return BigInt(this.length() - this.#index0 - 1);
      case 'depth': return BigInt(this.#depth0 + 1);
      case 'depth0': return BigInt(this.#depth0);
      case 'previtem': return this.#index0 === 0 ? new Undefined('there is no previous item') : this.#before;
      case 'nextitem': return this.#peek()?.value ?? this.#noneOr('there is no next item');
      case 'cycle': return new Callable('cycle', 'method', ({ positional }) => {
        return positional.length === 0 ? raise('TypeError', 'no items for cycling given')
          : positional[this.#index0 % positional.length] ?? null;
      });
      case 'changed': return new Callable('changed', 'method', ({ positional }) => this.#changed(positional));
      default: return undefined;
    }
  }

  #noneOr(why: string): Value {
    return this.#peek() === null ? new Undefined(why) : null;
  }

  #changed(values: readonly Value[]): boolean {
    const now = new Tuple(values);
    if (this.#lastChanged !== undefined && equal(this.#lastChanged, now)) return false;
    this.#lastChanged = now;
    return true;
  }

  override call(args: Arguments): Value {
    const recurse = this.#recurse;
    if (recurse === undefined) {
      return raise('TypeError', "The loop must have the 'recursive' marker to be called recursively.");
    }
    const nested = callable('LoopContext.__call__', 'iterable', (bound) => recurse(bound.value(0), this.#depth0 + 1));
    return nested.call(args);
  }

  override * iterate(): Generator<Value> {
    for (let item = this.next(); item !== undefined; item = this.next()) yield new Tuple([item.value, this]);
  }

  text(): string {
    return `<LoopContext ${this.#index0 + 1}/${this.length()}>`;
  }
}

export function loop(node: Loop, frame: Frame, makeBody: MakeBody): Execute {
  const [inner, elseFrame] = [frame.inner(), frame.inner()];
  const descendants = descendantsOf(node);
  const isExtended = node.recursive || undeclaredIn([node.body], ['loop']).size > 0
    || descendants.some((one) => one.typename === 'Block' && one.scoped);
  const loopId = isExtended ? inner.symbols.declareParameter('loop') : undefined;
  inner.symbols.declareTargets(node.target);
  inner.symbols.analyze(node.body.children);
  if (node.otherwise !== null) elseFrame.symbols.analyze(node.otherwise.children);
  if (node.recursive) [inner.isBuffered, elseFrame.isBuffered] = [true, true];
  const written = descendants.find((one) => one.typename === 'Target' && one.name === 'loop');
  if (written !== undefined) {
    raise('TemplateAssertionError', "Can't assign to special loop variable in for-loop target", written.lineno);
  }
  const rounds = roundsOf(node, { frame, inner, elseFrame, loopId }, makeBody);
  const items = expression(node.items, frame);
  if (!node.recursive) return (on) => rounds(on, items(on), undefined, 0);
  return (on) => {
    const recurse: Recurse = (nested, depth) => {
      const output = new Output();
      const { rendering } = on.context;
      const { place } = rendering;
      rounds(new Activation(on.context, output, on), nested, recurse, depth);
      rendering.place = place;
      return output.text();
    };
    on.output.write(recurse(items(on), 0));
  };
}

interface Frames {
  readonly frame: Frame;
  readonly inner: Frame;
  readonly elseFrame: Frame;
  readonly loopId: string | undefined;
}

function roundsOf(node: Loop, { frame, inner, elseFrame, loopId }: Frames, makeBody: MakeBody):
(on: Activation, items: Value, recurse: Recurse | undefined, depth: number) => void {
  const filter = node.test === null ? undefined : testOf(node, node.test, frame);
  const assign = assigner(node.target, inner);
  const act = makeBody(node.body, inner);
  const otherwise = node.otherwise && makeBody(node.otherwise, elseFrame);
  const [enter, leave] = [inner.entering(), inner.leaving()];
  const [enterElse, leaveElse] = [elseFrame.entering(), elseFrame.leaving()];
  return (on, items, recurse, depth) => {
    if (loopId !== undefined) on.set(loopId, undefined);
    const chosen = filter === undefined ? items : filter(on, items);
    let isEmpty = true;
    const context = loopId === undefined ? undefined : new LoopContext(chosen, recurse, depth);
    for (const item of context === undefined ? iterate(chosen) : itemsOf(context)) {
      isEmpty = false;
      spend(1);
      assign(on, item);
      if (loopId !== undefined) on.set(loopId, context);
      enter(on);
      act(on);
    }
    leave(on);
    if (isEmpty && otherwise !== null) {
      enterElse(on);
      otherwise(on);
      leaveElse(on);
    }
  };
}

function* itemsOf(context: LoopContext): IterableIterator<Value> {
  for (let item = context.next(); item !== undefined; item = context.next()) yield item.value;
}

/** Items for which the test holds, each tested when its turn comes. */
function testOf(node: Loop, test: NonNullable<Loop['test']>, frame: Frame): (on: Activation, items: Value) => Value {
  const testFrame = frame.inner();
  testFrame.symbols.declareTargets(node.target);
  testFrame.symbols.analyze([test]);
  const [assign, holds]: [ReturnType<typeof assigner>, Evaluate] = [assigner(node.target, testFrame),
    expression(test, testFrame)];
  const enter = testFrame.entering();
  return (on, items) => {
    const source = iterate(items);
    return lazily('generator', function* chosen() {
      const inside = new Activation(on.context, on.output, on);
      enter(inside);
      for (const item of source) {
        assign(inside, item);
        if (truth(holds(inside))) yield item;
      }
    });
  };
}

