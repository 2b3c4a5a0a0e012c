// The #PBS lines that a user adds, and how words are written in any of them.

import { ComputeError } from '../src/common/errors.ts';
import { invalid } from '../src/common/schema.ts';

const KEY = 'engine.provider.scheduler_options';

/** An option that would make a block something else than we take it for, and where it is said instead. */
export type Refused = readonly [option: RegExp, instead: string];

const REFUSED: readonly Refused[] = [
  [/^-[Jt]/, 'a block is one job and not an array: set max_blocks'],
  [/^-I/, 'nobody is there to talk to an interactive job'],
  [/^-W.*\bblock=/, 'a submission is not to last as long as the job'],
  [/^-[Noe]/, 'a job is known by its name, and its output by its path'],
];

/** Throws CONFIG_INVALID for lines that qsub would not read, or not as part of a block. `#PBS` may be left out. */
export function optionLines(text: string, refused: readonly Refused[] = []): string[] {
  return text.split(/\r?\n/).flatMap((raw, i) => {
    const line = raw.trim();
    if (line === '') return [];
    const at = `${KEY}, line ${i + 1}`;
    const option = /^(?:#PBS\s+)?(-.*)$/.exec(line)?.[1];
    if (option === undefined) {
      if (line.startsWith('#')) return [line];
      throw invalid([`${at}: "${line}" is not an option such as -W group_list=x; commands belong into worker_init`]);
    }
    const [, instead] = [...REFUSED, ...refused].find(([wrong]) => wrong.test(option)) ?? [];
    if (instead !== undefined) throw invalid([`${at}: ${option} cannot be given here; ${instead}`]);
    return [`#PBS ${option}`];
  });
}

/** Whether one of the lines asks for this resource. */
export function asksFor(resource: string, lines: readonly string[]): boolean {
  return lines.some((line) => new RegExp(`^#PBS\\s+-l\\s*(?:.*,)?\\s*${resource}=`).test(line));
}

/** One word of a #PBS line. qsub reads quotes and backslashes there as a shell does. */
export function quoteOption(word: string): string {
  if (/[\r\n\0]/.test(word)) {
    throw new ComputeError('SUBMIT_FAILED', `a line break cannot be in a #PBS line: ${JSON.stringify(word)}`);
  }
  return word.replace(/[\s"'\\]/g, '\\$&');
}
