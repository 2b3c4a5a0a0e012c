// Jinja2's statements. Inherited from nunjucks: the walk through a template's data, `{{ }}` and blocks.

import { ExpressionGrammar } from './expression-grammar.ts';
import { raise } from './error.ts';
import { make } from './grammar.ts';
import { quoted } from './text.ts';
import { isSpace } from './characters.ts';
import type { AnyNode, Body, Call, Expression, Filtered, If, Parameter, Statement, Targets } from './tree.ts';
import { tokenize } from './tokens.ts';

export function parseTemplate(text: string): Body {
  return new StatementGrammar(tokenize(text)).parseTemplate();
}

class StatementGrammar extends ExpressionGrammar {
  /** What the blocks that are open end with, and their tags: for sentences about what is missing. */
  readonly #endings: (readonly string[])[] = [];
  readonly #openTags: string[] = [];

  parseTemplate(): Body {
    // nunjucks' list of what the overridden methods made.
    return this.parseAsRoot() as AnyNode as Body;
  }

  override advanceAfterVariableEnd(): void {
    this.require('variable-end');
  }

  override parseStatement(): Statement | null {
    if (!this.is('symbol')) this.complain('tag name expected');
    const { value, lineno } = this.current();
    if (this.breakOnBlocks?.includes(value) === true) return null;
    const parse = this.#statements.get(value);
    if (parse === undefined) return this.#unexpectedEnd(value, lineno);
    this.advance();
    this.#openTags.push(value);
    const node = parse(lineno);
    this.#openTags.pop();
    this.require('block-end');
    return node;
  }

