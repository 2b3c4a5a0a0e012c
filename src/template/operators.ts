// Python's arithmetic on our values, with its sentences where it fails, and bounded where it grows.

import { asNumber } from './equality.ts';
import { raise, refuse } from './error.ts';
import { divideToEven, fractionOf } from './floats.ts';
import { escapeHtml } from './html.ts';
import { formatPercent } from './percent.ts';
import { asIndex } from './signature.ts';
import { str } from './text.ts';
import { List, Markup, Tuple, Undefined, isText, list, plain, typeName, type Value } from './values.ts';
import { paid, spend, spendChars } from './budget.ts';

export type Operator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
type Num = bigint | number;

/** An int of more bits than this is an attack: more than Python writes as text. */
const INT_BITS_MAX = 1 << 15;

export function operate(operator: Operator, left: Value, right: Value): Value {
  spend(1);
  if (left instanceof Undefined) return left.fail();
  if (operator === '%' && isText(left)) return remainderOfText(left, right);
  if (right instanceof Undefined) return right.fail();
  const [a, b] = [asNumber(left), asNumber(right)];
  if (a !== undefined && b !== undefined) return bounded(arithmetic(operator, a, b));
  if (operator === '+') return concatenate(left, right);
  if (operator === '*') return repeat(left, right);
  return unsupported(operator === '**' ? '** or pow()' : operator, left, right);
}

export function negate(value: Value): Value {
  const number = signed('-', value);
  return typeof number === 'bigint' ? -number : -number;
}

export function positive(value: Value): Value {
  return signed('+', value);
}

function signed(operator: string, value: Value): Num {
  if (value instanceof Undefined) return value.fail();
  return asNumber(value) ?? raise('TypeError', `bad operand type for unary ${operator}: '${typeName(value)}'`);
}

function unsupported(operator: string, left: Value, right: Value): never {
  return raise('TypeError',
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

function bounded(value: Value): Value {
  // Twice as long as allowed is still cheap to look at: operands were within the limit.
  if (typeof value === 'bigint' && (value >> BigInt(INT_BITS_MAX)) + (value < 0n ? 1n : 0n) !== 0n) {
    return raise('TemplateLimitReached', `a number of more than ${INT_BITS_MAX} bits`);
  }
  return value;
}

function remainderOfText(left: string | Markup, right: Value): Value {
  if (left instanceof Markup) return refuse('formatting text that is marked as safe', "write (text ~ '') % … instead");
  return paid(formatPercent(left, right));
}

function concatenate(left: Value, right: Value): Value {
  if (isText(left) && isText(right)) {
    spendChars(plain(left).length + plain(right).length);
    return left instanceof Markup || right instanceof Markup ? new Markup(escapeHtml(left) + escapeHtml(right))
      : left + right;
  }
  if (left instanceof List && right instanceof List) return list([...left.items, ...right.items]);
  if (left instanceof Tuple && right instanceof Tuple) return new Tuple([...left.items, ...right.items]);
  const type = typeof left === 'string' ? 'str' : left instanceof List ? 'list' : left instanceof Tuple ? 'tuple' : '';
  if (type !== '') return raise('TypeError', `can only concatenate ${type} (not "${typeName(right)}") to ${type}`);
  return unsupported('+', left, right);
}

function repeat(left: Value, right: Value): Value {
  const isSequence = (value: Value): boolean => isText(value) || value instanceof List || value instanceof Tuple;
  const [sequence, times] = isSequence(left) ? [left, right] : [right, left];
  if (!isSequence(sequence)) return unsupported('*', left, right);
  const count = typeof times === 'boolean' ? BigInt(times) : times;
  if (typeof count !== 'bigint') {
    if (left instanceof Markup || right instanceof Markup) asIndex(count);
    return raise('TypeError', `can't multiply sequence by non-int of type '${typeName(count)}'`);
  }
  const wanted = count < 0n ? 0 : Number(count);
  if (isText(sequence)) {
    spendChars(plain(sequence).length * wanted);
    const text = plain(sequence) === '' ? '' : plain(sequence).repeat(wanted);
    return sequence instanceof Markup ? new Markup(text) : text;
  }
  if (!(sequence instanceof List) && !(sequence instanceof Tuple)) return unsupported('*', left, right);
  spend(sequence.items.length * wanted);
  const items = sequence.items.length === 0 ? [] : Array.from({ length: wanted }, () => sequence.items).flat();
  return sequence instanceof List ? new List(items) : new Tuple(items);
}

function arithmetic(operator: Operator, left: Num, right: Num): Value {
  if (operator === '**') return power(left, right);
  if (typeof left === 'bigint' && typeof right === 'bigint') return ofInts(operator, left, right);
  return ofFloats(operator, toFloat(left), toFloat(right));
}

export function toFloat(value: Num): number {
  const float = Number(value);
  if (typeof value === 'bigint' && !Number.isFinite(float)) raise('OverflowError', 'int too large to convert to float');
  return float;
}

function ofInts(operator: Exclude<Operator, '**'>, left: bigint, right: bigint): Value {
  switch (operator) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    case '/': return divideInts(left, right);
    case '//': return right === 0n ? raise('ZeroDivisionError', 'integer division or modulo by zero')
      : floorDivide(left, right);
    case '%': return right === 0n ? raise('ZeroDivisionError', 'integer modulo by zero')
      : left - floorDivide(left, right) * right;
  }
}

export function floorDivide(left: bigint, right: bigint): bigint {
  const quotient = left / right;
  return left % right !== 0n && (left < 0n) !== (right < 0n) ? quotient - 1n : quotient;
}

function divideInts(left: bigint, right: bigint): number {
  if (right === 0n) return raise('ZeroDivisionError', 'division by zero');
  const [a, b] = [Number(left), Number(right)];
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) return a / b;
  return nearest(left, right);
}

