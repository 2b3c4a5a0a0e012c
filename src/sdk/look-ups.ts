// Asking for tasks whose results did not come by themselves: after the stream broke, when it is silent for long, and as
// long as there is none.

import { systemClock, type Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { TaskState } from './answers.ts';
import type { Client } from './client.ts';

export interface LookUpOptions {
  readonly client: Pick<Client, 'taskStates'>;
  /** Ids of accepted tasks that have not settled. */
  readonly open: () => readonly string[];
  readonly onState: (id: string, state: TaskState) => void;
  /** The service will answer no such question any more. */
  readonly onRefused: (error: ComputeError) => void;
  /** The stream is there. */
  readonly isReading: () => boolean;
  readonly clock?: Clock;
}

const TICK_MS = 500;
const AFTER_GAP_MS = 1_000;
/** Without a stream, and with one that is silent: at first, and at most. */
const BLIND_MS = { first: 2_000, most: 15_000 } as const;
const SILENT_MS = { first: 30_000, most: 600_000 } as const;
const IDS_MAX = 1_000;

export class LookUps {
  readonly #options: LookUpOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #stopTicks: (() => void) | undefined;
  #asking: Promise<void> | undefined;
  #dueAtMs = Infinity;
  /** After the stream broke it is asked, whatever comes meanwhile. */
  #gapDueAtMs = Infinity;
  #waitMs: number = SILENT_MS.first;
  #blind = false;

  constructor(options: LookUpOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#stopTicks ??= this.#clock.every(TICK_MS, () => this.#tick());
    this.#dueAtMs = this.#clock.now() + this.#waitMs;
  }

  /** Results came: nothing is amiss. */
  onNews(): void {
    this.#waitMs = SILENT_MS.first;
    this.#dueAtMs = this.#clock.now() + this.#waitMs;
  }

  onGap(): void {
    this.#gapDueAtMs = this.#clock.now() + AFTER_GAP_MS;
  }

  /** Whether any of them has ended; `onState` is told of each. Never rejects. */
  async ask(ids: readonly string[]): Promise<boolean> {
    let found = false;
    for (let at = 0; at < ids.length && !this.#closing.signal.aborted; at += IDS_MAX) {
      found = await this.#askFor(ids.slice(at, at + IDS_MAX)) || found;
    }
    return found;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopTicks?.();
    await this.#asking;
  }

  #tick(): void {
    const blind = !this.#options.isReading();
    if (blind && !this.#blind) {
      this.#waitMs = BLIND_MS.first;
      this.#dueAtMs = Math.min(this.#dueAtMs, this.#clock.now() + this.#waitMs);
    }
    this.#blind = blind;
    if (this.#asking !== undefined || this.#clock.now() < Math.min(this.#dueAtMs, this.#gapDueAtMs)) return;
    this.#asking = this.#look().finally(() => { this.#asking = undefined; });
  }

  async #look(): Promise<void> {
    this.#gapDueAtMs = Infinity;
    const { first, most } = this.#blind ? BLIND_MS : SILENT_MS;
    const found = await this.ask(this.#options.open());
    this.#waitMs = found ? first : Math.min(most, this.#waitMs * 2);
    this.#dueAtMs = this.#clock.now() + this.#waitMs;
  }

  async #askFor(ids: readonly string[]): Promise<boolean> {
    const { client, onState, onRefused } = this.#options;
    try {
      const states = await client.taskStates(ids, { signal: this.#closing.signal });
      for (const [id, state] of states) onState(id, state);
      return [...states.values()].some(({ state }) => state !== 'open');
    } catch (error) {
      if (error instanceof ComputeError && error.code === 'LOGIN_NEEDED') onRefused(error);
      return false; // the service is away: asked again later
    }
  }
}
