// Which texts may be the name of a local account. A mapping makes the name out of what a stranger calls himself.

const CHARS_MAX = 255;
// What programs of this system take for an option begins with a dash, and what they take for a number has only digits.
// The @ is for sites whose accounts carry their domain.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/;

/** Why no account can have this name; undefined: one may. */
export function accountNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > CHARS_MAX) return `it has more than ${CHARS_MAX} characters`;
  if (/^\d+$/.test(name)) return 'it is a number, which would be taken for a uid';
  if (NAME.test(name)) return undefined;
  return name.startsWith('-') ? 'it begins with a dash, as an option does'
    : 'it has other characters than letters, digits, and _ . - @';
}
