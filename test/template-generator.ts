// Random templates and values for them: of the constructs that administrators use, put together in ways that they
// would not. The same seed makes the same templates.

import type { TemplateCase } from './template-corpus.ts';

const TEXTS = ['', 'a', 'Bob', 'two words', ' padded ', '"quoted"', "it's", '42', '-3.5', 'a,b,c', 'x=1', 'ÄÖ', '😀',
  'line\nbreak', '<b>&', '%s', '{}', 'true', 'None', '__proto__', 'constructor'];
const NAMES = ['n', 'f', 's', 't', 'l', 'd', 'u', 'e', 'b', 'z', 'missing', 'i', 'v'];
const KEYS = ['a', 'b', 'name', 'items', 'n', 'k', '__proto__'];
const BINARY = ['+', '-', '*', '/', '//', '%', '~', '**', '==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'and', 'or'];
const FILTERS = ['default', 'default()', 'default("d")', 'default(0, true)', 'int', 'int(7)', 'float', 'string', 'lower',
  'upper', 'title', 'capitalize', 'trim', 'length', 'count', 'first', 'last', 'list', 'sort', 'sort(reverse=true)',
  'sort(attribute="a")', 'unique|list', 'min', 'max', 'sum', 'abs', 'round', 'round(1)', 'round(0, "floor")', 'join',
  'join(",")', 'replace("a", "b")', 'tojson', 'tojson(indent=1)', 'indent', 'indent(2, true)', 'map("upper")|list',
  'map("int")|list', 'map(attribute="a")|list', 'map(attribute="a", default=1)|list', 'select|list', 'reject|list',
  'select("string")|list', 'selectattr("a")|list', 'selectattr("a", "defined")|list', 'rejectattr("a")|list',
  'batch(2)|list', 'slice(2)|list', 'items|list', 'dictsort', 'groupby("a")', 'reverse|list', 'wordcount', 'center(7)',
  'truncate(5)', 'e', 'd(1)', 'format(1)', 'attr("a")', 'unique(true)|list', 'sum(start=1)', 'filesizeformat'];
const TESTS = ['defined', 'undefined', 'none', 'string', 'number', 'integer', 'float', 'boolean', 'true', 'false',
  'mapping', 'sequence', 'iterable', 'odd', 'even', 'divisibleby 2', 'in [1, "a"]', 'eq 1', 'ne "a"', 'lt 3', 'ge 2',
  'lower', 'upper', 'callable', 'sameas none', 'equalto(42)', 'not none'];
const METHODS = ['upper()', 'lower()', 'split()', 'split(",")', 'split(",", 1)', 'strip()', 'strip("\\"")', 'title()',
  'startswith("a")', 'endswith("c")', 'replace("a", "x")', 'items()|list', 'keys()|list', 'values()|list', 'get("a")',
  'get("zz", 5)', 'find("o")', 'count("a")', 'index(1)', 'join(["p", "q"])', 'zfill(4)', 'rjust(5)', 'splitlines()',
  'partition("=")', 'isdigit()', 'isalpha()', 'format(1, a=2)', 'rsplit(",", 1)', 'removeprefix("a")', 'center(8, "*")',
  'capitalize()', 'swapcase()', 'rfind("a")', 'copy()', 'pop()', 'append(9)'];
const SLICES = ['[0]', '[-1]', '[1:]', '[:2]', '[::-1]', '[-2:]', '[::2]', '["a"]', '[10]', '[3:1:-1]'];
const FORMATS = ["'%s'", "'%d'", "'%5.2f'", "'%r'", "'%s-%s'", "'%05d'", "'%x'", "'%-6s|'", "'%(a)s'", "'%e'", "'%g'"];
const BRACES = ["'{}'", "'{:>6}'", "'{:.2f}'", "'{:05d}'", "'{!r}'", "'{0.a}'", "'{0[a]}'", "'{:,}'", "'{:^7}'", "'{:x}'"];

export class TemplateGenerator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(name: string): TemplateCase {
    const statements = Array.from({ length: 1 + this.#below(3) }, () => this.#statement(2));
    return { name, template: statements.join(this.#pick(['', ' ', '\n'])), context: this.#context(), files: new Map() };
  }

  /** mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  #pick(from: readonly string[]): string {
    return from[this.#below(from.length)] ?? '';
  }

  #context(): string {
    const number = (): number => this.#below(3) === 0 ? this.#below(100) / 8 : this.#below(60) - 10;
    const some = (): unknown => this.#value(2);
    return JSON.stringify({
      n: this.#below(50) - 5, f: number() + 0.5, s: this.#pick(TEXTS), t: this.#pick(TEXTS), b: this.#below(2) === 0,
      z: null, e: [], l: Array.from({ length: this.#below(5) }, some),
      d: Object.fromEntries(KEYS.slice(0, this.#below(6)).map((key) => [key, some()])),
      u: Array.from({ length: this.#below(4) }, () => ({ a: number(), b: this.#pick(TEXTS), name: some() })),
    });
  }

  #value(depth: number): unknown {
    switch (this.#below(depth > 0 ? 8 : 6)) {
      case 0: return this.#below(40) - 9;
      case 1: return this.#below(40) / 4 + 0.25;
      case 2: return this.#below(2) === 0;
      case 3: return null;
      case 4: case 5: return this.#pick(TEXTS);
      case 6: return Array.from({ length: this.#below(4) }, () => this.#value(depth - 1));
      default: return Object.fromEntries(KEYS.slice(0, this.#below(4)).map((key) => [key, this.#value(depth - 1)]));
    }
  }

  #literal(): string {
    switch (this.#below(7)) {
      case 0: return String(this.#below(12));
      case 1: return this.#pick(['1.5', '0.1', '2e3', '-4', '1_000']);
      case 2: return this.#pick(['true', 'false', 'none', 'True', 'None']);
      case 3: return this.#pick(["'a'", '"b"', "'a b'", "''", "'it\\'s'", "'x\\ty'", "'7'"]);
      case 4: return this.#pick(['[1, 2, 3]', "['b', 'a']", '[]', '[[1, 2], [3, 4]]', "(1, 'a')", 'range(4)']);
      case 5: return this.#pick(["{'a': 1}", "{'b': [1], 'a': none}", '{}', "{1: 'x'}"]);
      default: return this.#pick(FORMATS);
    }
  }

  #expression(depth: number): string {
    if (depth === 0) return this.#below(2) === 0 ? this.#pick(NAMES) : this.#literal();
    const inner = (): string => this.#expression(depth - 1);
    switch (this.#below(13)) {
      case 0: case 1: return this.#below(3) === 0 ? this.#literal() : this.#pick(NAMES);
      case 2: return `${inner()} ${this.#pick(BINARY)} ${inner()}`;
      case 3: return `(${inner()} ${this.#pick(BINARY)} ${inner()})`;
      case 4: case 5: return `${inner()}|${this.#pick(FILTERS)}`;
      case 6: return `${inner()} is ${this.#pick(TESTS)}`;
      case 7: return `${this.#pick(NAMES)}.${this.#pick(METHODS)}`;
      case 8: return `${this.#pick(NAMES)}${this.#pick(SLICES)}`;
      case 9: return `${this.#pick(NAMES)}.${this.#pick(KEYS)}`;
      case 10: return `${inner()} if ${inner()}${this.#below(3) === 0 ? '' : ` else ${inner()}`}`;
      case 11: return this.#below(2) === 0 ? `${this.#pick(FORMATS)} % ${this.#pick([inner(), `(${inner()}, ${inner()})`])}`
        : `${this.#pick(BRACES)}.format(${inner()})`;
      default: return `${this.#pick(['not ', '-', ''])}${inner()}`;
    }
  }

  #body(depth: number): string {
    return depth === 0 ? this.#pick(['x', ' ', '\n  ', '{{ i }}', '{{ v }}', '{{ n }}']) : this.#statement(depth - 1);
  }

  #statement(depth: number): string {
    const [open, close] = [this.#pick(['{%', '{%', '{%', '{%-', '{%+']), this.#pick(['%}', '%}', '%}', '-%}'])];
    const tag = (text: string): string => `${open} ${text} ${close}`;
    const value = (): string => this.#expression(2);
    switch (this.#below(14)) {
      case 0: return `${tag(`if ${value()}`)}${this.#body(depth)}${tag('else')}${this.#body(depth)}${tag('endif')}`;
      case 1: return `${tag(`if ${value()}`)}${this.#body(depth)}${tag(`elif ${value()}`)}y${tag('endif')}`;
      case 2: return `${tag(`for i in ${value()}`)}${this.#body(depth)}${tag('endfor')}`;
      case 3: return `${tag(`for i in l if ${value()}`)}{{ loop.index }}${this.#body(depth)}${tag('else')}-${tag('endfor')}`;
      case 4: return `${tag('for i, v in d.items()')}{{ i }}{{ loop.last }}${this.#body(depth)}${tag('endfor')}`;
      case 5: return `${tag(`set v = ${value()}`)}{{ v }}`;
      case 6: return `${tag('set v')}${this.#body(depth)}${tag('endset')}{{ v }}`;
      case 7: return `${tag('macro m(i, v=1)')}${this.#body(depth)}${tag('endmacro')}{{ m(${value()}) }}`;
      case 8: return `${tag(`with v = ${value()}`)}${this.#body(depth)}${tag('endwith')}`;
      case 9: return `${tag(`filter ${this.#pick(['upper', 'trim', 'indent(1)', 'replace("x", "y")'])}`)}`
        + `${this.#body(depth)}${tag('endfilter')}`;
      default: return `${this.#pick(['a', '', '\n'])}{{${this.#pick(['', '', '-'])} ${this.#expression(3)} }}`;
    }
  }
}
