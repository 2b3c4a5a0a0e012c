// How long a task may run.

import type { Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import type { Slot } from './slot.ts';

/** After its time is up, a command has this long to end by its own means before its thread is ended. */
const COMMAND_GRACE_MS = 4000;

export interface Limit {
  readonly timeoutMs: number;
  readonly command: boolean;
  readonly clock: Clock;
}

/** One timer for the whole assignment: it looks when the task that runs now has to be done. */
export function limitTime(
  slot: Slot, { timeoutMs, command, clock }: Limit, onLate: (reason: ComputeError) => void,
): void {
  const limitMs = command ? timeoutMs + COMMAND_GRACE_MS : timeoutMs;
  const check = (): void => {
    const since = slot.runningSince();
    const left = since === undefined ? limitMs : since + limitMs - clock.now();
    if (left > 0) {
      slot.timer = setTimeout(check, left + 1);
      return;
    }
    onLate(new ComputeError('TASK_TIMEOUT', `the task ran longer than its timeout of ${timeoutMs / 1000} s`));
  };
  slot.timer = setTimeout(check, limitMs + 1);
}
