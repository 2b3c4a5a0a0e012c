// Methods of str.

import { CLASS_NAMES, capitalize, charsOf, isOfClass, lengthOf, splitLines, titleWords, trimEnd, trimStart, wordsOf }
  from './characters.ts';
import { raise, refuse } from './error.ts';
import { itemsOf, isIterable, truth } from './iteration.ts';
import { bindMethod, type Bound } from './signature.ts';
import { Markup, Tuple, isText, list, typeName, type Arguments, type Value } from './values.ts';
import { paid, spendChars } from './budget.ts';

export type Method<Self> = (self: Self, args: Arguments) => Value;

function method(name: string, parameters: string, act: (text: string, bound: Bound) => Value,
  keywords = false): [string, Method<string>] {
  return [name, (self, args) => {
    const made = act(self, bindMethod(`str.${name}`, parameters, args, keywords));
    return typeof made === 'string' ? paid(made) : made;
  }];
}

export const STR_METHODS: ReadonlyMap<string, Method<string>> = new Map([
  ...CLASS_NAMES.map((name) => method(name, '', (text) => isOfClass(name, text))),
  method('upper', '', (text) => text.toUpperCase()),
  method('lower', '', (text) => text.toLowerCase()),
  method('title', '', titleWords),
  method('capitalize', '', capitalize),
  method('strip', 'chars?', (text, args) => strip(text, args, 'strip')),
  method('lstrip', 'chars?', (text, args) => strip(text, args, 'lstrip')),
  method('rstrip', 'chars?', (text, args) => strip(text, args, 'rstrip')),
  method('split', 'sep? maxsplit?', (text, args) => list(split(text, args)), true),
  method('rsplit', 'sep? maxsplit?', (text, args) => list(splitFromEnd(text, args)), true),
  method('splitlines', 'keepends?', (text, args) => list(splitLines(text, truth(args.value(0, false)))), true),
  method('partition', 'sep', (text, args) => partition(text, separator(args), false)),
  method('rpartition', 'sep', (text, args) => partition(text, separator(args), true)),
  method('startswith', 'prefix start? end?', (text, args) => hasEnd('startswith', text, args)),
  method('endswith', 'suffix start? end?', (text, args) => hasEnd('endswith', text, args)),
  method('find', 'sub start? end?', (text, args) => find(text, args, false)),
  method('rfind', 'sub start? end?', (text, args) => find(text, args, true)),
  method('index', 'sub start? end?', (text, args) => found(find(text, args, false))),
  method('rindex', 'sub start? end?', (text, args) => found(find(text, args, true))),
  method('count', 'sub start? end?', (text, args) => count(part(text, args), args.text(0))),
  method('replace', 'old new count?', (text, args) => replace(text, args.text(0), args.text(1), args.int(2, -1))),
  method('join', 'iterable', (text, args) => join(text, args.value(0))),
  method('ljust', 'width fillchar?', (text, args) => text + filler(text, args)),
  method('rjust', 'width fillchar?', (text, args) => filler(text, args) + text),
  method('center', 'width fillchar?', (text, args) => center(text, args.int(0), fillChar(args))),
  method('zfill', 'width', (text, args) => {
    spendChars(args.int(0));
    const sign = /^[-+]/.exec(text)?.[0] ?? '';
    return sign + '0'.repeat(Math.max(0, args.int(0) - lengthOf(text))) + text.slice(sign.length);
  }),
  method('removeprefix', 'prefix', (text, args) => {
    return text.startsWith(args.text(0)) ? text.slice(args.text(0).length) : text;
  }),
  method('removesuffix', 'suffix', (text, args) => {
    const suffix = args.text(0);
    return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  }),
  method('swapcase', '', (text) => charsOf(text).map((char) => {
    return isOfClass('islower', char) ? char.toUpperCase() : char.toLowerCase();
  }).join('')),
]);

export function strip(text: string, args: Bound, side: 'strip' | 'lstrip' | 'rstrip'): string {
  const given = args.value(0);
  if (given !== null && !isText(given)) return raise('TypeError', `${side} arg must be None or str`);
  if (given === null) {
    const rest = side === 'rstrip' ? text : trimStart(text);
    return side === 'lstrip' ? rest : trimEnd(rest);
  }
  const unwanted = new Set(charsOf(args.text(0)));
  const chars = charsOf(text);
  let [from, to] = [0, chars.length];
  if (side !== 'rstrip') while (from < to && unwanted.has(chars[from] ?? '')) from += 1;
  if (side !== 'lstrip') while (to > from && unwanted.has(chars[to - 1] ?? '')) to -= 1;
  return chars.slice(from, to).join('');
}

function separator(args: Bound): string {
  const given = args.value(0);
  if (given instanceof Markup) return args.text(0);
  if (typeof given !== 'string') return raise('TypeError', `must be str or None, not ${typeName(given)}`);
  return given === '' ? raise('ValueError', 'empty separator') : given;
}

