// One row of a table: where its figure is in the report, its unit, and what it has to reach.

import type { Spread } from './measure.ts';
import type { BenchReport } from './results.ts';

export interface Row {
  readonly group: string;
  readonly name: string;
  readonly unit: string;
  readonly value: (report: BenchReport) => number | undefined;
  readonly spread?: (report: BenchReport) => Spread | undefined;
  readonly target?: Target;
}

/** `least`: the value may not be smaller; `most`: it may not be larger. */
export type Target = { readonly least: number } | { readonly most: number };

export function meets(value: number, target: Target): boolean {
  return 'least' in target ? value >= target.least : value <= target.most;
}
