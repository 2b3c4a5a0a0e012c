// Jinja2's operands: names, literals, brackets, what stands behind them in dots, brackets and parentheses, filters and
// tests.

import { Grammar, make } from './grammar.ts';
import type { CallArguments, Expression, Item, NodeNamed } from './tree.ts';

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true], ['True', true], ['false', false], ['False', false], ['none', null], ['None', null],
]);
/** What a test's argument without parentheses may begin with, beside a name. */
const ARGUMENT_STARTS: readonly string[] = ['string', 'int', 'float'];

export interface TupleRules {
  /** False where an `if` belongs to the statement. */
  readonly withCondition?: boolean;
  /** In parentheses it may be empty. */
  readonly inParentheses?: boolean;
}

export abstract class OperandGrammar extends Grammar {
  /** An expression without a comma. */
  abstract override parseInlineIf(): Expression;
  abstract parseTuple(rules?: TupleRules): Expression;

  override parsePrimary(): Expression {
    return this.#postfix(this.parseOperand());
  }

  parseOperand(): Expression {
    const { type, value, literal, lineno } = this.current();
    const constant = CONSTANTS.get(value);
    if (type === 'string') return make('Literal', lineno, { value: this.#strings() });
    if (type !== 'symbol' && type !== 'int' && type !== 'float') return this.#bracketed();
    this.advance();
    if (type !== 'symbol') return make('Literal', lineno, { value: literal ?? null });
    return constant === undefined ? make('Symbol', lineno, { value }) : make('Literal', lineno, { value: constant });
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