  readonly #statements = new Map<string, (line: number) => Statement>([
    ['if', (line): Statement => this.#if(line)],
    ['for', (line): Statement => this.#for(line)],
    ['set', (line): Statement => this.#set(line)],
    ['with', (line): Statement => this.#with(line)],
    ['block', (line): Statement => this.#block(line)],
    ['extends', (line): Statement => make('Extends', line, { template: this.parseInlineIf() })],
    ['include', (line): Statement => this.#include(line)],
    ['import', (line): Statement => this.#import(line)],
    ['from', (line): Statement => this.#from(line)],
    ['macro', (line): Statement => this.#macro(line)],
    ['call', (line): Statement => this.#call(line)],
    ['filter', (line): Statement => this.#filter(line)],
    ['print', (line): Statement => this.#print(line)],
    ['autoescape', (line): Statement => raise('TemplateRefused',
      'autoescape is not supported here: leave it out, or use the filter escape', line)],
  ]);

  #unexpectedEnd(tag: string | undefined, line: number): never {
    const looking = this.#endings.at(-1)?.map(quoted).join(' or ');
    const isExpected = tag !== undefined && this.#endings.some((ending) => ending.includes(tag));
    const innermost = this.#openTags.at(-1);
    this.complain([
      tag === undefined ? 'Unexpected end of template.' : `Encountered unknown tag ${quoted(tag)}.`,
      ...looking === undefined ? [] : [isExpected
        ? `You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for ${looking}.`
        : `Jinja was looking for the following tags: ${looking}.`],
      ...innermost === undefined ? [] : [`The innermost block that needs to be closed is ${quoted(innermost)}.`],
    ].join(' '), line);
  }

  /** The statements up to one of these tags, the name of which is then the current token. */
  #body(...endings: string[]): Body {
    this.skipOperator(':');
    this.require('block-end');
    this.#endings.push(endings);
    // As in parseTemplate.
    const body = this.parseUntilBlocks(...endings) as AnyNode as Body;
    if (this.is('end')) this.#unexpectedEnd(undefined, this.current().lineno);
    this.#endings.pop();
    return body;
  }

  #lastBody(ending: string): Body {
    const body = this.#body(ending);
    this.advance();
    return body;
  }

  #if(line: number): If {
    const cond = this.parseTuple({ withCondition: false });
    const body = this.#body('elif', 'else', 'endif');
    const tag = this.advance();
    if (tag.value === 'else') return make('If', line, { cond, body, otherwise: this.#lastBody('endif') });
    if (tag.value === 'endif') return make('If', line, { cond, body, otherwise: null });
    const other = this.#if(this.current().lineno);
    return make('If', line, { cond, body, otherwise: make('NodeList', other.lineno, { children: [other] }) });
  }

  #for(line: number): Statement {
    const target = this.parseTargets();
    this.require('symbol', 'in');
    const items = this.parseTuple({ withCondition: false });
    const test = this.skipSymbol('if') ? this.parseInlineIf() : null;
    const recursive = this.skipSymbol('recursive');
    const body = this.#body('endfor', 'else');
    const otherwise = this.advance().value === 'else' ? this.#lastBody('endfor') : null;
    return make('Loop', line, { target, items, body, otherwise, test, recursive });
  }

  #set(line: number): Statement {
    const target = this.parseTargets(true);
    if (this.skipOperator('=')) return make('Assignment', line, { target, value: this.parseTuple() });
    const filter = this.#filters(null);
    return make('AssignmentBlock', line, { target, filter, body: this.#lastBody('endset') });
  }

  #filters(first: Filtered | null): Filtered | null {
    let node = first;
    while (this.skipOperator('|')) node = this.parseOneFilter(node);
    return node;
  }

  #with(line: number): Statement {
    const targets: Targets[] = [];
    const values: Expression[] = [];
    while (!this.is('block-end')) {
      if (targets.length > 0) this.require('operator', ',');
      targets.push(this.parseTargets());
      this.require('operator', '=');
      values.push(this.parseInlineIf());
    }
    return make('With', line, { targets, values, body: this.#lastBody('endwith') });
  }

  #block(line: number): Statement {
    const name = this.require('symbol').value;
    const scoped = this.skipSymbol('scoped');
    const required = this.skipSymbol('required');
    if (this.isOperator('-')) {
      this.complain('Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an '
        + 'underscore instead.');
    }
    const body = this.#lastBody('endblock');
    const isBlank = body.children.every((node) => node.typename === 'Output' && node.children.every((child) => {
      return child.typename === 'TemplateData' && isSpace(child.value);
    }));
    if (required && !isBlank) this.complain('Required blocks can only contain comments or whitespace');
    this.skipSymbol(name);
    return make('Block', line, { name, body, scoped, required });
  }

  #include(line: number): Statement {
    const template = this.parseInlineIf();
    const ignoreMissing = this.is('symbol', 'ignore') && this.upcoming().value === 'missing';
    if (ignoreMissing) {
      this.advance();
      this.advance();
    }
    return make('Inclusion', line, { template, ignoreMissing, withContext: this.#context() ?? true });
  }

  #context(): boolean | undefined {
    const { type, value } = this.current();
    if (type !== 'symbol' || (value !== 'with' && value !== 'without')) return undefined;
    const next = this.upcoming();
    if (next.type !== 'symbol' || next.value !== 'context') return undefined;
    this.advance();
    this.advance();
    return value === 'with';
  }

  #name(): string {
    return this.require('symbol').value;
  }

  #import(line: number): Statement {
    const template = this.parseInlineIf();
    this.require('symbol', 'as');
    const name = this.#name();
    return make('ModuleImport', line, { template, name, withContext: this.#context() ?? false });
  }

  #from(line: number): Statement {
    const template = this.parseInlineIf();
    this.require('symbol', 'import');
    const names: [string, string][] = [];
    let withContext: boolean | undefined;
    for (;;) {
      if (names.length > 0) this.require('operator', ',');
      withContext = this.#context();
      if (withContext !== undefined) break;
      const { lineno } = this.current();
      const name = this.#name();
      if (name.startsWith('_')) {
        raise('TemplateAssertionError', 'names starting with an underline can not be imported', lineno);
      }
      names.push([name, this.skipSymbol('as') ? this.#name() : name]);
      withContext = this.#context();
      if (withContext !== undefined || !this.isOperator(',')) break;
    }
    return make('NamesImport', line, { template, names, withContext: withContext ?? false });
  }

  #signature(): { parameters: Parameter[]; defaults: Expression[] } {
    this.require('operator', '(');
    const parameters: Parameter[] = [];
    const defaults: Expression[] = [];
    while (!this.isOperator(')')) {
      if (parameters.length > 0) this.require('operator', ',');
      const { lineno } = this.current();
      const name = this.#name();
      if (this.skipOperator('=')) defaults.push(this.parseInlineIf());
      else if (defaults.length > 0) this.complain('non-default argument follows default argument');
      parameters.push(make('Parameter', lineno, { name }));
    }
    this.require('operator', ')');
    return { parameters, defaults };
  }

  #macro(line: number): Statement {
    const name = this.#name();
    const signature = this.#signature();
    return make('MacroDefinition', line, { name, ...signature, body: this.#lastBody('endmacro') });
  }

  #call(line: number): Statement {
    const signature = this.isOperator('(') ? this.#signature() : { parameters: [], defaults: [] };
    const call = this.parseInlineIf();
    if (call.typename !== 'Call') return this.complain('expected call', line);
    return make('CallBlock', line, { call: call satisfies Call, ...signature, body: this.#lastBody('endcall') });
  }

  #filter(line: number): Statement {
    const first = this.parseOneFilter(null);
    const filter = this.#filters(first) ?? first;
    return make('FilterBlock', line, { filter, body: this.#lastBody('endfilter') });
  }

  #print(line: number): Statement {
    const children: Expression[] = [];
    while (!this.is('block-end')) {
      if (children.length > 0) this.require('operator', ',');
      children.push(this.parseInlineIf());
    }
    return make('Output', line, { children });
  }
}
