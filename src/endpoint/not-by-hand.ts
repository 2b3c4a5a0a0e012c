// What a person is told who runs a user endpoint's command. Loaded before anything of ours is.

import { readSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDIN = 0;

export const NOT_BY_HAND = 'Missing or invalid endpoint information from stdin. (Hint: this command is not meant to be '
  + 'invoked manually; it should only be run by an endpoint manager process.)';

export function isAtTerminal(): boolean {
  return isatty(STDIN);
}

/** Takes the first character of standard input to see whether a document begins there; for who will not read it. */
export function beginsDocument(): boolean {
  const first = Buffer.alloc(1);
  try {
    return readSync(STDIN, first) === 1 && first.toString() === '{';
  } catch {
    return true; // it is still to come
  }
}
