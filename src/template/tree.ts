// The tree of a template: nunjucks' nodes where they say what Jinja2 means, and nodes of ours for the rest.

import type { Operator } from './operators.ts';
import type { Value } from './values.ts';

interface Node<Typename extends string> {
  readonly typename: Typename;
  readonly lineno: number;
  readonly fields: readonly string[];
}
type Binary = { readonly left: Expression; readonly right: Expression };

export type Literal = Node<'Literal'> & { readonly value: Value };
export type Name = Node<'Symbol'> & { readonly value: string };
/** A name that is assigned to: by `set` and `for`, or as a parameter. */
export type Target = Node<'Target'> & { readonly name: string };
export type Parameter = Node<'Parameter'> & { readonly name: string };
/** `namespace.name` on the left of a `set`. */
export type NamespaceTarget = Node<'NamespaceTarget'> & { readonly namespace: string; readonly name: string };
export type Targets = Target | NamespaceTarget | Node<'TargetList'> & { readonly targets: readonly Targets[] };
export type TupleNode = Node<'Group'> & { readonly children: readonly Expression[] };
export type ArrayNode = Node<'Array'> & { readonly children: readonly Expression[] };
export type PairNode = Node<'Pair'> & { readonly key: Expression; readonly value: Expression };
export type DictNode = Node<'Dict'> & { readonly children: readonly PairNode[] };
export type Attribute = Node<'Attribute'> & { readonly target: Expression; readonly name: string };
export type Item = Node<'LookupVal'> & { readonly target: Expression; readonly val: Expression | SliceNode };
export type SliceNode = Node<'Slice'> & {
  readonly start: Expression | null; readonly stop: Expression | null; readonly step: Expression | null;
};
export type CallArguments = Node<'CallArguments'> & {
  readonly positional: readonly Expression[];
  readonly named: readonly (Node<'NamedArgument'> & { readonly name: string; readonly value: Expression })[];
  readonly rest: Expression | null;
  readonly namedRest: Expression | null;
};
export type Call = Node<'Call'> & { readonly target: Expression; readonly args: CallArguments };
/** Without a target it filters what is in the block. */
export type Filtered = Node<'Filtered'> & {
  readonly target: Expression | null; readonly name: string; readonly args: CallArguments;
};
export type Tested = Node<'Tested'> & {
  readonly target: Expression; readonly name: string; readonly args: CallArguments;
};
export type InlineIf = Node<'InlineIf'> & {
  readonly cond: Expression; readonly body: Expression; readonly otherwise: Expression | null;
};
export type Arithmetic = Node<'Arithmetic'> & Binary & { readonly operator: Operator };
export type Concatenation = Node<'Concatenation'> & { readonly parts: readonly Expression[] };
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';
export type Compare = Node<'Compare'> & {
  readonly expr: Expression;
  readonly ops: readonly (Node<'CompareOperand'> & { readonly expr: Expression; readonly type: CompareOperator })[];
};

export type Expression = Literal | Name | TupleNode | ArrayNode | DictNode | Attribute | Item | SliceNode | Call
  | Filtered | Tested | InlineIf | Arithmetic | Concatenation | Compare
  | Node<'Or'> & Binary | Node<'And'> & Binary | Node<'Pow'> & Binary
  | Node<'Not'> & { readonly target: Expression } | Node<'Neg'> & { readonly target: Expression }
  | Node<'Pos'> & { readonly target: Expression };

interface Statements { readonly children: readonly Statement[] }
export type Body = Node<'NodeList'> & Statements | Node<'Root'> & Statements;
export type TemplateData = Node<'TemplateData'> & { readonly value: string };
export type Output = Node<'Output'> & { readonly children: readonly (TemplateData | Expression)[] };
export type If = Node<'If'> & { readonly cond: Expression; readonly body: Body; readonly otherwise: Body | null };
export type Loop = Node<'Loop'> & {
  readonly target: Targets; readonly items: Expression; readonly body: Body; readonly otherwise: Body | null;
  readonly test: Expression | null; readonly recursive: boolean;
};
interface Signature { readonly parameters: readonly Parameter[]; readonly defaults: readonly Expression[] }
export type MacroNode = Node<'MacroDefinition'> & Signature & { readonly name: string; readonly body: Body };
export type CallBlock = Node<'CallBlock'> & Signature & { readonly call: Call; readonly body: Body };
export type FilterBlock = Node<'FilterBlock'> & { readonly body: Body; readonly filter: Filtered };
export type Assignment = Node<'Assignment'> & { readonly target: Targets; readonly value: Expression };
export type AssignmentBlock = Node<'AssignmentBlock'> & {
  readonly target: Targets; readonly filter: Filtered | null; readonly body: Body;
};
export type With = Node<'With'> & {
  readonly targets: readonly Targets[]; readonly values: readonly Expression[]; readonly body: Body;
};
export type Block = Node<'Block'> & {
  readonly name: string; readonly body: Body; readonly scoped: boolean; readonly required: boolean;
};
export type Extends = Node<'Extends'> & { readonly template: Expression };
export type Include = Node<'Inclusion'> & {
  readonly template: Expression; readonly ignoreMissing: boolean; readonly withContext: boolean;
};
export type Import = Node<'ModuleImport'> & {
  readonly template: Expression; readonly name: string; readonly withContext: boolean;
};
export type FromImport = Node<'NamesImport'> & {
  readonly template: Expression; readonly names: readonly (readonly [name: string, alias: string])[];
  readonly withContext: boolean;
};

export type Statement = Output | If | Loop | MacroNode | CallBlock | FilterBlock | Assignment | AssignmentBlock | With
  | Block | Extends | Include | Import | FromImport;
export type AnyNode = Statement | Expression | Body | TemplateData | Targets | Parameter | PairNode | CallArguments
  | CallArguments['named'][number] | Compare['ops'][number];
export type NodeNamed<Typename extends AnyNode['typename']> = Extract<AnyNode, { typename: Typename }>;

/** The nodes in a node, in the order of its fields: that of Jinja2's analysis. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const fields = node as unknown as Readonly<Record<string, unknown>>;
  const children: AnyNode[] = [];
  for (const field of node.fields) {
    const value = fields[field];
    if (!Array.isArray(value)) {
      if (isNode(value)) children.push(value);
    } else {
      for (const one of value) if (isNode(one)) children.push(one);
    }
  }
  return children;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'typename' in value && 'fields' in value;
}

export function descendantsOf(node: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  const collect = (one: AnyNode): void => {
    for (const child of childrenOf(one)) {
      found.push(child);
      collect(child);
    }
  };
  collect(node);
  return found;
}
