// The last line of defence against values that become more than values. A sanitised text is one scalar wherever a
// template prints it unquoted; a template that cuts its quotes off, or puts it between quotes of its own, undoes that.
// So what was rendered is compared with what would have been, had the user's texts no character that means anything to
// YAML: the same mappings and lists must come of both. Pure.

import { isMapping } from '../common/schema.ts';

/** Whether the same mappings and lists are in both; scalars may differ, and be of different types. */
export function sameStructure(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, i) => sameStructure(item, other[i]));
  }
  if (!isMapping(one)) return !isMapping(other) && !Array.isArray(other);
  if (!isMapping(other)) return false;
  // A text of the user's may be a key, so it is the order that says which belong together.
  const [left, right] = [Object.values(one), Object.values(other)];
  return left.length === right.length && left.every((item, i) => sameStructure(item, right[i]));
}

/** The first line that differs, counted from 1. */
export function firstDifference(one: string, other: string): number {
  const others = other.split('\n');
  const at = one.split('\n').findIndex((line, i) => line !== others[i]);
  return at < 0 ? 1 : at + 1;
}
