// A regular expression in Python's words → one of JavaScript's that means the same, or an error: schemas are written
// for the former. One difference is kept: `$` is the end of a text, and not also the place before its last line break.

const SYNTAX = /[\\^$.*+?()[\]{}|/]/;
const LETTERS = '\\p{L}\\p{N}_';

export interface Pattern {
  readonly source: string;
  readonly flags: string;
}

/** Throws a SyntaxError for what JavaScript cannot say. */
export function readPattern(pattern: string): Pattern {
  const flags = /^\(\?([a-zA-Z]+)\)/.exec(pattern);
  const letters = flags?.[1] ?? '';
  if (/[^aimsu]/.test(letters)) throw new SyntaxError(`(?${letters}) is not supported`);
  return {
    source: translated(pattern.slice(flags?.[0].length ?? 0)),
    flags: `u${[...new Set(letters)].filter((one) => 'ims'.includes(one)).join('')}`,
  };
}

// One token of a pattern at a time: an escape, a class, the beginning of a group, a repetition, or a character.
const TOKENS = new RegExp([
  /\\(?:[xuU][0-9a-fA-F]+|.)/, /\[\^?\]?(?:\\.|[^\]\\])*\]/, /\((?:\?(?:P[<=]|<[=!]|.)?)?/, /[*+?]\+/,
  /\{\d*,?\d*\}/, /./,
].map(({ source }) => source).join('|'), 'gsu');

function translated(pattern: string): string {
  return [...pattern.matchAll(TOKENS)].map(([token]) => {
    switch (token.charAt(0)) {
      case '\\': return escapeOf(token, false);
      case '[': return classOf(token);
      case '(': return groupOf(token);
      case '{': return repetitionOf(token);
      case '}': case ']': return `\\${token}`;
      default:
        if (/^[*+?]\+$/.test(token)) throw new SyntaxError(`${token} is not supported`);
        return token;
    }
  }).join('').replace(/\(\?P=(\w+)\)/g, '\\k<$1>');
}

function escapeOf(token: string, inClass: boolean): string {
  const letter = token.charAt(1);
  switch (letter) {
    case 'A': return '(?<![\\s\\S])';
    case 'Z': return '(?![\\s\\S])';
    case 'd': return '\\p{Nd}';
    case 'D': return '\\P{Nd}';
    case 'w': return inClass ? LETTERS : `[${LETTERS}]`;
    case 'W':
      if (inClass) throw new SyntaxError('\\W in a set is not supported');
      return `[^${LETTERS}]`;
    case 'a': return '\\x07';
    case 'U': return `\\u{${token.slice(2).replace(/^0+/, '') || '0'}}`;
    default: break;
  }
  if (/[a-zA-Z0-9]/.test(letter)) return token;
  return SYNTAX.test(letter) || (inClass && letter === '-') ? token : letter;
}

function classOf(token: string): string {
  if (!/.\]$/.test(token)) throw new SyntaxError('unterminated character set');
  const negated = token.startsWith('[^');
  const inner = token.slice(negated ? 2 : 1, -1);
  const members = [...inner.matchAll(/\\(?:[xuU][0-9a-fA-F]+|.)|./gsu)].map(([one], i) => {
    if (one.startsWith('\\')) return escapeOf(one, true);
    // A bracket that comes first is one of the set's.
    return one === '[' || (one === ']' && i === 0) ? `\\${one}` : one;
  });
  return `[${negated ? '^' : ''}${members.join('')}]`;
}

function groupOf(token: string): string {
  switch (token) {
    case '(': case '(?:': case '(?=': case '(?!': case '(?<=': case '(?<!': case '(?P=': return token;
    case '(?P<': return '(?<';
    default: throw new SyntaxError(`${token} is not supported`);
  }
}

function repetitionOf(token: string): string {
  if (/^\{\d+(,\d*)?\}$/.test(token)) return token;
  return /^\{,\d*\}$/.test(token) ? `{0${token.slice(1)}` : token.replace(/[{}]/g, '\\$&');
}
