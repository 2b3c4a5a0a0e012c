// Where the time of one task goes: the differences between the moments that every task carries.

import { percentile } from './measure.ts';
import type { Hop } from './results.ts';

type Moment = 'submittedAtMs' | 'sentAtMs' | 'queuedAtMs' | 'dispatchedAtMs' | 'receivedAtMs' | 'startedAtMs'
  | 'finishedAtMs' | 'returnedAtMs' | 'forwardedAtMs' | 'settledAtMs';

export type Moments = Readonly<Record<Moment, number>>;

/** In the order of a task's journey: what happens between one moment and the next. */
const HOPS: readonly { readonly name: string; readonly from: Moment; readonly to: Moment }[] = [
  { name: 'client: encode, batch', from: 'submittedAtMs', to: 'sentAtMs' },
  { name: 'client → interchange', from: 'sentAtMs', to: 'queuedAtMs' },
  { name: 'interchange: choose a manager', from: 'queuedAtMs', to: 'dispatchedAtMs' },
  { name: 'interchange → manager', from: 'dispatchedAtMs', to: 'receivedAtMs' },
  { name: 'manager → worker', from: 'receivedAtMs', to: 'startedAtMs' },
  { name: 'run', from: 'startedAtMs', to: 'finishedAtMs' },
  { name: 'worker → manager', from: 'finishedAtMs', to: 'returnedAtMs' },
  { name: 'manager → interchange', from: 'returnedAtMs', to: 'forwardedAtMs' },
  { name: 'interchange → client, settle', from: 'forwardedAtMs', to: 'settledAtMs' },
];

export function hopsOf(journeys: readonly Moments[]): Hop[] {
  return HOPS.map(({ name, from, to }) => {
    const spent = Float64Array.from(journeys, (moments) => (moments[to] - moments[from]) * 1000).sort();
    return { name, p50_us: percentile(spent, 0.5), p99_us: percentile(spent, 0.99) };
  });
}
