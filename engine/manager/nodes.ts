// The nodes of a block, as its scheduler names them. Pure.

import { ComputeError } from '../../src/common/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface NodeSources {
  readonly environment: Environment;
  readonly readFile: (path: string) => string;
  /** This machine, and how often it counts where there is no scheduler. */
  readonly local: { readonly name: string; readonly count: number };
}

/** Each once, in the scheduler's order; without a scheduler this machine, as often as it counts. */
export function nodesOf({ environment, readFile, local }: NodeSources): string[] {
  const slurm = environment['SLURM_JOB_NODELIST'] ?? environment['SLURM_NODELIST'];
  if (slurm !== undefined && slurm !== '') return expandHosts(slurm);
  const file = environment['PBS_NODEFILE'];
  if (file === undefined || file === '') return Array.from({ length: local.count }, () => local.name);
  // One line for each core that the job has on a node.
  const lines = readFile(file).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  if (lines.length === 0) throw new ComputeError('START_FAILED', `the scheduler's list of nodes, ${file}, is empty`);
  return [...new Set(lines)];
}

/** Slurm's short form: `n[1-3,07],gpu-[01-02]-ib,login` → every name, in order. */
export function expandHosts(list: string): string[] {
  // At the commas outside of brackets.
  const parts = list.match(/(?:[^,[\]]|\[[^\]]*\])+/g) ?? [];
  if (parts.join(',') !== list) throw unreadable(list);
  return parts.flatMap((part) => expandOne(part, list));
}

function expandOne(part: string, list: string): string[] {
  const found = /^([^[\]]*)\[([^\]]+)\](.*)$/.exec(part);
  if (found === null) return [part];
  const [, before = '', ranges = '', after = ''] = found;
  const ends = expandOne(after, list);
  return ranges.split(',').flatMap((range) => numbersOf(range, list))
    .flatMap((number) => ends.map((end) => `${before}${number}${end}`));
}

/** `08-10` → 08, 09, 10: as many digits as the first has. */
function numbersOf(range: string, list: string): string[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first)) throw unreadable(list);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) =>
    String(Number(first) + i).padStart(first.length, '0'));
}

function unreadable(list: string): ComputeError {
  return new ComputeError('START_FAILED', `the scheduler's list of nodes cannot be read: ${list}`);
}
