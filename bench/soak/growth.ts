// Memory and open files of the processes of a run, tenth by tenth. A collector that has room comes when it pleases, and
// then memory tells nothing of what a process holds on to: a soak is run with a tight limit on every heap.

import { readdirSync, readFileSync } from 'node:fs';
import { median } from '../measure.ts';

/** From here on: before, the window of open tasks fills, and each heap grows to its limit. */
const SETTLED_TENTH = 3;
/** What a process may grow by from then on. */
const RSS_FACTOR_MAX = 1.25;
const RSS_MIB_MAX = 32;
const FILES_MAX = 16;

export interface Growth {
  /** Resident memory in each tenth of the run. */
  readonly rssMib: readonly number[];
  /** Open files in each tenth. */
  readonly files: readonly number[];
  readonly flat: boolean;
}

interface Samples {
  readonly rssMib: number[];
  readonly files: number[];
}

export class GrowthWatch {
  readonly #tenths = new Map<string, Map<number, Samples>>();

  /** `share`: how much of the run is done, from 0 to 1. */
  sample(share: number, pids: Readonly<Record<string, number>>): void {
    const tenth = Math.min(9, Math.floor(share * 10));
    for (const [name, pid] of Object.entries(pids)) {
      const tenths = this.#tenths.get(name) ?? new Map<number, Samples>();
      this.#tenths.set(name, tenths);
      const samples = tenths.get(tenth) ?? { rssMib: [], files: [] };
      tenths.set(tenth, samples);
      try {
        const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
        samples.rssMib.push(Number(rss?.[1]) / 1024);
        samples.files.push(readdirSync(`/proc/${pid}/fd`).length);
      } catch { /* it has just been replaced: the next sample finds another */ }
    }
  }

  report(): Record<string, Growth> {
    return Object.fromEntries([...this.#tenths].map(([name, tenths]) => {
      const each = (of: keyof Samples): number[] => Array.from({ length: 10 }, (_, tenth) =>
        Math.round(median(tenths.get(tenth)?.[of] ?? [])));
      const [rssMib, files] = [each('rssMib'), each('files')];
      const flat = last(rssMib) <= settled(rssMib) * RSS_FACTOR_MAX + RSS_MIB_MAX
        && last(files) <= settled(files) + FILES_MAX;
      return [name, { rssMib, files, flat }];
    }));
  }
}

function settled(tenths: readonly number[]): number {
  return tenths[SETTLED_TENTH] ?? Number.NaN;
}

function last(tenths: readonly number[]): number {
  return tenths.at(-1) ?? Number.NaN;
}
