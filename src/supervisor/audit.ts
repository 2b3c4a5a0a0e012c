// Texts that strangers have written, in lines that administrators read: no character of theirs may end the line, move a
// cursor or hide what follows.

const CHARS_MAX = 2_000;

/** On one line, nothing hidden, not too long. */
export function shown(text: string, charsMax = CHARS_MAX): string {
  // A surrogate without its other half is nothing that could be shown, either.
  const visible = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped);
  return visible.length > charsMax ? `${visible.slice(0, charsMax)}…` : visible;
}

/** The same for what is written over several lines. */
export function shownLines(text: string, charsMax = CHARS_MAX): string {
  return text.slice(0, charsMax).split('\n').map((line) => shown(line)).join('\n');
}

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
