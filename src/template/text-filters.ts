// Filters that make text of text.

import { capitalize, lengthOf, charsOf, splitLines, titleCase, SPACE_CLASS } from './characters.ts';
import { asNumber } from './equality.ts';
import { raise, refuse } from './error.ts';
import { filter, type Filter } from './filter.ts';
import { fixed } from './floats.ts';
import { escapeHtml } from './html.ts';
import { truth } from './iteration.ts';
import { formatPercent } from './percent.ts';
import { asIndex, type Bound } from './signature.ts';
import { center, replace, strip } from './str-methods.ts';
import { repr, str } from './text.ts';
import { toFloat } from './operators.ts';
import { toInt, floatOf } from './conversions.ts';
import { Dict, List, Markup, Tuple, Undefined, isText, plain, typeName, type Value } from './values.ts';
import { paid, spendChars } from './budget.ts';

const WORD_STARTS = new RegExp(`((?:[-({\\[<]|${SPACE_CLASS})+)`);
const WORD = /[\p{L}\p{N}_]+/gu;

/** What is marked as safe stays so. */
function onText(name: string, act: (text: string) => string): Filter {
  return filter(name, 's', (bound) => likeIt(bound.value(0), act));
}

function likeIt(value: Value, act: (text: string) => string): Value {
  const made = paid(act(str(value)));
  return value instanceof Markup ? new Markup(made) : made;
}

export const TEXT_FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['upper', onText('do_upper', (text) => text.toUpperCase())],
  ['lower', onText('do_lower', (text) => text.toLowerCase())],
  ['capitalize', onText('do_capitalize', capitalize)],
  ['title', filter('do_title', 's', (bound) => paid(str(bound.value(0)).split(WORD_STARTS)
    .filter((word) => word !== '').map(titled).join('')))],
  ['string', filter('soft_str', 's', (bound) => isText(bound.value(0)) ? bound.value(0) : str(bound.value(0)))],
  ['trim', filter('do_trim', 'value chars?', (bound) => likeIt(bound.value(0), (text) => {
    return strip(text, bound.from(1), 'strip');
  }))],
  ['center', filter('do_center', 'value width?', (bound) => likeIt(bound.value(0), (text) => {
    return center(text, bound.int(1, 80), ' ');
  }))],
  ['replace', filter('do_replace', 's old new count?', (bound) => {
    const most = bound.value(3) === null ? -1 : bound.int(3);
    return replace(str(bound.value(0)), str(bound.value(1)), str(bound.value(2)), most);
  }, 1)],
  ['indent', filter('do_indent', 's width? first? blank?', indent)],
  ['truncate', filter('do_truncate', 's length? killwords? end? leeway?', truncate, 1)],
  ['wordcount', filter('do_wordcount', 's', (bound) => BigInt(str(bound.value(0)).match(WORD)?.length ?? 0))],
  ['format', ({ positional: [value = null, ...values], named }) => {
    if (values.length > 0 && named.size > 0) {
      return raise('FilterArgumentError', "can't handle positional and keyword arguments at the same time");
    }
    if (value instanceof Markup) return refuse('formatting text that is marked as safe', "write (text ~ '') first");
    return paid(formatPercent(str(value), named.size > 0 ? Dict.of(named) : new Tuple(values)));
  }],
  ['escape', filter('escape', 's', (bound) => new Markup(escapeHtml(bound.value(0))))],
  ['e', filter('escape', 's', (bound) => new Markup(escapeHtml(bound.value(0))))],
  ['forceescape', filter('do_forceescape', 'value', (bound) => new Markup(escapeHtml(str(bound.value(0)))))],
  ['safe', filter('do_mark_safe', 'value', (bound) => new Markup(str(bound.value(0))))],
  ['filesizeformat', filter('do_filesizeformat', 'value binary?', fileSize)],
  ['int', filter('do_int', 'value default? base?', toInt)],
  ['float', filter('do_float', 'value default?', (bound) => floatOf(bound.value(0)) ?? bound.value(1, 0))],
]);

function titled(word: string): string {
  const [first = '', ...rest] = charsOf(word);
  if (first.toUpperCase() !== first && lengthOf(first.toUpperCase()) > 1) titleCase(first);
  return first.toUpperCase() + rest.join('').toLowerCase();
}

function indent(bound: Bound): Value {
  const value = bound.value(0);
  if (value instanceof Undefined) return value.fail();
  if (!isText(value)) {
    // Python adds the line's end to a list, character by character, and finds out afterwards.
    if (value instanceof List) return raise('AttributeError', "'list' object has no attribute 'splitlines'");
    return raise('TypeError', value instanceof Tuple ? 'can only concatenate tuple (not "str") to tuple'
      : `unsupported operand type(s) for +=: '${typeName(value)}' and 'str'`);
  }
  const width = bound.value(1, 4n);
  const by = isText(width) ? plain(width) : ' '.repeat(countOf(width));
  const [first = '', ...lines] = splitLines(`${plain(value)}\n`);
  spendChars(plain(value).length + by.length * (lines.length + 1));
  const blank = truth(bound.value(3, false));
  const rest = lines.map((line) => `\n${blank || line !== '' ? by : ''}${line}`).join('');
  const made = (truth(bound.value(2, false)) ? by : '') + first + rest;
  return value instanceof Markup ? new Markup(made) : made;
}

function countOf(value: Value): number {
  const count = typeof value === 'bigint' || typeof value === 'boolean' ? Number(asIndex(value))
    : raise('TypeError', `can't multiply sequence by non-int of type '${typeName(value)}'`);
  spendChars(Math.max(0, count));
  return Math.max(0, count);
}

function truncate(bound: Bound): Value {
  const value = bound.value(0);
  if (value instanceof Undefined) return value.lenient ? value : value.fail();
  if (typeof value !== 'string') return refuse(`truncate of ${typeName(value)}`, 'give it a text');
  const [length, end] = [bound.int(1, 255), bound.text(3, '...')];
  const leeway = bound.value(4) === null ? 5 : bound.int(4);
  if (length < lengthOf(end)) raise('AssertionError', `expected length >= ${lengthOf(end)}, got ${length}`);
  if (leeway < 0) raise('AssertionError', `expected leeway >= 0, got ${leeway}`);
  const all = charsOf(value);
  if (all.length <= length + leeway) return value;
  const kept = all.slice(0, length - lengthOf(end)).join('');
  const space = kept.lastIndexOf(' ');
  return (truth(bound.value(2, false)) || space === -1 ? kept : kept.slice(0, space)) + end;
}

function fileSize(bound: Bound): Value {
  const value = bound.value(0);
  const number = asNumber(value);
  const size = number === undefined ? floatOf(value) ?? (isText(value)
    ? raise('ValueError', `could not convert string to float: ${repr(plain(value))}`)
    : raise('TypeError', `float() argument must be a string or a real number, not '${typeName(value)}'`))
    : toFloat(number);
  const [base, infix] = truth(bound.value(1, false)) ? [1024, 'i'] : [1000, ''];
  if (size === 1) return '1 Byte';
  if (size < base) return `${Math.trunc(size)} Bytes`;
  const prefixes = [infix === 'i' ? 'K' : 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
  const at = Math.max(0, prefixes.findIndex((_, i) => size < base ** (i + 2)));
  const place = size < base ** (prefixes.length + 1) ? at : prefixes.length - 1;
  const worth = base * size / base ** (place + 2);
  return `${worth < 0 ? '-' : ''}${fixed(worth, 1)} ${prefixes[place] ?? ''}${infix}B`;
}
