// What is old goes: tasks with their results, tokens that have expired, functions that were removed, and user endpoints
// that nobody uses.

import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { Database } from './database.ts';
import type { Store } from './store.ts';
import type { UserEndpoints } from './user-endpoints.ts';

export interface SweepDeps {
  readonly store: Store;
  readonly database: Database;
  readonly userEndpoints: UserEndpoints;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SweepOptions {
  readonly taskRetentionS: number;
  readonly resultRetentionS: number;
}

export const SWEEP_EVERY_MS = 10 * 60_000;
/** Small enough that nobody waits long behind it. */
const TOGETHER = 2_000;
const HOUR_S = 3_600;

/** The number of tasks that went. */
export async function sweep(deps: SweepDeps, options: SweepOptions, signal: AbortSignal): Promise<number> {
  const { store, database, userEndpoints, clock, log } = deps;
  const nowS = clock.now() / 1000;
  const submittedBefore = nowS - options.taskRetentionS;
  const completedBefore = nowS - options.resultRetentionS;
  let count = 0;
  for (let removed = TOGETHER; removed === TOGETHER && !signal.aborted;) {
    removed = await store.tasks.sweep(submittedBefore, completedBefore, TOGETHER);
    count += removed;
  }
  await store.functions.sweep(submittedBefore);
  await store.identities.sweep(nowS);
  // Used lately is known to the hour; its tasks have gone by then.
  const expired = await userEndpoints.expire(submittedBefore - HOUR_S, signal);
  if (expired > 0) log.info({ count: expired }, 'unused user endpoints were removed');
  if (count > 0) {
    await database.tidy();
    log.info({ count }, 'old tasks were removed');
  }
  return count;
}
