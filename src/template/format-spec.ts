// format(value, spec): what follows the colon in '{:>8}'.

import { asNumber } from './equality.ts';
import { charsOf } from './characters.ts';
import { raise, refuse } from './error.ts';
import { reprFloat } from './floats.ts';
import { floatDigits, grouped, isRadix, radixDigits } from './number-format.ts';
import { intText, str } from './text.ts';
import { toFloat } from './operators.ts';
import { isText, plain, typeName, type Value } from './values.ts';
import { spendChars } from './budget.ts';

const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;

interface Spec {
  readonly fill: string | undefined;
  readonly align: string | undefined;
  readonly sign: string | undefined;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly group: string | undefined;
  readonly places: number | undefined;
  readonly type: string | undefined;
}

export function formatValue(value: Value, spec: string): string {
  if (spec === '') return str(value);
  const worth = asNumber(value);
  if (!isText(value) && worth === undefined) {
    return raise('TypeError', `unsupported format string passed to ${typeName(value)}.__format__`);
  }
  const wanted = parseSpec(spec, value);
  spendChars(wanted.width + (wanted.places ?? 0));
  if (isText(value)) return formatText(plain(value), wanted);
  const float = typeof worth === 'number' || /^[eEfFgG%]$/.test(wanted.type ?? '');
  if (typeof worth === 'bigint' && !float) return formatInt(worth, wanted, value);
  return formatFloat(toFloat(worth ?? 0n), wanted, value);
}

function parseSpec(spec: string, value: Value): Spec {
  const found = SPEC.exec(spec);
  if (found === null) {
    return raise('ValueError', `Invalid format specifier '${spec}' for object of type '${typeName(value)}'`);
  }
  const [, fill, align, sign, z, alternate, zero, width, group, places, type] = found;
  if (z !== undefined) refuse('"z" in a format', 'leave it out');
  return {
    fill, align, sign, alternate: alternate !== undefined, zero: zero !== undefined, width: Number(width ?? 0), group,
    places: places === undefined ? undefined : Number(places), type,
  };
}

function unknownCode(type: string, what: string): never {
  return raise('ValueError', `Unknown format code '${type}' for object of type '${what}'`);
}

function formatText(text: string, spec: Spec): string {
  if (spec.type !== undefined && spec.type !== 's') unknownCode(spec.type, 'str');
  if (spec.sign === ' ') raise('ValueError', 'Space not allowed in string format specifier');
  if (spec.sign !== undefined) raise('ValueError', 'Sign not allowed in string format specifier');
  if (spec.alternate) raise('ValueError', 'Alternate form (#) not allowed in string format specifier');
  if (spec.group !== undefined) raise('ValueError', `Cannot specify '${spec.group}' with 's'.`);
  if (spec.align === '=') raise('ValueError', "'=' alignment not allowed in string format specifier");
  const kept = spec.places === undefined ? text : charsOf(text).slice(0, spec.places).join('');
  return padded('', kept, { ...spec, align: spec.align ?? '<', fill: spec.fill ?? (spec.zero ? '0' : ' ') });
}

function formatInt(value: bigint, spec: Spec, from: Value): string {
  const type = spec.type ?? 'd';
  if (spec.places !== undefined) raise('ValueError', 'Precision not allowed in integer format specifier');
  if (type === 'c' || type === 'n') return refuse(`the format code "${type}"`, 'use another one');
  if (type !== 'd' && !isRadix(type)) return unknownCode(type, typeName(from));
  const digits = isRadix(type) ? radixDigits(value, type, false) : intText(value < 0n ? -value : value);
  const prefix = spec.alternate && isRadix(type) ? `0${type}` : '';
  if (spec.group === ',' && isRadix(type)) return raise('ValueError', `Cannot specify ',' with '${type}'.`);
  return number(value < 0n, prefix, digits, spec, isRadix(type) ? 4 : 3);
}

function formatFloat(value: number, spec: Spec, from: Value): string {
  const type = spec.type ?? 'r';
  if (!/^[eEfFgGr%]$/.test(type)) return unknownCode(type, typeName(from));
  const negative = value < 0 || Object.is(value, -0);
  const kind = type.toLowerCase();
  const style = kind === 'e' || kind === 'g' || kind === 'r' ? kind : 'f';
  const digits = type === 'r' && spec.places === undefined ? reprFloat(Math.abs(value))
    : floatDigits(type === '%' ? Math.abs(value) * 100 : Math.abs(value),
      { type: style, places: spec.places ?? 6, upper: type !== kind, alternate: spec.alternate });
  return number(negative, '', digits + (type === '%' ? '%' : ''), spec, 3);
}

function number(negative: boolean, prefix: string, digits: string, spec: Spec, groupSize: number): string {
  const sign = negative ? '-' : spec.sign === '+' || spec.sign === ' ' ? spec.sign : '';
  const fill = spec.fill ?? (spec.zero ? '0' : ' ');
  const align = spec.align ?? (spec.zero ? '=' : '>');
  const body = spec.group === undefined ? digits : grouped(digits, spec.group, groupSize);
  if (spec.group !== undefined && fill === '0' && align === '=' && spec.width > 0) {
    return refuse('zeros before grouped digits', 'leave out the 0 or the grouping');
  }
  return padded(sign + prefix, body, { ...spec, fill, align });
}

function padded(head: string, text: string, { fill = ' ', align, width }: Spec): string {
  const missing = Math.max(0, width - charsOf(head + text).length);
  if (align === '<') return head + text + fill.repeat(missing);
  if (align === '^') return fill.repeat(missing >> 1) + head + text + fill.repeat(missing - (missing >> 1));
  return align === '=' ? head + fill.repeat(missing) + text : fill.repeat(missing) + head + text;
}
