// What an endpoint may be called: its name is a directory, a word of shell commands, and part of a process title.

import { misuse } from './failure.ts';

export const DEFAULT_NAME = 'default';

const CHARS_MAX = 128;
const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Throws what is wrong with a name for a new endpoint. */
export function checkName(name: string): void {
  if (isUuid(name)) {
    throw misuse(`'switchyard endpoint configure' requires an endpoint name that is not a UUID (got: '${name}')`);
  }
  const wrong = wrongWith(name);
  if (wrong === undefined) return;
  const reduced = name.replaceAll(/[\\/\s'"\p{Cc}]+/gu, '').replace(/^\.+/, '').slice(0, CHARS_MAX);
  const instead = reduced === '' ? '' : `; ${reduced} would do`;
  throw misuse(`Invalid endpoint name: ${wrong} (requested: ${JSON.stringify(name)})${instead}`);
}

function wrongWith(name: string): string | undefined {
  if (name === '') return 'Received no endpoint name';
  if (name.length > CHARS_MAX) return `must be less than ${CHARS_MAX + 1} characters (length: ${name.length})`;
  if (name === '..' || name.includes('/')) return "no '..' or '/' characters";
  if (/[\\\s'"\p{Cc}]|^\./u.test(name)) {
    return "no whitespace (spaces, newlines, tabs), slashes, quotes, or prefixed '.'";
  }
  // It would be taken for an option by every command that it is given to.
  if (name.startsWith('-')) return "no prefixed '-'";
  return undefined;
}
