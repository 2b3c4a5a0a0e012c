// What a section gets, and what it gives: a part of the report.

import type { BenchReport } from './results.ts';

/** How much a section may spend, and how it is stopped. */
export interface Effort {
  /** A short version: fewer and smaller repetitions, the same definitions. */
  readonly quick: boolean;
  /** The Python for a peer's virtual environment; undefined takes the first that works. */
  readonly python: string | undefined;
  /** Where run folders of measured engines go; removed when the bench ends. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** One line for whoever waits. */
  progress(text: string): void;
}

export type Section = (effort: Effort) => Promise<Partial<BenchReport>>;

/** In the order in which they run; the names are those of the report's keys. */
export const SECTION_NAMES = [
  'limits', 'no_op', 'latency', 'payload', 'zero_worker', 'throughput', 'scale_out', 'memory', 'cold_start', 'peers',
] as const;

export type SectionName = typeof SECTION_NAMES[number];
