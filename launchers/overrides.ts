// Options that a site's administrator adds to a launch command: shell text, theirs to quote.

export const overridesProperty = { type: 'string', default: '' } as const;

/** The text as part of a command's one line, with a blank in front; a line that goes on with a backslash is joined. */
export function inLine(overrides: string): string {
  const line = overrides.trim().replaceAll(/[ \t]*\\?\r?\n[ \t]*/g, ' ').replace(/(?:^|[ \t]+)\\$/, '');
  return line === '' ? '' : ` ${line}`;
}
