// Which variable a name means, decided before anything runs, as Jinja2's compiler decides it. A frame has its own
// symbols; a symbol is a variable of the frame, or of one around it. What is assigned in a frame is the frame's own and
// begins as the outer one's value, so an assignment in a loop does not leave it.

import { childrenOf, type AnyNode, type NodeNamed, type Targets } from './tree.ts';

/** What a frame's variable is when the frame is entered: looked up in the context, an outer one's value, or nothing. */
export type Load = { readonly from: 'context'; readonly name: string } | { readonly from: 'outer'; readonly id: string }
  | { readonly from: 'nothing' } | { readonly from: 'caller' };

export class Symbols {
  readonly level: number;
  readonly parent: Symbols | undefined;
  /** Names to the ids of variables. */
  readonly refs: Map<string, string>;
  readonly loads: Map<string, Load>;
  readonly stores: Set<string>;

  constructor(parent?: Symbols, copied?: Symbols) {
    this.parent = parent;
    this.level = copied?.level ?? (parent === undefined ? 0 : parent.level + 1);
    this.refs = new Map(copied?.refs);
    this.loads = new Map(copied?.loads);
    this.stores = new Set(copied?.stores);
  }

  find(name: string): string | undefined {
    return this.refs.get(name) ?? this.parent?.find(name);
  }

  declareParameter(name: string): string {
    this.stores.add(name);
    return this.#define(name, { from: 'caller' });
  }

  store(name: string): void {
    this.stores.add(name);
    if (this.refs.has(name)) return;
    const outer = this.parent?.find(name);
    this.#define(name, outer === undefined ? { from: 'nothing' } : { from: 'outer', id: outer });
  }

  load(name: string): void {
    if (this.find(name) === undefined) this.#define(name, { from: 'context', name });
  }

  #define(name: string, load: Load): string {
    const id = `${this.level} ${name}`;
    this.refs.set(name, id);
    this.loads.set(id, load);
    return id;
  }

  /** Branches of which one runs: what any of them assigns may still be the outer one's. */
  merge(branches: readonly Symbols[]): void {
    const stored = new Set(branches.flatMap((branch) => [...branch.stores]).filter((name) => !this.stores.has(name)));
    for (const branch of branches) {
      for (const [name, id] of branch.refs) this.refs.set(name, id);
      for (const [id, load] of branch.loads) this.loads.set(id, load);
      for (const name of branch.stores) this.stores.add(name);
    }
    for (const name of stored) {
      const id = this.find(name);
      const outer = this.parent?.find(name);
      const load: Load = outer === undefined ? { from: 'context', name } : { from: 'outer', id: outer };
      if (id !== undefined) this.loads.set(id, load);
    }
  }

  /** What is assigned here and around, with the variables it is in. */
  stored(): Map<string, string> {
    const found = new Map(this.parent?.stored());
    for (const name of [...found.keys(), ...this.stores]) found.set(name, this.find(name) ?? '');
    return found;
  }

  analyze(nodes: readonly AnyNode[]): void {
    for (const node of nodes) visit(this, node);
  }

  /** The targets of a loop, which are there in each round. */
  declareTargets(target: Targets): void {
    for (const name of namesOf(target)) this.declareParameter(name);
  }

  storeTargets(target: Targets): void {
    visit(this, target);
  }
}

export function namesOf(target: Targets): string[] {
  switch (target.typename) {
    case 'Target': return [target.name];
    case 'NamespaceTarget': return [];
    case 'TargetList': return target.targets.flatMap(namesOf);
  }
}

type Visits = { readonly [Typename in AnyNode['typename']]?: (symbols: Symbols, node: NodeNamed<Typename>) => void };

/** Nodes that are more than their parts. Those that have a frame of their own are only looked at from outside. */
const VISITS: Visits = {
  Symbol: (symbols, node) => symbols.load(node.value),
  Target: (symbols, node) => symbols.store(node.name),
  Parameter: (symbols, node) => void symbols.declareParameter(node.name),
  NamespaceTarget: (symbols, node) => symbols.load(node.namespace),
  If: (symbols, node) => {
    visit(symbols, node.cond);
    symbols.merge([node.body.children, node.otherwise?.children ?? []].map((branch) => {
      const copy = new Symbols(symbols.parent, symbols);
      copy.analyze(branch);
      return copy;
    }));
  },
  MacroDefinition: (symbols, node) => symbols.store(node.name),
  ModuleImport: (symbols, node) => {
    visit(symbols, node.template);
    symbols.store(node.name);
  },
  NamesImport: (symbols, node) => {
    visit(symbols, node.template);
    for (const [, alias] of node.names) symbols.store(alias);
  },
  Assignment: (symbols, node) => symbols.analyze([node.value, node.target]),
  Loop: (symbols, node) => visit(symbols, node.items),
  CallBlock: (symbols, node) => visit(symbols, node.call),
  FilterBlock: (symbols, node) => visit(symbols, node.filter),
  With: (symbols, node) => symbols.analyze(node.values),
  AssignmentBlock: (symbols, node) => visit(symbols, node.target),
  Block: () => undefined,
};

function visit(symbols: Symbols, node: AnyNode): void {
  const act = VISITS[node.typename];
  if (act === undefined) symbols.analyze(childrenOf(node));
  // The table has for each kind of node what takes that kind.
  else act(symbols, node as never);
}

/** Which of the names are read in the nodes without having been assigned before. */
export function undeclaredIn(nodes: readonly AnyNode[], names: readonly string[]): Set<string> {
  const wanted = new Set(names);
  const found = new Set<string>();
  const look = (node: AnyNode): void => {
    if (node.typename === 'Block') return;
    if (node.typename === 'Symbol' && wanted.has(node.value)) found.add(node.value);
    if (node.typename === 'Target' || node.typename === 'Parameter') wanted.delete(node.name);
    childrenOf(node).forEach(look);
  };
  nodes.forEach(look);
  return found;
}
