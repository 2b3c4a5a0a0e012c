// What a user endpoint answers that is not to start, or that nobody has called for. Loaded before anything of ours is.

import { readSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDIN = 0;
const EXIT_INFORMATION = 1;
const EXIT_PRIVILEGES = 74;

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

/** Its user is told little; what was kept is for the log of who started us. */
export function privilegesKept(detail: string): number {
  const id = process.getuid?.();
  process.stderr.write('Unexpectedly regained original privileges!  (Should not have been able to keep them as uid '
    + `${id}: ${detail})\n`);
  return failed(EXIT_PRIVILEGES, {
    error: 'PermissionError', code: 'START_FAILED', message: 'failed to start endpoint', detail,
  });
}

/** For a person who has run the command. */
export function notByHand(): number {
  process.stderr.write(`${NOT_BY_HAND}\n`);
  return failed(EXIT_INFORMATION, { error: 'SystemExit', code: 'CONFIG_INVALID', message: NOT_BY_HAND });
}

function failed(step: number, why: Readonly<Record<string, string>>): number {
  process.stdout.write(`${JSON.stringify({ type: 'failed', step, ...why })}\n`);
  return step;
}
