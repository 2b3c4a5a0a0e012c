// Jinja2's operators, tuples and targets. Inherited from nunjucks: `or`, `and`, `not`, `**` and the unary signs.

import { make } from './grammar.ts';
import { OperandGrammar, type TupleRules } from './operand-grammar.ts';
import type { Operator } from './operators.ts';
import type { AnyNode, Compare, CompareOperator, Expression, NodeNamed, Targets } from './tree.ts';

const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='] satisfies CompareOperator[];
/** Jinja2's names of nodes, where they are others. */
const PYTHON_NAMES: Readonly<Record<string, string>> = {
  Literal: 'const', Array: 'list', Group: 'tuple', LookupVal: 'getitem', Attribute: 'getattr', Filtered: 'filter',
  Tested: 'test', Concatenation: 'concat', InlineIf: 'condexpr',
};
export class ExpressionGrammar extends OperandGrammar {
  /** What stands in `{{ }}` and behind `set x =`: an expression, or a tuple without parentheses. */
  override parseExpression(): Expression {
    return this.parseTuple();
  }

  override parseTuple(rules: TupleRules = {}): Expression {
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
    const isOne = all.length === 1 && first !== undefined;
    return isOne ? { length: 1, trailing, all, 0: first } : { length: 0, trailing, all };
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
    const node = this.parseOperand();
    if (!withNamespace || node.typename !== 'Symbol' || !this.skipOperator('.')) return node;
    return make('NamespaceTarget', node.lineno, { namespace: node.value, name: this.require('symbol').value });
  }

  #unassignable(node: AnyNode): never {
    const name = PYTHON_NAMES[node.typename] ?? node.typename.toLowerCase();
    return this.complain(`can't assign to '${name}'`, node.lineno);
  }

  override parseInlineIf(): Expression {
    let node = this.parseChoice();
    while (this.skipSymbol('if')) {
      const cond = this.parseChoice();
      const otherwise = this.skipSymbol('else') ? this.parseInlineIf() : null;
      node = make('InlineIf', node.lineno, { cond, body: node, otherwise });
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
}

function asTarget(node: Expression | NodeNamed<'NamespaceTarget'>): Targets | undefined {
  if (node.typename === 'NamespaceTarget') return node;
  if (node.typename === 'Symbol') return make('Target', node.lineno, { name: node.value });
  if (node.typename !== 'Group') return undefined;
  const targets = node.children.map(asTarget).filter((target) => target !== undefined);
  return targets.length === node.children.length ? make('TargetList', node.lineno, { targets }) : undefined;
}
