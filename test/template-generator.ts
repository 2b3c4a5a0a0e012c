// Random templates and values for them: of the constructs that administrators use, put together in ways that they
// would not. Most make sense, so that much is rendered; some mix types, so that errors are met. The same seed makes
// the same templates.

import type { TemplateCase } from './template-corpus.ts';

const TEXTS = ['', 'a', 'Bob', 'two words', ' padded ', '"quoted"', "it's", '42', '-3.5', 'a,b,c', 'x=1', 'ÄÖ', '😀',
  'line\nbreak', '<b>&', '%s', '{}', 'true', 'None', '__proto__', 'constructor'];
const KEYS = ['a', 'b', 'name', 'items', 'n', 'k', '__proto__'];

type Kind = 'text' | 'number' | 'list' | 'users' | 'mapping' | 'truth';
const KINDS: readonly Kind[] = ['text', 'number', 'list', 'users', 'mapping', 'truth'];

const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  text: ['s', 't'], number: ['n', 'f'], list: ['l', 'e', 'w'], users: ['u'], mapping: ['d', 'u.0', 'missing'],
  truth: ['b', 'z', 'missing'],
};
const LITERALS: Readonly<Record<Kind, readonly string[]>> = {
  text: ["'a'", '"b c"', "''", "'it\\'s'", "'x\\ty'", "'7'", "'a,b'", "'A' 'b'"],
  number: ['0', '3', '12', '1.5', '0.1', '2e3', '1_000', '100000000000000000000', '0x1f'],
  list: ['[1, 2, 3]', "['b', 'A', 'c']", '[]', '[[1, 2], [3, 4]]', "(1, 'a')", 'range(4)', '(1,)',
  '[1.5, none, true]'],
  users: ["[{'a': 1, 'b': 'x', 'name': 'N'}]"],
  mapping: ["{'a': 1}", "{'b': [1], 'a': none}", '{}', "{1: 'x', 'y': 2}", 'dict(a=1, k=2)'],
  truth: ['true', 'false', 'none', 'True'],
};
/** What makes another of the same kind of one, `$`. */
const CHANGED: Readonly<Record<Kind, readonly string[]>> = {
  text: ['$|lower', '$|upper', '$|title', '$|capitalize', '$|trim', '$.strip()', '$.strip("\\"")',
  '$|replace("a", "x")',
    '$[1:]', '$[:-1]', '$[::-1]', '$[-3:]', '$ * 2', '$ ~ $', '$ + $', '$|indent', '$|indent(2, true)', '$|center(9)',
    '$|truncate(6)', '$.replace("a", "b", 1)', '$.title()', '$.zfill(6)', '$.rjust(8, "*")', '$|reverse', '$|string',
    '$.split(",")|join("+")', '$.partition("=")|last', '$|default("d")', '$|default("d", true)', '$|e|string', '$|d',
    '"%s"|format($)', "'%s' % $", "'%-8s|%r' % ($, $)", "'{:>8}|{!r}'.format($, $)", '$|first|default("-")',
    '$|tojson',
    '$.removeprefix("a")', '$.swapcase()', '$.splitlines()|join("/")', '$|list|join("-")', '$|wordcount|string'],
  number: ['$ + 1', '$ - $', '$ * 3', '$ / 2', '$ // 2', '$ % 3', '-$', '+$', '$ ** 2', '$|abs', '$|round',
  '$|round(1)',
    '$|round(0, "floor")', '$|round(1, "ceil")', '$|int', '$|float', '($ + $) * 2', '2 ** 3 - $', '$ // 1.5',
    '-$ // 3',
    '-$ % 4', '$|default(1)', '[$, 4]|max', '[$, 4]|min', '[$, 1]|sum', '$|string|length', '$|string|int', '-$|abs',
    "'42'|int + $", "'x'|int($|int)", '$ / 3 * 2', '1 - $ - 2'],
  list: ['$|sort', '$|list', '$|reverse|list', '$|unique|list', '$[1:]', '$[::-1]', '$[:2]', '$|map("string")|list',
    '$|select|list', '$|select("string")|list', '$|reject("number")|list', '$ + [1]', '$|list + $|list', '$ * 2',
    '$|map("string")|sort', '$|batch(2)|list', '$|batch(2, "x")|list', '$|slice(2)|list', '$|select("number")|sort',
    '$|map("string")|map("upper")|list', '[$, 1]', '$|sort(reverse=true)', '$|map("default", 0)|list',
    '$|map("int", -1)|list', '$|select("in", [1, "a"])|list', '$|map("string")|unique|list'],
  users: ['$|sort(attribute="a")', '$|sort(attribute="b,a")', '$|selectattr("a")|list',
  '$|rejectattr("a", "gt", 5)|list',
    '$|unique(attribute="b")|list', '$|selectattr("b", "ne", "a")|list', '$[1:]', '$|sort(true, attribute="b")'],
  mapping: ['$|dictsort|list', '$|items|list', '$.copy()', 'dict($, z=1)', '$|tojson', '$|tojson(indent=2)', '$',
    '$.items()|list', '$.keys()|list', '$.values()|list'],
  truth: ['not $', '$ and $', '$ or $', '($)', '$ == $', '$ is none', '$|default(false)', '$ is true',
  '$ is defined'],
};
/** What makes one of the first kind of one of the second. */
const CONVERTED: readonly (readonly [to: Kind, from: Kind, shape: string])[] = [
  ['text', 'list', '$|join(",")'], ['text', 'list', '$|string'], ['text', 'users', '$|map(attribute="b")|join("/")'],
  ['text', 'users', '$|tojson'], ['text', 'mapping', '$|string'], ['text', 'number', '$|string'],
  ['text', 'list', '$|tojson'],
  ['text', 'number', "'%05d|%x|%.2f' % ($|int, $|abs|int, $)"], ['text', 'number', "'{:+.3f}|{:,}'.format($, $|int)"],
  ['text', 'number', "'%g %e' % ($, $)"], ['text', 'number', '$ ~ ""'], ['text', 'truth', '"yes" if $ else "no"'],
  ['text', 'truth', '"only" if $'], ['text', 'number', '$|filesizeformat'],
  ['text', 'mapping', '$.get("name", "none")|string'],
  ['number', 'text', '$|length'], ['number', 'list', '$|length'], ['number', 'users', '$|sum(attribute="a")'],
  ['number', 'text', '$|int'], ['number', 'text', '$|float'], ['number', 'text', '$.count("a")'],
  ['number', 'text', '$.find("b")'],
  ['number', 'list', '$|first|default(0)'], ['number', 'users', '($|map(attribute="a")|max)|default(1)'],
  ['list', 'text', '$.split()'], ['list', 'text', '$.split(",")'], ['list', 'text', '$|list'],
  ['list', 'text', '$.rsplit(",", 1)'],
  ['list', 'users', '$|map(attribute="name")|list'], ['list', 'users', '$|groupby("a")'],
  ['list', 'mapping', '$|list'],
  ['list', 'users', '$|map(attribute="zz", default=0)|list'], ['list', 'number', 'range($|int)|list'],
  ['truth', 'text', '$ == "a"'], ['truth', 'text', '"a" in $'], ['truth', 'number', '$ > 3'],
  ['truth', 'number', '0 < $ <= 10'],
  ['truth', 'text', '$.startswith("a")'], ['truth', 'text', '$ is string and $ is not lower'],
  ['truth', 'number', '$|int is odd'],
  ['truth', 'list', '1 in $'], ['truth', 'list', '$|length is divisibleby 2'], ['truth', 'mapping', '"a" in $'],
  ['truth', 'mapping', '$.a is defined'], ['truth', 'list', '$ is iterable'], ['truth', 'number', '$ is number'],
  ['truth', 'text', '$ < "m"'], ['truth', 'mapping', '$ is mapping'], ['truth', 'list', 'not $'],
  ['truth', 'text', '$ not in ["a"]'],
];
const WILD_SHAPES = ['$ + $', '$ - $', '$ * $', '$ % $', '$ < $', '$ == $', '$ in $', '$ ~ $', '$[$]', '$.a',
  '$.items', '$["b"]',
  '$|sort', '$|sum', '$|join', '$|first', '$|last', '$|length', '$|int', '$|round', '$|min', '$|map("upper")|list',
  '$|tojson',
  '$|upper', '$|list', '$|dictsort', '$|abs', '$|unique|list', '$ is odd', '$ is in $', '$.split()', '$.get("a")',
  '$()', '-$',
  '$|selectattr("a")|list', '$|groupby("a")', '$|replace($, $)', '"%d" % $', '"%s" % $', '"{:d}".format($)', '$[1:]',
  '$|indent',
  '$|batch($)|list', '$.join($)', '$.index($)', '$|format($)', '$|center($)', '$|float', '$|items|list', '$ and $',
  '$ // $', '$ / $'];

