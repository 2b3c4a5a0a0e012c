// Statements of the tree as functions of what runs.

import type { Activation, BlockCode } from './activation.ts';
import { raise } from './error.ts';
import { expression, filtered } from './expressions.ts';
import type { Frame } from './frame.ts';
import { truth } from './iteration.ts';
import { loop } from './loops.ts';
import { callBlock, macro } from './macros.ts';
import { fromImport, importModule, include } from './inclusion.ts';
import { publish } from './publishing.ts';
import { quoted, str } from './text.ts';
import { assigner } from './targets.ts';
import { namesOf } from './scopes.ts';
import type { Assignment, AssignmentBlock, Block, Body, Extends, FilterBlock, If, Output, Statement, Targets, With }
  from './tree.ts';
import { spend } from './budget.ts';
import type { Execute } from './execution.ts';

export function body(node: Body | readonly Statement[], frame: Frame): Execute {
  const made: Execute[] = [];
  for (const one of 'children' in node ? node.children : node) {
    const { lineno } = one;
    const act = statement(one, frame);
    const file = frame.template;
    made.push((on) => {
      spend(1);
      on.context.rendering.place = { file, line: lineno };
      act(on);
    });
    // What is behind a second `extends` is never reached.
    if (one.typename === 'Extends' && frame.state.extendsSoFar > 1 && frame.state.surelyExtends) break;
  }
  return (on) => {
    for (const act of made) act(on);
  };
}

function statement(node: Statement, frame: Frame): Execute {
  switch (node.typename) {
    case 'Output': return output(node, frame);
    case 'If': return conditional(node, frame);
    case 'Loop': return loop(node, frame, body);
    case 'Assignment': return assignment(node, frame);
    case 'AssignmentBlock': return assignmentBlock(node, frame);
    case 'With': return withBlock(node, frame);
    case 'FilterBlock': return filterBlock(node, frame);
    case 'MacroDefinition': return macro(node, frame, body);
    case 'CallBlock': return callBlock(node, frame, body);
    case 'Block': return block(node, frame);
    case 'Extends': return extend(node, frame);
    case 'Inclusion': return include(node, frame);
    case 'ModuleImport': return importModule(node, frame);
    case 'NamesImport': return fromImport(node, frame);
  }
}

function output(node: Output, frame: Frame): Execute {
  if (frame.checksOutput && frame.state.surelyExtends) return () => undefined;
  const parts = node.children.map((child) => {
    if (child.typename === 'TemplateData') return child.value;
    return { of: expression(child, frame), line: child.lineno };
  });
  const { checksOutput, template: file } = frame;
  return (on) => {
    if (checksOutput && on.extended !== undefined) return;
    for (const part of parts) {
      if (typeof part === 'string') on.output.write(part);
      else {
        on.context.rendering.place = { file, line: part.line };
        on.output.write(str(part.of(on)));
      }
    }
  };
}

function conditional(node: If, frame: Frame): Execute {
  const soft = frame.soft();
  const [cond, yes] = [expression(node.cond, soft), body(node.body, soft)];
  const no = node.otherwise && body(node.otherwise, soft);
  return (on) => {
    if (truth(cond(on))) yes(on);
    else no?.(on);
  };
}

function assignTo(target: Targets, frame: Frame): (on: Activation, value: Parameters<ReturnType<typeof assigner>>[1]) =>
void {
  const [assign, done] = [assigner(target, frame), publish(namesOf(target), frame, true)];
  return (on, value) => {
    assign(on, value);
    done(on);
  };
}

function assignment(node: Assignment, frame: Frame): Execute {
  const assign = assignTo(node.target, frame);
  const check = assigner.check(node.target, frame);
  const value = expression(node.value, frame);
  return (on) => {
    check(on);
    assign(on, value(on));
  };
}

function assignmentBlock(node: AssignmentBlock, frame: Frame): Execute {
  const inner = frame.inner();
  inner.checksOutput = false;
  inner.isBuffered = true;
  inner.symbols.analyze(node.body.children);
  const act = body(node.body, inner);
  let text = '';
  const filter = node.filter && filtered(node.filter, inner, () => text);
  const assign = assignTo(node.target, frame);
  const [enter, leave] = [inner.entering(), inner.leaving()];
  return (on) => {
    enter(on);
    const made = on.captured(() => act(on));
    text = made;
    assign(on, filter === null ? made : filter(on));
    leave(on);
  };
}

function withBlock(node: With, frame: Frame): Execute {
  const inner = frame.inner();
  for (const target of node.targets) inner.symbols.declareTargets(target);
  inner.symbols.analyze(node.body.children);
  const targets = node.targets.map((target) => assigner(target, inner));
  const values = node.values.map((value) => expression(value, frame));
  const act = body(node.body, inner);
  const [enter, leave] = [inner.entering(), inner.leaving()];
  return (on) => {
    enter(on);
    targets.forEach((assign, i) => assign(on, values[i]?.(on) ?? null));
    act(on);
    leave(on);
  };
}

function filterBlock(node: FilterBlock, frame: Frame): Execute {
  const inner = frame.inner();
  inner.isBuffered = true;
  inner.symbols.analyze([...node.body.children, node.filter]);
  const act = body(node.body, inner);
  let text = '';
  const filter = filtered(node.filter, inner, () => text);
  const [enter, leave] = [inner.entering(), inner.leaving()];
  return (on) => {
    enter(on);
    text = on.captured(() => act(on));
    on.output.write(str(filter(on)));
    leave(on);
  };
}

function block(node: Block, frame: Frame): Execute {
  const { state } = frame;
  if (frame.isTop && state.surelyExtends) return () => undefined;
  const mayBeExtended = frame.isTop && state.extendsSoFar > 0;
  const locals = node.scoped ? frame.locals() : undefined;
  return (on) => {
    if (mayBeExtended && on.extended !== undefined) return;
    const codes: readonly BlockCode[] = on.context.blocks.get(node.name) ?? [];
    const context = locals === undefined ? on.context : on.context.derived(locals(on));
    if (node.required && codes.length <= 1) {
      raise('TemplateRuntimeError', `Required block ${quoted(node.name)} not found`);
    }
    codes[0]?.run(context, on.output);
  };
}

function extend(node: Extends, frame: Frame): Execute {
  const { state } = frame;
  if (!frame.isTop) raise('TemplateAssertionError', 'cannot use extend from a non top-level scope', node.lineno);
  const [isSecond, wasSure] = [state.extendsSoFar > 0, state.surelyExtends];
  const template = expression(node.template, frame);
  if (frame.isRoot) state.surelyExtends = true;
  state.extendsSoFar += 1;
  return (on) => {
    if (isSecond && (wasSure || on.extended !== undefined)) raise('TemplateRuntimeError', 'extended multiple times');
    const code = on.context.rendering.load(template(on));
    on.extended = code;
    for (const [name, one] of code.blocks) {
      const there = on.context.blocks.get(name);
      if (there === undefined) on.context.blocks.set(name, [one]);
      else there.push(one);
    }
  };
}
