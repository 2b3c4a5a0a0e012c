// The log's lines for people at a terminal, as the field's daemon shows them.

import { shownLines } from './audit.ts';

const WARNING = 40;
const CHARS_MAX = 16_000;

/** On a terminal the time stands where the next line begins. */
const ERASE_LINE = '\x1b[K';

/** `line`: one of the log, JSON. */
export function consoleLine(line: string, onTerminal = false): string {
  const { level = 0, msg = '', err } = JSON.parse(line) as LogLine; // written by the logger itself
  const cause = typeof err?.message === 'string' ? `: ${err.message}` : '';
  const text = shownLines(`${msg}${cause}`, CHARS_MAX);
  const shown = level < WARNING ? `> ${text}` : `${NAMES[level] ?? 'WARNING'} ${text}`;
  return `${onTerminal ? ERASE_LINE : ''}${shown}\n`;
}

interface LogLine {
  readonly level?: number;
  readonly msg?: string;
  readonly err?: { readonly message?: unknown };
}

const NAMES: Readonly<Record<number, string>> = { 50: 'ERROR', 60: 'CRITICAL' };
