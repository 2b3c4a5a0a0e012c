// How long tasks ran lately: what a scaler may expect of those that wait.

import type { ResultBatch } from '../src/common/protocol.ts';

/** About so many tasks make up the mean; what was before fades. */
const TASKS_REMEMBERED = 100;

export class RunTimes {
  /** undefined before the first result. */
  meanMs: number | undefined;

  observe(headers: readonly ResultBatch[]): void {
    for (const { count, startedAtMs, returnedAtMs } of headers) {
      if (count === 0) continue;
      const ms = Math.max(0, returnedAtMs - startedAtMs) / count;
      const share = 1 - (1 - 1 / TASKS_REMEMBERED) ** count;
      this.meanMs = this.meanMs === undefined ? ms : this.meanMs + (ms - this.meanMs) * share;
    }
  }
}
