// Jinja2's expressions. Inherited: `or`, `and`, `not`, `**` and the unary signs.

import { Grammar, make } from './grammar.ts';
import type { Operator } from './operators.ts';
import type { AnyNode, CallArguments, Compare, CompareOperator, Expression, Item, NodeNamed, Targets }
  from './tree.ts';

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true], ['True', true], ['false', false], ['False', false], ['none', null], ['None', null],
]);
const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='] satisfies CompareOperator[];
/** Jinja2's names of nodes, where they are others. */
const PYTHON_NAMES: Readonly<Record<string, string>> = {
  Literal: 'const', Array: 'list', Group: 'tuple', LookupVal: 'getitem', Attribute: 'getattr', Filtered: 'filter',
  Tested: 'test', Concatenation: 'concat', InlineIf: 'condexpr',
};
/** What a test's argument without parentheses may begin with, beside a name. */
const ARGUMENT_STARTS: readonly string[] = ['string', 'int', 'float'];

export interface TupleRules {
  /** False where an `if` belongs to the statement. */
  readonly withCondition?: boolean;
  /** In parentheses it may be empty. */
  readonly inParentheses?: boolean;
}

export class ExpressionGrammar extends Grammar {
  /** What stands in `{{ }}` and behind `set x =`: an expression, or a tuple without parentheses. */
  override parseExpression(): Expression {
    return this.parseTuple();
  }

