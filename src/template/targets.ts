// Assigning: to a name, to several, to an attribute of a namespace.

import type { Activation } from './activation.ts';
import { raise } from './error.ts';
import type { Execute } from './execution.ts';
import type { Frame } from './frame.ts';
import { Namespace } from './globals.ts';
import { isIterable, iterate } from './iteration.ts';
import { typeName, type Value } from './values.ts';
import type { Targets } from './tree.ts';

export function assigner(target: Targets, frame: Frame): (on: Activation, value: Value) => void {
  switch (target.typename) {
    case 'Target': {
      const id = frame.idOf(target.name);
      return (on, value) => on.set(id, value);
    }
    case 'NamespaceTarget': {
      const id = frame.idOf(target.namespace);
      return (on, value) => {
        const namespace = on.get(id);
        if (namespace instanceof Namespace) namespace.values.set(target.name, value);
      };
    }
    case 'TargetList': {
      const parts = target.targets.map((part) => assigner(part, frame));
      return (on, value) => {
        const values = unpacked(value, parts.length);
        parts.forEach((assign, i) => assign(on, values[i] ?? null));
      };
    }
  }
}

/** Before the value is looked at: attributes are assigned to namespaces only. */
assigner.check = (target: Targets, frame: Frame): Execute => {
  if (target.typename === 'Target') return () => undefined;
  if (target.typename === 'TargetList') {
    const checks = target.targets.map((part) => assigner.check(part, frame));
    return (on) => checks.forEach((check) => check(on));
  }
  const id = frame.idOf(target.namespace);
  return (on) => {
    if (!(on.get(id) instanceof Namespace)) {
      raise('TemplateRuntimeError', 'cannot assign attribute on non-namespace object');
    }
  };
};

function unpacked(value: Value, count: number): Value[] {
  if (!isIterable(value)) return raise('TypeError', `cannot unpack non-iterable ${typeName(value)} object`);
  const values: Value[] = [];
  for (const one of iterate(value)) {
    if (values.length === count) return raise('ValueError', `too many values to unpack (expected ${count})`);
    values.push(one);
  }
  return values.length === count ? values
    : raise('ValueError', `not enough values to unpack (expected ${count}, got ${values.length})`);
}
