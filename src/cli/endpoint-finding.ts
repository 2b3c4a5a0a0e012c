// What `switchyard endpoint doctor` finds: one line a check, with what to do about it.

import { ComputeError, unreachable } from '../common/errors.ts';

export type Level = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly level: Level;
  /** What was looked at. */
  readonly check: string;
  readonly text: string;
}

export function ok(check: string, text: string): Finding {
  return { level: 'ok', check, text };
}

export function warning(check: string, text: string): Finding {
  return { level: 'warn', check, text };
}

export function failure(check: string, text: string): Finding {
  return { level: 'fail', check, text };
}

/** For a check that throws what is wrong. What is no error of ours is a bug, and goes on. */
export function failed(check: string, error: unknown): Finding {
  if (!(error instanceof ComputeError)) throw error;
  return failure(check, error.message);
}

export function findingsText(findings: readonly Finding[]): string {
  const lines = findings.map(({ level, check, text }) => `${mark(level)}  ${check}: ${oneLine(text)}\n`);
  return `${lines.join('')}${summary(findings)}\n`;
}

function summary(findings: readonly Finding[]): string {
  const [fails, warns] = [countOf(findings, 'fail'), countOf(findings, 'warn')];
  if (fails > 0) return `${fails} of ${findings.length} checks failed.`;
  return warns > 0 ? `Nothing failed; look at the ${warns} marked warn.` : 'All is well.';
}

function countOf(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}

function mark(level: Level): string {
  switch (level) {
    case 'ok': return 'ok  ';
    case 'warn': return 'warn';
    case 'fail': return 'fail';
    default: return unreachable(level);
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ').trim();
}
