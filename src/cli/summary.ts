// What a run came to: for people a few lines, for programs one JSON object. Pure.

import { counted, duration, rate, several } from './words.ts';

/** What tells failures apart. */
export interface FailureKind {
  readonly code: string;
  readonly message: string;
}

/** The message is that of the first task that failed so. */
export interface FailureGroup extends FailureKind {
  count: number;
}

const GROUPS_MAX = 200;
const GROUPS_SHOWN = 5;
const MESSAGE_LENGTH_MAX = 160;

/** Failures that differ only in names and numbers are one kind. */
export class FailureGroups {
  readonly #groups = new Map<string, FailureGroup>();
  /** Of more kinds than are told apart. */
  others = 0;

  add({ code, message }: FailureKind): void {
    const key = `${code} ${message.replace(/(['"`]).*?\1|\d+|(?:\/[^\s,:;]+)+/g, '…')}`;
    const group = this.#groups.get(key);
    if (group !== undefined) group.count += 1;
    else if (this.#groups.size < GROUPS_MAX) this.#groups.set(key, { code, message, count: 1 });
    else this.others += 1;
  }

  /** Most frequent first. */
  list(): FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }
}

export interface Summary {
  readonly end: 'complete' | 'drained' | 'cancelled' | 'failures' | 'error';
  readonly total: number | null;
  readonly ok: number;
  readonly failed: number;
  /** Done by earlier runs on the same journal; within `ok` and `failed`. */
  readonly resumed: number;
  readonly ms: number;
  readonly failures: readonly FailureGroup[];
  readonly unreadDirectories: readonly string[];
  /** undefined: none, so that nothing can be resumed. */
  readonly journal: string | undefined;
}

export function summaryText(summary: Summary): string {
  const { end, total, ok, failed, resumed, ms, journal } = summary;
  const done = ok + failed;
  const fresh = done - resumed;
  const pace = fresh > 0 && ms > 0 ? ` (${rate(fresh / (ms / 1000))})` : '';
  const before = resumed > 0 ? `, ${counted(resumed)} of them before` : '';
  const of = end !== 'complete' && total !== null ? ` of ${counted(total)}` : '';
  const lines = [
    `${END_TEXT[end]}${counted(done)}${of} done in ${duration(ms)}${pace}${before}: `
      + `${counted(ok)} ok, ${counted(failed)} failed`,
  ];
  for (const { code, message, count } of summary.failures.slice(0, GROUPS_SHOWN)) {
    lines.push(`  ${counted(count)} × ${code}: ${shortened(message)}`);
  }
  if (summary.failures.length > GROUPS_SHOWN) {
    lines.push(`  and ${several(summary.failures.length - GROUPS_SHOWN, 'other kind')}: the result file has them all`);
  }
  if (end !== 'complete' && total !== done && done > 0) lines.push(advice(journal));
  return lines.join('\n');
}

const END_TEXT: Readonly<Record<Summary['end'], string>> = {
  complete: '',
  drained: 'stopped as asked: ',
  cancelled: 'cancelled: ',
  failures: 'stopped after too many failures: ',
  error: 'stopped: ',
};

function advice(journal: string | undefined): string {
  return journal === undefined
    ? '  without --journal the rest cannot be told from what is done: another run starts over'
    : '  run the same command again to do the rest';
}

function shortened(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length <= MESSAGE_LENGTH_MAX ? line : `${line.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}

export function summaryJson(summary: Summary, status: number): string {
  const { ms, ...rest } = summary;
  const perSecond = ms > 0 ? (summary.ok + summary.failed - summary.resumed) / (ms / 1000) : null;
  return JSON.stringify({ ...rest, journal: summary.journal ?? null, seconds: ms / 1000, perSecond, status });
}