function split(text: string, args: Bound): string[] {
  const most = args.int(1, -1);
  if (args.value(0) === null) {
    if (most < 0) return wordsOf(text);
    const words: string[] = [];
    let rest = trimStart(text);
    while (rest !== '' && words.length < most) {
      const [word = ''] = wordsOf(rest);
      words.push(word);
      rest = trimStart(rest.slice(word.length));
    }
    return rest === '' ? words : [...words, rest];
  }
  const parts = text.split(separator(args));
  return most < 0 || parts.length <= most + 1 ? parts
    : [...parts.slice(0, most), parts.slice(most).join(separator(args))];
}

function splitFromEnd(text: string, args: Bound): string[] {
  const most = args.int(1, -1);
  if (args.value(0) === null) {
    if (most < 0) return wordsOf(text);
    const words: string[] = [];
    let rest = trimEnd(text);
    while (rest !== '' && words.length < most) {
      const word = wordsOf(rest).at(-1) ?? '';
      words.unshift(word);
      rest = trimEnd(rest.slice(0, rest.length - word.length));
    }
    return rest === '' ? words : [rest, ...words];
  }
  const by = separator(args);
  const parts: string[] = [];
  let rest = text;
  for (let left = most < 0 ? Infinity : most; left > 0; left -= 1) {
    const at = rest.lastIndexOf(by);
    if (at === -1) break;
    parts.unshift(rest.slice(at + by.length));
    rest = rest.slice(0, at);
  }
  return [rest, ...parts];
}

function partition(text: string, by: string, fromEnd: boolean): Tuple {
  const at = fromEnd ? text.lastIndexOf(by) : text.indexOf(by);
  if (at === -1) return new Tuple(fromEnd ? ['', '', text] : [text, '', '']);
  return new Tuple([text.slice(0, at), by, text.slice(at + by.length)]);
}

/** What the second and third arguments leave of the text. */
function part(text: string, args: Bound): string {
  if (!args.has(1) && !args.has(2)) return text;
  if (args.int(1, 0) < 0 || (args.has(2) && args.value(2) !== null && args.int(2) < 0) || args.value(1) === null) {
    return refuse('a start or an end that is none or negative', 'take a slice of the text first, as in text[-5:]');
  }
  const end = args.value(2) === null ? undefined : args.int(2);
  return charsOf(text).slice(args.int(1, 0), end).join('');
}

function hasEnd(name: 'startswith' | 'endswith', text: string, args: Bound): boolean {
  const wanted = args.value(0);
  const within = part(text, args);
  const ends = wanted instanceof Tuple ? wanted.items : [wanted];
  if (args.has(1) && ends.includes('') && args.int(1) > lengthOf(text)) return false;
  return ends.some((end) => {
    if (!isText(end)) {
      const isTuple = wanted instanceof Tuple;
      return raise('TypeError', isTuple ? `tuple for ${name} must only contain str, not ${typeName(end)}`
        : `${name} first arg must be str or a tuple of str, not ${typeName(end)}`);
    }
    const plain = typeof end === 'string' ? end : end.text;
    return name === 'startswith' ? within.startsWith(plain) : within.endsWith(plain);
  });
}

function find(text: string, args: Bound, fromEnd: boolean): bigint {
  const within = part(text, args);
  const at = fromEnd ? within.lastIndexOf(args.text(0)) : within.indexOf(args.text(0));
  if (at === -1 || (args.text(0) === '' && args.int(1, 0) > lengthOf(text))) return -1n;
  return BigInt(lengthOf(within.slice(0, at)) + args.int(1, 0));
}

function found(at: bigint): bigint {
  return at === -1n ? raise('ValueError', 'substring not found') : at;
}

function count(text: string, wanted: string): bigint {
  return BigInt(wanted === '' ? lengthOf(text) + 1 : text.split(wanted).length - 1);
}

export function replace(text: string, old: string, replacement: string, most: number): string {
  if (old === '') {
    const chars = charsOf(text);
    const times = most < 0 ? chars.length + 1 : Math.min(most, chars.length + 1);
    spendChars(text.length + times * replacement.length);
    return ['', ...chars].map((char, i) => char + (i < times ? replacement : '')).join('');
  }
  const parts = text.split(old);
  const times = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1);
  spendChars(text.length + times * replacement.length);
  return [parts.slice(0, times + 1).join(replacement), ...parts.slice(times + 1)].join(old);
}

function join(text: string, items: Value): string {
  if (!isIterable(items)) return raise('TypeError', 'can only join an iterable');
  const parts = itemsOf(items).map((item, i) => {
    return isText(item) ? (typeof item === 'string' ? item : item.text)
      : raise('TypeError', `sequence item ${i}: expected str instance, ${typeName(item)} found`);
  });
  spendChars(parts.reduce((sum, one) => sum + one.length + text.length, 0));
  return parts.join(text);
}

function fillChar(args: Bound): string {
  const fill = args.has(1) ? args.text(1) : ' ';
  return lengthOf(fill) === 1 ? fill
    : raise('TypeError', 'The fill character must be exactly one character long');
}

function filler(text: string, args: Bound): string {
  spendChars(args.int(0));
  return fillChar(args).repeat(Math.max(0, args.int(0) - lengthOf(text)));
}

export function center(text: string, width: number, fill: string): string {
  const missing = width - lengthOf(text);
  if (missing <= 0) return text;
  spendChars(width);
  // An odd one goes to the left when the width is odd.
  const left = (missing >> 1) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
