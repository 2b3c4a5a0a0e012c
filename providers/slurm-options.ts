// The #SBATCH lines that a user adds, and how words are written in any of them.

import { ComputeError } from '../src/common/errors.ts';
import { invalid } from '../src/common/schema.ts';

const KEY = 'engine.provider.scheduler_options';

/** Options that would make a block something else than we take it for, and where it is said instead. */
const OURS: readonly (readonly [option: RegExp, instead: string])[] = [
  [/^(?:--array(?:[= ]|$)|-a)/, 'a block is one job and not an array: set max_blocks'],
  [/^(?:--nodes(?:[= ]|$)|-N)/, 'set nodes_per_block'],
  [/^(?:--clusters?(?:[= ]|$)|-M)/, 'set clusters'],
  [/^(?:--wait$|-W$)/, 'a submission is not to last as long as the job'],
  [/^--test-only$/, 'nothing would be submitted'],
  [/^--wrap(?:[= ]|$)/, 'the job has a script already: set worker_init'],
];

/** Throws CONFIG_INVALID for lines that Slurm would not read, or not as part of a block. */
export function optionLines(text: string): string[] {
  return text.split(/\r?\n/).flatMap((raw, i) => {
    const line = raw.trim();
    if (line === '') return [];
    const at = `${KEY}, line ${i + 1}`;
    const option = /^(?:#SBATCH\s+)?(-.*)$/.exec(line)?.[1];
    if (option === undefined) {
      if (/^#\s*(?:PBS|BSUB)\b/.test(line)) {
        throw invalid([`${at}: "${line}" is in another scheduler's words, which sbatch takes as well; write #SBATCH`]);
      }
      if (line.startsWith('#')) return [line];
      throw invalid([`${at}: "${line}" is not an option such as --reservation=name; commands belong into worker_init`]);
    }
    const [, instead] = OURS.find(([refused]) => refused.test(option)) ?? [];
    if (instead !== undefined) throw invalid([`${at}: ${option} cannot be given here; ${instead}`]);
    return [`#SBATCH ${option}`];
  });
}

/** One word of a #SBATCH line. Slurm reads quotes and backslashes there, and # as the start of a comment. */
export function quoteOption(word: string): string {
  if (/[\r\n\0]/.test(word)) {
    throw new ComputeError('SUBMIT_FAILED', `a line break cannot be in an #SBATCH line: ${JSON.stringify(word)}`);
  }
  if (/^[^\s"'\\#]+$/.test(word)) return word;
  return `"${word.replace(/["\\]/g, '\\$&')}"`;
}