const BODIES = ['x', ' ', '\n  ', '{{ i }}', '{{ v }}', '{{ n }}', '{% set v = n %}{{ v }}', '{{ s }}'];
/** Of so many expressions one mixes the kinds. */
const WILD_ONCE_IN = 9;

export class TemplateGenerator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(name: string): TemplateCase {
    const statements = Array.from({ length: 1 + this.#below(2) }, () => this.#statement(1));
    return { name, template: statements.join(this.#pick(['', ' ', '\n'])), context: this.#context(),
    files: new Map() };
  }

  /** mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  #pick<T extends string>(from: readonly T[]): T {
    const picked = from[this.#below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  #context(): string {
    const number = (): number => this.#below(3) === 0 ? this.#below(100) / 8 : this.#below(60) - 10;
    const some = (): unknown => this.#value(1);
    return JSON.stringify({
      n: this.#below(50) - 5, f: number() + 0.5, s: this.#pick(TEXTS), t: this.#pick(TEXTS), b: this.#below(2) === 0,
      z: null, e: [], l: Array.from({ length: this.#below(5) }, () => this.#below(9) - 2),
      w: Array.from({ length: this.#below(4) }, some),
      d: Object.fromEntries(KEYS.slice(0, this.#below(6)).map((key) => [key, some()])),
      u: Array.from({ length: this.#below(4) }, () => ({ a: this.#below(20), b: this.#pick(TEXTS), name: some() })),
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

  #expression(kind: Kind, depth: number): string {
    if (this.#below(WILD_ONCE_IN) === 0) {
      return this.#filled(this.#pick(WILD_SHAPES), () => this.#expression(this.#pick(KINDS), Math.min(depth, 1) - 1));
    }
    if (depth <= 0) return this.#pick(this.#below(2) === 0 ? NAMES[kind] : LITERALS[kind]);
    const ways = CONVERTED.filter(([to]) => to === kind);
    const way = this.#below(3) === 0 ? ways[this.#below(Math.max(ways.length, 1))] : undefined;
    const [from, shape] = way === undefined ? [kind, this.#pick(CHANGED[kind])] : [way[1], way[2]];
    return this.#filled(shape, () => this.#expression(from, depth - 1));
  }

  /** Now and then without the parentheses that would say what belongs together. */
  #filled(shape: string, make: () => string): string {
    return shape.split('$').reduce((left, right) => {
      const inner = make();
      return left + (/^[\w.]+$/.test(inner) || this.#below(5) === 0 ? inner : `(${inner})`) + right;
    });
  }

  #body(depth: number): string {
    return depth === 0 ? this.#pick(BODIES) : this.#statement(depth - 1);
  }

  #statement(depth: number): string {
    const [open, close] = [this.#pick(['{%', '{%', '{%', '{%-', '{%+']), this.#pick(['%}', '%}', '%}', '-%}'])];
    const tag = (text: string): string => `${open} ${text} ${close}`;
    const any = (): string => this.#expression(this.#pick(KINDS), 2);
    const truth = (): string => this.#expression('truth', 2);
    const items = (): string => this.#expression(this.#pick(['list', 'users', 'text']), 1);
    switch (this.#below(18)) {
      case 0: return `${tag(`if ${truth()}`)}${this.#body(depth)}${tag('else')}${this.#body(depth)}${tag('endif')}`;
      case 1: return `${tag(`if ${truth()}`)}${this.#body(depth)}${tag(`elif ${truth()}`)}y${tag('endif')}`;
      case 2: return `${tag(`for i in ${items()}`)}${this.#body(depth)}${tag('endfor')}`;
      case 3: {
        const round = `{{ loop.index }}${this.#body(depth)}`;
        return tag(`for i in l if ${truth()}`) + round + tag('else') + '-' + tag('endfor');
      }
      case 4: return `${tag('for i, v in d.items()')}{{ i }}{{ loop.last }}${this.#body(depth)}${tag('endfor')}`;
      case 5: return `${tag(`set v = ${any()}`)}{{ v }}`;
      case 6: return `${tag('set v')}${this.#body(depth)}${tag('endset')}{{ v }}`;
      case 7: return `${tag('macro m(i, v=1)')}${this.#body(depth)}${tag('endmacro')}{{ m(${any()}) }}`;
      case 8: return `${tag(`with v = ${any()}`)}${this.#body(depth)}${tag('endwith')}`;
      case 9: {
        const filter = this.#pick(['upper', 'trim', 'indent(1)', 'replace("x", "y")']);
        return tag(`filter ${filter}`) + this.#body(depth) + tag('endfilter');
      }
      default: {
        const expression = this.#expression(this.#pick(KINDS), 3);
        return `${this.#pick(['a', '', '\n'])}{{${this.#pick(['', '', '-'])} ${expression} }}`;
      }
    }
  }
}
