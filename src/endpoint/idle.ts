// When an endpoint without work stops. Asked after each heartbeat, with the field's counting. Pure.

export interface IdleLimits {
  /** Heartbeats; 0: it never stops. */
  readonly soft: number;
  readonly hard: number;
  /** Of the heartbeats, in seconds. */
  readonly periodS: number;
}

/** Tasks received and results forwarded. */
export interface Movement {
  readonly received: number;
  readonly forwarded: number;
}

export interface IdleState {
  readonly seen: Movement;
  /** Heartbeats in a row with all done and nothing moving, and with nothing moving. */
  readonly done: number;
  readonly still: number;
}

export type IdleStep =
  | { readonly type: 'off' }
  | { readonly type: 'active'; readonly since: boolean }
  /** `first`: it was not so before. */
  | { readonly type: 'idle' | 'possibly-idle'; readonly remainingS: number; readonly first: boolean }
  /** Nothing moves, for no longer than it may. */
  | { readonly type: 'still' }
  | { readonly type: 'stop'; readonly limit: 'soft' | 'hard' };

export const NOT_IDLE: IdleState = { seen: { received: 0, forwarded: 0 }, done: 0, still: 0 };

export function idleStep(state: IdleState, now: Movement, limits: IdleLimits): readonly [IdleState, IdleStep] {
  const soft = Math.max(0, limits.soft);
  const hard = Math.max(soft + 1, limits.hard);
  if (soft === 0) return [state, { type: 'off' }];
  if (now.received !== state.seen.received || now.forwarded !== state.seen.forwarded) {
    return [{ seen: now, done: 0, still: 0 }, { type: 'active', since: state.done > 0 || state.still > 0 }];
  }
  const still = state.still + 1;
  if ((now.received > 0 || now.forwarded > 0) && now.forwarded >= now.received) {
    const done = state.done + 1;
    const next = { seen: now, done, still };
    if (done >= soft) return [next, { type: 'stop', limit: 'soft' }];
    return [next, { type: 'idle', remainingS: (soft - done) * limits.periodS, first: done === 1 }];
  }
  const next = { ...state, still };
  if (still > hard) return [next, { type: 'stop', limit: 'hard' }];
  if (still <= soft) return [next, { type: 'still' }];
  return [next, { type: 'possibly-idle', remainingS: (hard - still) * limits.periodS, first: still === soft + 1 }];
}

/** As the field words it, in front of the process's title; '' for none. */
export function titleOf(step: IdleStep): string {
  switch (step.type) {
    case 'idle': return `[idle; shut down in ${seconds(step.remainingS)}s] `;
    case 'possibly-idle': return `[possibly idle; shut down in ${seconds(step.remainingS)}s] `;
    case 'off': case 'active': case 'still': case 'stop': return '';
  }
}

function seconds(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}
