// Who is there: the last report of every endpoint, and who waits for the next.

import type { StatusReport } from '../amqp/messages.ts';
import { formatJson, type JsonObject } from '../common/json.ts';
import type { StoredPresence } from './store/endpoints.ts';

/** What one report says about its endpoint. */
export type Sign =
  | { readonly type: 'online'; readonly untilS: number }
  | { readonly type: 'offline' }
  | { readonly type: 'error'; readonly text: string };

/** A report may be late by its own period and a half before its endpoint counts as gone. */
const PERIODS = 2.5;
const GRACE_S = 5;
const PERIOD_S = 30;
const PERIOD_MAX_S = 3600;

/** An endpoint that ends says so with a period of 0, or as not active. A failure to start is no sign of life. */
export function signOf({ state }: StatusReport, nowS: number): Sign {
  const { error, active, heartbeat_period: period } = state;
  if (error !== undefined && error !== null) {
    return { type: 'error', text: typeof error === 'string' ? error : 'the endpoint failed and did not say why' };
  }
  if (active === false || Number(period) === 0) return { type: 'offline' };
  const seconds = typeof period === 'number' && period > 0 ? Math.min(period, PERIOD_MAX_S) : PERIOD_S;
  return { type: 'online', untilS: nowS + PERIODS * seconds + GRACE_S };
}

interface Entry {
  readonly untilS: number;
  readonly seenS: number;
  readonly state: JsonObject;
}

type Listener = (sign: Sign) => void;

export class Presence {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<Listener>>();

  restore(id: string, seenS: number, untilS: number, state: JsonObject): void {
    this.#entries.set(id, { seenS, untilS, state });
  }

  /** What there is to remember of it; undefined for a failure, which changes nothing but that it is not there. */
  report(report: StatusReport, nowS: number): { readonly sign: Sign; readonly stored: StoredPresence } {
    const { endpointId: id, state } = report;
    const sign = signOf(report, nowS);
    const untilS = sign.type === 'online' ? sign.untilS : 0;
    this.#entries.set(id, { seenS: nowS, untilS, state });
    for (const listener of this.#listeners.get(id) ?? []) listener(sign);
    return { sign, stored: { id, seenS: nowS, untilS, report: formatJson(state) } };
  }

  isOnline(id: string, nowS: number): boolean {
    return (this.#entries.get(id)?.untilS ?? 0) > nowS;
  }

  /** What it said last, if it still counts. */
  stateOf(id: string, nowS: number): JsonObject | undefined {
    return this.isOnline(id, nowS) ? this.#entries.get(id)?.state : undefined;
  }

  forget(id: string): void {
    this.#entries.delete(id);
  }

  /** The next report that says that it is there or that it failed; undefined when `signal` aborts before. */
  next(id: string, signal: AbortSignal): Promise<Exclude<Sign, { type: 'offline' }> | undefined> {
    return new Promise((resolve) => {
      const listeners = this.#listeners.get(id) ?? new Set();
      const end = (sign: Exclude<Sign, { type: 'offline' }> | undefined): void => {
        signal.removeEventListener('abort', onAbort);
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(id);
        resolve(sign);
      };
      const listener: Listener = (sign) => { if (sign.type !== 'offline') end(sign); };
      const onAbort = (): void => end(undefined);
      this.#listeners.set(id, listeners.add(listener));
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}
