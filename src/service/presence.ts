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
/** A failure of one that is there: it may be its end, or that of a second start of it. Its next report tells. */
const PERIODS_AFTER_FAILURE = 1;

/** An endpoint that ends says so with a period of 0, or as not active. A failure to start is no sign of life. */
export function signOf({ state }: StatusReport, nowS: number): Sign {
  const { error, active, heartbeat_period: period } = state;
  if (error !== undefined && error !== null) {
    return { type: 'error', text: typeof error === 'string' ? error : 'the endpoint failed and did not say why' };
  }
  if (active === false || Number(period) === 0) return { type: 'offline' };
  return { type: 'online', untilS: nowS + PERIODS * periodOf(state) + GRACE_S };
}

function periodOf({ heartbeat_period: period }: JsonObject): number {
  return typeof period === 'number' && period > 0 ? Math.min(period, PERIOD_MAX_S) : PERIOD_S;
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
  /** Those that are there, or of which nobody has been told yet that they went without a word. */
  readonly #watched = new Set<string>();

  restore(id: string, seenS: number, untilS: number, state: JsonObject): void {
    this.#entries.set(id, { seenS, untilS, state });
    if (untilS > 0) this.#watched.add(id);
  }

  /** What it says, and what there is to remember of it. */
  report(report: StatusReport, nowS: number): { readonly sign: Sign; readonly stored: StoredPresence } {
    const { endpointId: id } = report;
    const sign = signOf(report, nowS);
    const entry = this.#entryOf(report, sign, nowS);
    this.#entries.set(id, entry);
    if (entry.untilS > 0) this.#watched.add(id);
    else this.#watched.delete(id);
    for (const listener of this.#listeners.get(id) ?? []) listener(sign);
    const { seenS, untilS, state } = entry;
    return { sign, stored: { id, seenS, untilS, report: formatJson(state) } };
  }

  #entryOf({ endpointId: id, state }: StatusReport, sign: Sign, nowS: number): Entry {
    const before = this.#entries.get(id);
    if (sign.type === 'error' && before !== undefined && before.untilS > nowS) {
      const soonS = nowS + PERIODS_AFTER_FAILURE * periodOf(before.state) + GRACE_S;
      return { ...before, untilS: Math.min(before.untilS, soonS) };
    }
    return { seenS: nowS, untilS: sign.type === 'online' ? sign.untilS : 0, state };
  }

  /** Those that should have reported by now, and have not said that they go. Each is named once. */
  lapsed(nowS: number): string[] {
    const gone = [...this.#watched].filter((id) => !this.isOnline(id, nowS));
    for (const id of gone) this.#watched.delete(id);
    return gone;
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
    this.#watched.delete(id);
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
