// What a section gets, and what it gives: a part of the report.

import type { Effort } from './effort.ts';
import type { BenchReport } from './results.ts';

export type Section = (effort: Effort) => Promise<Partial<BenchReport>>;

/** In the order in which they run; the names are those of the report's keys. */
export const SECTION_NAMES = [
  'limits', 'no_op', 'latency', 'payload', 'zero_worker', 'throughput', 'scale_out', 'memory', 'cold_start',
  'node_hours', 'slurm', 'python', 'service', 'endpoint', 'multi_user', 'peers',
] as const;

export type SectionName = typeof SECTION_NAMES[number];

/** To the process of a section: what to measure. */
export interface SectionRequest extends Omit<Effort, 'signal' | 'progress'> {
  readonly section: SectionName;
}

/** What comes back: any number of progress lines, then one of the others. */
export type FromSection =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'measured'; readonly part: Partial<BenchReport> }
  | { readonly type: 'failed'; readonly message: string };
