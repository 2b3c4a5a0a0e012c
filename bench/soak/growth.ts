// Memory and open files of the processes of a run, from its first tenth to its last.

import { readdirSync, readFileSync } from 'node:fs';
import { median } from '../measure.ts';

/** What a process may grow by: heaps are collected when they please, and a run starts with small ones. */
const RSS_FACTOR_MAX = 1.25;
const RSS_MIB_MAX = 48;
const FILES_MAX = 16;

export interface Growth {
  readonly firstRssMib: number;
  readonly lastRssMib: number;
  readonly firstFiles: number;
  readonly lastFiles: number;
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
      const of = (tenth: number): Samples => tenths.get(tenth) ?? { rssMib: [], files: [] };
      const [firstRssMib, lastRssMib] = [Math.round(median(of(0).rssMib)), Math.round(median(of(9).rssMib))];
      const [firstFiles, lastFiles] = [median(of(0).files), median(of(9).files)];
      const flat = lastRssMib <= firstRssMib * RSS_FACTOR_MAX + RSS_MIB_MAX && lastFiles <= firstFiles + FILES_MAX;
      return [name, { firstRssMib, lastRssMib, firstFiles, lastFiles, flat }];
    }));
  }
}
