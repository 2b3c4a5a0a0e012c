// nunjucks, and what of it is Jinja2's: its parser's walk through tokens, data, tags and blocks, `or`, `and`, `not`,
// `**`, unary signs, and its nodes. The rest of the grammar is in expression-grammar.ts and statement-grammar.ts, which
// override it. nunjucks' lexer, compiler and run time are not used.

import nodes from 'nunjucks/src/nodes.js';
import parser from 'nunjucks/src/parser.js';
import { raise } from './error.ts';
import { quoted } from './text.ts';
import type { AnyNode, NodeNamed } from './tree.ts';
import type { Token } from './tokens.ts';

const ours = (name: string, ...fields: string[]): typeof nodes.Node => nodes.Node.extend(name, { fields });

const CLASSES: Readonly<Record<string, typeof nodes.Node>> = {
  ...nodes,
  If: ours('If', 'cond', 'body', 'otherwise'),
  InlineIf: ours('InlineIf', 'cond', 'body', 'otherwise'),
  Target: ours('Target'),
  Parameter: ours('Parameter'),
  NamespaceTarget: ours('NamespaceTarget'),
  TargetList: ours('TargetList', 'targets'),
  Attribute: ours('Attribute', 'target'),
  Slice: ours('Slice', 'start', 'stop', 'step'),
  CallArguments: ours('CallArguments', 'positional', 'named', 'rest', 'namedRest'),
  NamedArgument: ours('NamedArgument', 'value'),
  Call: ours('Call', 'target', 'args'),
  Filtered: ours('Filtered', 'target', 'args'),
  Tested: ours('Tested', 'target', 'args'),
  Arithmetic: ours('Arithmetic', 'left', 'right'),
  Concatenation: ours('Concatenation', 'parts'),
  Loop: ours('Loop', 'target', 'items', 'body', 'otherwise', 'test'),
  MacroDefinition: ours('MacroDefinition', 'parameters', 'defaults', 'body'),
  CallBlock: ours('CallBlock', 'call', 'parameters', 'defaults', 'body'),
  FilterBlock: ours('FilterBlock', 'body', 'filter'),
  Assignment: ours('Assignment', 'target', 'value'),
  AssignmentBlock: ours('AssignmentBlock', 'target', 'filter', 'body'),
  With: ours('With', 'targets', 'values', 'body'),
  Inclusion: ours('Inclusion', 'template'),
  ModuleImport: ours('ModuleImport', 'template'),
  NamesImport: ours('NamesImport', 'template'),
};

export function make<Typename extends AnyNode['typename']>(typename: Typename, line: number,
  values: Omit<NodeNamed<Typename>, 'typename' | 'lineno' | 'fields'>): NodeNamed<Typename> {
  const Class = CLASSES[typename];
  if (Class === undefined) throw new Error(`no class of nodes is named ${typename}`);
  // The class has this typename, and its values are those of the type.
  return Object.assign(new Class(line, 0), values) as unknown as NodeNamed<Typename>;
}

const DESCRIPTIONS: Readonly<Record<Exclude<Token['type'], 'symbol' | 'operator'>, string>> = {
  data: 'template data / text', 'block-start': 'begin of statement block', 'block-end': 'end of statement block',
  'variable-start': 'begin of print statement', 'variable-end': 'end of print statement', string: 'string',
  int: 'integer', float: 'float', end: 'end of template',
};

function describe(token: Token): string {
  return token.type === 'symbol' || token.type === 'operator' ? token.value : DESCRIPTIONS[token.type];
}

class TokenSource {
  /** nunjucks looks for signs behind these; ours have none, as the lexer has done what they say. */
  readonly tags = { VARIABLE_START: '{{', COMMENT_START: '{#' };
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** As nunjucks has it, there is nothing at the end. */
  nextToken(): Token | null {
    const token = this.upcoming();
    this.#next += 1;
    return token.type === 'end' ? null : token;
  }

  upcoming(): Token {
    const token = this.#tokens[this.#next] ?? this.end();
    if (token.failure !== undefined) throw token.failure;
    return token;
  }

  end(): Token {
    return this.#tokens.at(-1) ?? { type: 'end', value: '', lineno: 1, colno: 0 };
  }
}

/** nunjucks' parser over our tokens, with Jinja2's sentences for what does not fit. */
export class Grammar extends parser.Parser<Token> {
  readonly #source: TokenSource;

  constructor(tokens: readonly Token[]) {
    const source = new TokenSource(tokens);
    super(source);
    this.#source = source;
  }

  current(): Token {
    return this.peekToken() ?? this.#source.end();
  }

  /** The token behind the current one. */
  upcoming(): Token {
    this.peekToken();
    return this.#source.upcoming();
  }

  advance(): Token {
    return this.nextToken() ?? this.#source.end();
  }

  is(type: Token['type'], value?: string): boolean {
    const token = this.current();
    return token.type === type && (value === undefined || token.value === value);
  }

  isOperator(...operators: readonly string[]): boolean {
    const token = this.current();
    return token.type === 'operator' && operators.includes(token.value);
  }

  /** Skips it, and says whether it was there. */
  skipOperator(operator: string): boolean {
    return this.skipValue('operator', operator);
  }

  /** The parser's own is without a value, and with another sentence. */
  require(type: Token['type'], value?: string): Token {
    if (this.is(type, value)) return this.advance();
    const wanted = quoted(value ?? (type === 'symbol' ? 'name' : type === 'operator' ? type : DESCRIPTIONS[type]));
    const token = this.current();
    return this.complain(token.type === 'end' ? `unexpected end of template, expected ${wanted}.`
      : `expected token ${wanted}, got ${quoted(describe(token))}`);
  }

  describeCurrent(): string {
    return quoted(describe(this.current()));
  }

  complain(message: string, line = this.current().lineno): never {
    return raise('TemplateSyntaxError', message, line);
  }
}
