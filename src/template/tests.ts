// Tests: what stands after `is`.

import { asNumber, contains, equal, ordered, type Order } from './equality.ts';
import { isOfClass } from './characters.ts';
import { isRaised, refuse } from './error.ts';
import { test, type Test } from './filter.ts';
import { isIterable, sizeOf } from './iteration.ts';
import { operate } from './operators.ts';
import { str } from './text.ts';
import { Callable, Dict, List, Markup, Range, Thing, Tuple, Undefined, isText, type Value } from './values.ts';

/** One that takes no argument. */
function unary(name: string, holds: (value: Value) => boolean): [string, Test] {
  return [name, test(`test_${name}`, 'value', (bound) => holds(bound.value(0)))];
}

function comparison(names: string, holds: (left: Value, right: Value) => boolean): [string, Test][] {
  const act = test(names.split(' ')[1] ?? names, 'a b', (bound) => holds(bound.value(0), bound.value(1)));
  return names.split(' ').map((name) => [name, act]);
}

function order(operator: Order): (left: Value, right: Value) => boolean {
  return (left, right) => ordered(operator, left, right);
}

const remainderIs = (value: Value, by: Value, wanted: bigint): boolean => equal(operate('%', value, by), wanted);

export const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  unary('odd', (value) => remainderIs(value, 2n, 1n)),
  unary('even', (value) => remainderIs(value, 2n, 0n)),
  ['divisibleby', test('test_divisibleby', 'value num', (bound) => remainderIs(bound.value(0), bound.value(1), 0n))],
  unary('defined', (value) => !(value instanceof Undefined)),
  unary('undefined', (value) => value instanceof Undefined),
  ['filter', test('test_filter', 'value', (bound, toolbox) => toolbox.hasFilter(bound.value(0)), 1)],
  ['test', test('test_test', 'value', (bound, toolbox) => toolbox.hasTest(bound.value(0)), 1)],
  unary('none', (value) => value === null),
  unary('boolean', (value) => typeof value === 'boolean'),
  unary('true', (value) => value === true),
  unary('false', (value) => value === false),
  unary('integer', (value) => typeof value === 'bigint'),
  unary('float', (value) => typeof value === 'number'),
  unary('number', (value) => !(value instanceof Undefined) && asNumber(value) !== undefined),
  unary('string', isText),
  unary('mapping', (value) => value instanceof Dict),
  unary('lower', (value) => isOfClass('islower', str(value))),
  unary('upper', (value) => isOfClass('isupper', str(value))),
  unary('iterable', isIterable),
  unary('sequence', isSequence),
  unary('escaped', (value) => value instanceof Markup),
  ['callable', test('callable', 'obj', (bound) => isCallable(bound.value(0)))],
  ['sameas', test('test_sameas', 'value other', (bound) => isSame(bound.value(0), bound.value(1)))],
  ['in', test('test_in', 'value seq', (bound) => contains(bound.value(1), bound.value(0)))],
  ...comparison('== eq equalto', equal),
  ...comparison('!= ne', (left, right) => !equal(left, right)),
  ...comparison('> gt greaterthan', order('>')),
  ...comparison('>= ge', order('>=')),
  ...comparison('< lt lessthan', order('<')),
  ...comparison('<= le', order('<=')),
]);

function isSequence(value: Value): boolean {
  try {
    if (sizeOf(value) === undefined) return false;
  } catch (error) {
    if (isRaised(error, 'UndefinedError', 'SecurityError')) return false;
    throw error;
  }
  return isText(value) || value instanceof List || value instanceof Tuple || value instanceof Dict
    || value instanceof Range || value instanceof Undefined;
}

function isCallable(value: Value): boolean {
  return value instanceof Callable || (value instanceof Thing && value.call !== undefined)
    || value instanceof Undefined;
}

/** The same object. Of numbers and texts Python promises nothing; of None, True and False it does. */
function isSame(left: Value, right: Value): boolean {
  if (typeof left !== typeof right) return false;
  if (typeof left === 'string' || typeof left === 'bigint' || typeof left === 'number') {
    return left === right ? refuse('sameas for numbers and texts', 'compare with ==') : false;
  }
  return left === right;
}
