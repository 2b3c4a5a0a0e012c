// The two modules of nunjucks that are used, and what of them. Its lexer, compiler and run time are not used.

declare module 'nunjucks/src/nodes.js' {
  interface NunjucksNode {
    readonly typename: string;
    readonly lineno: number;
    readonly fields: readonly string[];
  }
  interface NodeClass {
    new(lineno: number, colno: number, ...fields: unknown[]): NunjucksNode;
    extend(name: string, members: { fields: readonly string[] }): NodeClass;
  }
  const nodes: Readonly<Record<'Node' | 'NodeList' | 'Literal' | 'Symbol' | 'Group' | 'Array' | 'Pair' | 'Dict'
    | 'LookupVal' | 'If' | 'InlineIf' | 'Block' | 'Extends' | 'Output' | 'Compare' | 'CompareOperand', NodeClass>>;
  export = nodes;
}

declare module 'nunjucks/src/parser.js' {
  import nodes from 'nunjucks/src/nodes.js';

  type NunjucksNode = InstanceType<typeof nodes.Node>;

  interface NunjucksToken {
    readonly type: string;
    readonly value: string;
    readonly lineno: number;
    readonly colno: number;
  }
  class Parser<Token extends NunjucksToken = NunjucksToken> {
    constructor(tokens: { nextToken(): Token | null; readonly tags: Readonly<Record<string, string>> });
    breakOnBlocks: readonly string[] | null;
    nextToken(): Token | null;
    peekToken(): Token | null;
    skip(type: string): boolean;
    skipValue(type: string, value: string): boolean;
    skipSymbol(value: string): boolean;
    parseAsRoot(): NunjucksNode;
    parseUntilBlocks(...names: string[]): NunjucksNode;
    parseStatement(): NunjucksNode | null;
    advanceAfterVariableEnd(): void;
    /** What stands in `{{ }}`. */
    parseExpression(): NunjucksNode;
    parseInlineIf(): NunjucksNode;
    parseOr(): NunjucksNode;
    parseIn(): NunjucksNode;
    parsePow(): NunjucksNode;
    parsePrimary(): NunjucksNode;
    parseFilter(node: NunjucksNode): NunjucksNode;
  }
  const module: { readonly Parser: typeof Parser };
  export = module;
}
