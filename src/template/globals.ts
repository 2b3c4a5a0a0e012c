// The names that every template sees: range, dict, namespace, cycler, joiner.

import { entriesOf } from './collection-methods.ts';
import { raise, refuse } from './error.ts';
import { asIndex, bind, callable, signature } from './signature.ts';
import { repr } from './text.ts';
import { Callable, Dict, Range, Thing, Undefined, isText, plain, type Arguments, type Value } from './values.ts';

const RANGE_MAX = 100_000;

export class Namespace extends Thing {
  readonly type = 'Namespace';
  readonly values: Map<string, Value>;

  constructor(values: ReadonlyMap<string, Value>) {
    super();
    this.values = new Map(values);
  }

  attribute(name: string): Value | undefined {
    return this.values.get(name);
  }

  text(): string {
    return `<Namespace ${repr(Dict.of(this.values))}>`;
  }
}

class Cycler extends Thing {
  readonly type = 'Cycler';
  readonly #items: readonly Value[];
  #position = 0;

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  attribute(name: string): Value | undefined {
    const current = this.#items[this.#position] ?? null;
    switch (name) {
      case 'current': return current;
      case 'pos': return BigInt(this.#position);
      case 'next': return callable('Cycler.next', '', () => {
        const value = this.#items[this.#position] ?? null;
        this.#position = (this.#position + 1) % this.#items.length;
        return value;
      });
      case 'reset': return callable('Cycler.reset', '', () => {
        this.#position = 0;
        return null;
      });
      case 'items': return refuse('"items" of a cycler', 'keep the items in a list of your own');
      default: return undefined;
    }
  }

  text(): string {
    return refuse('the text of a cycler', 'use .next() or .current');
  }
}

class Joiner extends Thing {
  readonly type = 'Joiner';
  readonly #separator: Value;
  #used = false;

  constructor(separator: Value) {
    super();
    this.#separator = separator;
  }

  attribute(name: string): Value | undefined {
    return name === 'sep' ? this.#separator : name === 'used' ? this.#used : undefined;
  }

  override call(args: Arguments): Value {
    bind(signature('Joiner.__call__', '', 1), args);
    const value = this.#used ? this.#separator : '';
    this.#used = true;
    return value;
  }

  text(): string {
    return refuse('the text of a joiner', 'call it, with parentheses');
  }
}

/** dict(value, **named), as text keys. */
function dictOf({ positional, named }: Arguments): Dict {
  if (positional.length > 1) {
    return raise('TypeError', `dict expected at most 1 argument, got ${positional.length}`);
  }
  const [first = new Dict()] = positional;
  if (first instanceof Undefined) return first.fail();
  return Dict.of([...entriesOf(first), ...named]);
}

function range(args: Arguments): Value {
  if (args.named.size > 0) return raise('TypeError', "safe_range() got an unexpected keyword argument "
    + `'${[...args.named.keys()][0] ?? ''}'`);
  const numbers = args.positional.map(asIndex);
  if (numbers.length === 0) return raise('TypeError', 'range expected at least 1 argument, got 0');
  if (numbers.length > 3) return raise('TypeError', `range expected at most 3 arguments, got ${numbers.length}`);
  const [first = 0n, second, step = 1n] = numbers;
  if (step === 0n) return raise('ValueError', 'range() arg 3 must not be zero');
  const made = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step);
  if (made.length >= 2 ** 63) return raise('OverflowError', 'Python int too large to convert to C ssize_t');
  return made.length <= RANGE_MAX ? made : raise('OverflowError',
    `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${RANGE_MAX}).`);
}

export const GLOBALS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['range', new Callable('safe_range', 'function', range)],
  ['dict', new Callable('dict', 'type', dictOf)],
  ['namespace', new Callable('Namespace', 'type', (args) => {
    return new Namespace(new Map([...dictOf(args).entries()].map(([key, value]) => {
      return [isText(key) ? plain(key) : refuse('a namespace with keys that are no names', 'use a dict'), value];
    })));
  })],
  ['cycler', new Callable('Cycler', 'type', ({ positional, named }) => {
    if (named.size > 0) return raise('TypeError', 'Cycler.__init__() got an unexpected keyword argument '
      + `'${[...named.keys()][0] ?? ''}'`);
    return positional.length > 0 ? new Cycler(positional)
      : raise('RuntimeError', 'at least one item has to be provided');
  })],
  ['joiner', callable('Joiner.__init__', 'sep?', (bound) => new Joiner(bound.value(0, ', ')))],
  ['lipsum', new Callable('generate_lorem_ipsum', 'function', () => refuse('lipsum', 'write the text'))],
]);