  parseTuple(rules: TupleRules = {}): Expression {
    const line = this.current().lineno;
    const items = this.#listed(rules, () => {
      return rules.withCondition === false ? this.parseChoice() : this.parseInlineIf();
    });
    return items.length === 1 && !items.trailing ? items[0] : make('Group', line, { children: items.all });
  }

  /** Items with commas between them, the last of which may be left over. */
  #listed<T>(rules: TupleRules, parse: () => T):
  { length: 1; trailing: boolean; all: T[]; 0: T } | { length: 0; trailing: boolean; all: T[]; 0?: T } {
    const all: T[] = [];
    let trailing = false;
    for (;;) {
      if (all.length > 0) this.require('operator', ',');
      if (this.#endsTuple()) break;
      all.push(parse());
      if (!this.isOperator(',')) break;
      trailing = true;
    }
    const [first] = all;
    if (!trailing && first === undefined && rules.inParentheses !== true) {
      this.complain(`Expected an expression, got ${this.describeCurrent()}`);
    }
    return all.length === 1 && first !== undefined ? { length: 1, trailing, all, 0: first } : { length: 0, trailing, all };
  }

  #endsTuple(): boolean {
    return this.is('variable-end') || this.is('block-end') || this.isOperator(')');
  }

  /** What `set` and `for` assign to. */
  parseTargets(withNamespace = false): Targets {
    const line = this.current().lineno;
    const items = this.#listed({}, () => this.#targetPart(withNamespace));
    if (items.length === 1 && !items.trailing) return asTarget(items[0]) ?? this.#unassignable(items[0]);
    const targets = items.all.map(asTarget).filter((target) => target !== undefined);
    return targets.length === items.all.length ? make('TargetList', line, { targets })
      : this.complain("can't assign to 'tuple'", line);
  }

  #targetPart(withNamespace: boolean): Expression | NodeNamed<'NamespaceTarget'> {
    const node = this.#primary();
    if (!withNamespace || node.typename !== 'Symbol' || !this.skipOperator('.')) return node;
    return make('NamespaceTarget', node.lineno, { namespace: node.value, name: this.require('symbol').value });
  }

  #unassignable(node: AnyNode): never {
    return this.complain(`can't assign to '${PYTHON_NAMES[node.typename] ?? node.typename.toLowerCase()}'`, node.lineno);
  }

  override parseInlineIf(): Expression {
    let node = this.parseChoice();
    while (this.skipSymbol('if')) {
      const cond = this.parseChoice();
      const else_ = this.skipSymbol('else') ? this.parseInlineIf() : null;
      node = make('InlineIf', node.lineno, { cond, body: node, else_ });
    }
    return node;
  }

  /** An `or`, or what binds closer: nunjucks' way down calls parseIn. */
  parseChoice(): Expression {
    // nunjucks' nodes, of children that are made here.
    return this.parseOr() as AnyNode as Expression;
  }

  /** Comparisons, which may be chained. In nunjucks what stands below `not` is called so. */
  override parseIn(): Expression {
    const expr = this.#sum();
    const ops: Compare['ops'][number][] = [];
    for (;;) {
      const type = this.#comparison();
      if (type === undefined) break;
      ops.push(make('CompareOperand', expr.lineno, { expr: this.#sum(), type }));
    }
    return ops.length === 0 ? expr : make('Compare', expr.lineno, { expr, ops });
  }

  #comparison(): CompareOperator | undefined {
    if (this.isOperator(...COMPARISONS)) return this.advance().value as CompareOperator;
    if (this.skipSymbol('in')) return 'in';
    const next = this.upcoming();
    if (!this.is('symbol', 'not') || next.type !== 'symbol' || next.value !== 'in') return undefined;
    this.advance();
    this.advance();
    return 'not in';
  }

  #sum(): Expression {
    return this.#leftToRight(['+', '-'], () => this.#concatenation());
  }

  #concatenation(): Expression {
    const parts = [this.#product()];
    while (this.skipOperator('~')) parts.push(this.#product());
    const [first] = parts;
    return parts.length === 1 && first !== undefined ? first
      : make('Concatenation', first?.lineno ?? 1, { parts });
  }

  #product(): Expression {
    // As parseChoice: parsePow calls parseUnary, and that parsePrimary.
    return this.#leftToRight(['*', '/', '//', '%'], () => this.parsePow() as AnyNode as Expression);
  }

  #leftToRight(operators: readonly Operator[], parse: () => Expression): Expression {
    let left = parse();
    while (this.isOperator(...operators)) {
      const operator = this.advance().value as Operator;
      left = make('Arithmetic', left.lineno, { left, right: parse(), operator });
    }
    return left;
  }

  override parsePrimary(): Expression {
    return this.#postfix(this.#primary());
  }

  #primary(): Expression {
    const { type, value, literal, lineno } = this.current();
    const constant = CONSTANTS.get(value);
    switch (type) {
      case 'symbol':
        this.advance();
        return constant === undefined ? make('Symbol', lineno, { value }) : make('Literal', lineno, { value: constant });
      case 'string':
        return make('Literal', lineno, { value: this.#strings() });
      case 'int':
      case 'float':
        this.advance();
        return make('Literal', lineno, { value: literal ?? null });
      default:
        return this.#bracketed();
    }
  }

  /** Strings next to each other are one. */
  #strings(): string {
    let text = '';
    while (this.is('string')) text += String(this.advance().literal);
    return text;
  }

  #bracketed(): Expression {
    const { lineno } = this.current();
    if (this.skipOperator('(')) {
      const inner = this.parseTuple({ inParentheses: true });
      this.require('operator', ')');
      return inner;
    }
    if (this.skipOperator('[')) {
      return make('Array', lineno, { children: this.#until(']', () => this.parseInlineIf()) });
    }
    if (this.skipOperator('{')) {
      return make('Dict', lineno, { children: this.#until('}', () => this.#pair()) });
    }
    return this.complain(`unexpected ${this.describeCurrent()}`, lineno);
  }

  #until<T>(closing: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.isOperator(closing)) {
      if (items.length > 0) this.require('operator', ',');
      if (this.isOperator(closing)) break;
      items.push(parse());
    }
    this.require('operator', closing);
    return items;
  }

  #pair(): NodeNamed<'Pair'> {
    const key = this.parseInlineIf();
    this.require('operator', ':');
    return make('Pair', key.lineno, { key, value: this.parseInlineIf() });
  }

  #postfix(start: Expression): Expression {
    let node = start;
    for (;;) {
      const { lineno } = this.current();
      if (this.skipOperator('.')) node = this.#member(node, lineno);
      else if (this.skipOperator('[')) node = this.#subscript(node, lineno);
      else if (this.isOperator('(')) node = make('Call', lineno, { target: node, args: this.parseArguments() });
      else return node;
    }
  }

  #member(target: Expression, line: number): Expression {
    const { type, value, literal, lineno } = this.advance();
    if (type === 'symbol') return make('Attribute', line, { target, name: value });
    if (type !== 'int') return this.complain('expected name or number', lineno);
    return make('LookupVal', line, { target, val: make('Literal', lineno, { value: literal ?? null }) });
  }

  #subscript(target: Expression, line: number): Item {
    const keys: Item['val'][] = [];
    while (!this.isOperator(']')) {
      if (keys.length > 0) this.require('operator', ',');
      keys.push(this.#subscripted());
    }
    this.require('operator', ']');
    const [key] = keys;
    const val = keys.length === 1 && key !== undefined ? key : make('Group', line, { children: keys });
    return make('LookupVal', line, { target, val });
  }

  #subscripted(): Item['val'] {
    const { lineno } = this.current();
    const part = (): Expression | null => this.isOperator(':', ']', ',') ? null : this.parseInlineIf();
    const start = part();
    if (!this.skipOperator(':')) return start ?? this.parseInlineIf();
    const stop = part();
    const step = this.skipOperator(':') ? part() : null;
    return make('Slice', lineno, { start, stop, step });
  }

  parseArguments(): CallArguments {
    const { lineno } = this.require('operator', '(');
    const positional: Expression[] = [];
    const named: CallArguments['named'][number][] = [];
    let rest: Expression | null = null;
    let namedRest: Expression | null = null;
    const ensure = (holds: boolean): void => {
      if (!holds) this.complain('invalid syntax for function call expression', lineno);
    };
    for (let first = true; !this.isOperator(')'); first = false) {
      if (!first) this.require('operator', ',');
      if (this.isOperator(')')) break;
      const next = this.upcoming();
      if (this.skipOperator('*')) {
        ensure(rest === null && namedRest === null);
        rest = this.parseInlineIf();
      } else if (this.skipOperator('**')) {
        ensure(namedRest === null);
        namedRest = this.parseInlineIf();
      } else if (this.is('symbol') && next.type === 'operator' && next.value === '=') {
        ensure(namedRest === null);
        const name = this.advance().value;
        this.advance();
        const value = this.parseInlineIf();
        named.push(make('NamedArgument', value.lineno, { name, value }));
      } else {
        ensure(rest === null && namedRest === null && named.length === 0);
        positional.push(this.parseInlineIf());
      }
    }
    this.require('operator', ')');
    return make('CallArguments', lineno, { positional, named, rest, namedRest });
  }

  #noArguments(): CallArguments {
    const { lineno } = this.current();
    return make('CallArguments', lineno, { positional: [], named: [], rest: null, namedRest: null });
  }

  /** Filters, tests and calls behind an expression. */
  override parseFilter(start: Expression): Expression {
    let node = start;
    for (;;) {
      const { lineno } = this.current();
      if (this.skipOperator('|')) node = this.parseOneFilter(node);
      else if (this.skipSymbol('is')) node = this.#test(node, lineno);
      else if (this.isOperator('(')) node = make('Call', lineno, { target: node, args: this.parseArguments() });
      else return node;
    }
  }

  /** A filter's name and arguments; the `|` is gone. */
  parseOneFilter(target: Expression | null): NodeNamed<'Filtered'> {
    const { lineno } = this.current();
    const name = this.#dottedName();
    const args = this.isOperator('(') ? this.parseArguments() : this.#noArguments();
    return make('Filtered', lineno, { target, name, args });
  }

  #dottedName(): string {
    let name = this.require('symbol').value;
    while (this.skipOperator('.')) name += `.${this.require('symbol').value}`;
    return name;
  }

  #test(target: Expression, line: number): Expression {
    const negated = this.skipSymbol('not');
    const name = this.#dottedName();
    const args = this.isOperator('(') ? this.parseArguments() : this.#testArgument();
    const node = make('Tested', line, { target, name, args });
    return negated ? make('Not', line, { target: node }) : node;
  }

  #testArgument(): CallArguments {
    const { type, value, lineno } = this.current();
    const begins = ARGUMENT_STARTS.includes(type) || this.isOperator('[', '{')
      || (type === 'symbol' && !['else', 'or', 'and'].includes(value));
    if (!begins) return this.#noArguments();
    if (this.is('symbol', 'is')) this.complain('You cannot chain multiple tests with is');
    return make('CallArguments', lineno, {
      positional: [this.parsePrimary()], named: [], rest: null, namedRest: null,
    });
  }
}

function asTarget(node: Expression | NodeNamed<'NamespaceTarget'>): Targets | undefined {
  if (node.typename === 'NamespaceTarget') return node;
  if (node.typename === 'Symbol') return make('Target', node.lineno, { name: node.value });
  if (node.typename !== 'Group') return undefined;
  const targets = node.children.map(asTarget).filter((target) => target !== undefined);
  return targets.length === node.children.length ? make('TargetList', node.lineno, { targets }) : undefined;
}
