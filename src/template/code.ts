// A template's tree as code that is ready to run: its body and its blocks.

import { Activation, blockReference, noParent, type BlockCode, type Code, type Context } from './activation.ts';
import { raise } from './error.ts';
import { Frame, type TemplateState, type Tools } from './frame.ts';
import { undeclaredIn } from './scopes.ts';
import { parseTemplate } from './statement-grammar.ts';
import { body } from './statements.ts';
import { quoted } from './text.ts';
import { descendantsOf, type Block } from './tree.ts';
import { Thing, isText, plain, type Value } from './values.ts';

/** `self`: the blocks by their names. */
class TemplateReference extends Thing {
  readonly type = 'TemplateReference';
  readonly #context: Context;
  readonly #name: string | undefined;

  constructor(context: Context, name: string | undefined) {
    super();
    this.#context = context;
    this.#name = name;
  }

  attribute(): undefined {
    return undefined;
  }

  override item(key: Value): Value | undefined {
    const stack = isText(key) ? this.#context.blocks.get(plain(key)) : undefined;
    return stack && isText(key) ? blockReference(plain(key), this.#context, stack, 0) : undefined;
  }

  text(): string {
    return `<TemplateReference ${this.#name === undefined ? 'None' : quoted(this.#name)}>`;
  }
}

export function prepare(text: string, name: string | undefined, tools: Tools): Code {
  const tree = parseTemplate(text);
  const state: TemplateState = { name, tools, extendsSoFar: 0, surelyExtends: false };
  const nodes = new Map<string, Block>();
  const descendants = descendantsOf(tree);
  for (const node of descendants) {
    if (node.typename !== 'Block') continue;
    if (nodes.has(node.name)) raise('TemplateAssertionError', `block ${quoted(node.name)} defined twice`, node.lineno);
    nodes.set(node.name, node);
  }
  const frame = new Frame(state);
  const selfId = undeclaredIn([tree], ['self']).has('self') ? frame.symbols.declareParameter('self') : undefined;
  frame.symbols.analyze(tree.children);
  [frame.isTop, frame.isRoot] = [true, true];
  frame.checksOutput = descendants.some((node) => node.typename === 'Extends');
  const [act, enter] = [body(tree, frame), frame.entering()];
  const blocks = new Map([...nodes.values()].map((node) => [node.name, blockCode(node, state)]));
  return {
    name, blocks,
    run: (context, output) => {
      const on = new Activation(context, output);
      if (selfId !== undefined) on.set(selfId, new TemplateReference(context, name));
      enter(on);
      act(on);
      on.extended?.run(context, output);
    },
  };
}

function blockCode(node: Block, state: TemplateState): BlockCode {
  const frame = new Frame(state);
  const used = undeclaredIn([node.body], ['self', 'super']);
  const [selfId, superId] = ['self', 'super'].map((name) => {
    return used.has(name) ? frame.symbols.declareParameter(name) : undefined;
  });
  frame.symbols.analyze(node.body.children);
  const [act, enter] = [body(node.body, frame), frame.entering()];
  const code: BlockCode = {
    name: node.name,
    run: (context, output) => {
      const on = new Activation(context, output);
      if (selfId !== undefined) on.set(selfId, new TemplateReference(context, state.name));
      if (superId !== undefined) on.set(superId, parentOf(code, context));
      enter(on);
      act(on);
    },
  };
  return code;
}

function parentOf(code: BlockCode, context: Context): Value {
  const stack = context.blocks.get(code.name) ?? [];
  const at = stack.indexOf(code);
  if (at === -1 || stack[at + 1] === undefined) return noParent(code.name);
  return blockReference(code.name, context, stack, at + 1);
}

