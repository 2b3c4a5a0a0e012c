/** One word → one shell word, whatever is in it. A NUL cannot be in any word and is refused. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new Error('a shell word cannot contain a NUL');
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An argv array → shell text. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