/** The float nearest to a fraction of any size. */
function nearest(numerator: bigint, denominator: bigint): number {
  const negative = (numerator < 0n) !== (denominator < 0n);
  const [a, b] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator];
  if (a === 0n) return negative ? -0 : 0;
  // 66 bits and one that says whether there is more: enough to round once, and rightly.
  const shift = 66 - (a.toString(2).length - b.toString(2).length);
  const [scaled, by] = shift >= 0 ? [a << BigInt(shift), b] : [a, b << BigInt(-shift)];
  const bits = (scaled / by << 1n) | (scaled % by === 0n ? 0n : 1n);
  if (shift > 1020) return refuse('a result this near to zero', 'write it as a number');
  const value = Number(bits) / 2 ** Math.min(shift + 1, 1000) / 2 ** Math.max(0, shift - 999);
  if (!Number.isFinite(value)) return raise('OverflowError', 'integer division result too large for a float');
  return negative ? -value : value;
}

function ofFloats(operator: Exclude<Operator, '**'>, left: number, right: number): number {
  switch (operator) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    case '/': return right === 0 ? raise('ZeroDivisionError', 'float division by zero') : left / right;
    case '//': return right === 0 ? raise('ZeroDivisionError', 'float floor division by zero')
      : floorOfFloats(left, right)[0];
    case '%': return right === 0 ? raise('ZeroDivisionError', 'float modulo') : floorOfFloats(left, right)[1];
  }
}

/** Quotient and remainder, the remainder with the divisor's sign. */
function floorOfFloats(left: number, right: number): [number, number] {
  let remainder = left % right;
  let quotient = (left - remainder) / right;
  if (remainder === 0) remainder = right < 0 ? -0 : 0;
  else if ((right < 0) !== (remainder < 0)) {
    remainder += right;
    quotient -= 1;
  }
  if (quotient === 0) return [left / right < 0 || Object.is(left / right, -0) ? -0 : 0, remainder];
  const whole = Math.floor(quotient);
  return [quotient - whole > 0.5 ? whole + 1 : whole, remainder];
}

function power(left: Num, right: Num): Value {
  if (typeof left === 'bigint' && typeof right === 'bigint' && right >= 0n) {
    const bits = left.toString(2).length;
    if (bits > 1 && BigInt(bits - 1) * right > BigInt(2 * INT_BITS_MAX)) {
      return raise('TemplateLimitReached', `a number of more than ${INT_BITS_MAX} bits`);
    }
    return left ** right;
  }
  const [base, exponent] = [toFloat(left), toFloat(right)];
  if (base === 0 && exponent < 0) return raise('ZeroDivisionError', '0.0 cannot be raised to a negative power');
  if (!Number.isFinite(base) || !Number.isFinite(exponent)) return base ** exponent;
  if (exponent === 0.5 && base >= 0) return Math.sqrt(base);
  // The C library's results are as exact as this; JavaScript's own are not.
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 512) {
    return refuse(`the power ${exponent}`, 'use a whole number up to 512, or 0.5');
  }
  return floatPower(base, exponent);
}

function floatPower(base: number, exponent: number): number {
  if (base === 0) return base ** exponent;
  const [numerator, denominator] = fractionOf(base);
  const times = BigInt(Math.abs(exponent));
  const [a, b] = [numerator ** times, denominator ** times];
  try {
    return exponent >= 0 ? nearest(a, b) : nearest(b, a);
  } catch {
    return raise('OverflowError', "(34, 'Numerical result out of range')");
  }
}

/** round(value, -places) of an int. */
export function roundInt(value: bigint, places: number): bigint {
  if (places >= 0) return value;
  if (-places > 5000) return 0n;
  const unit = 10n ** BigInt(-places);
  return (value < 0n ? -1n : 1n) * divideToEven(value < 0n ? -value : value, unit) * unit;
}

/** `~`. */
export function joined(parts: readonly Value[]): string {
  const texts = parts.map(str);
  spendChars(texts.reduce((sum, text) => sum + text.length, 0));
  return texts.join('');
}
