// An interchange's state with what happens to it, in few words, and what it answers, as plain lists.

import { react } from '../../../../engine/interchange/core.ts';
import { dispatch } from '../../../../engine/interchange/dispatch.ts';
import { emptyState, type ArrivedResults, type Effect, type State } from '../../../../engine/interchange/state.ts';
import type { StoredBatch } from '../../../../engine/interchange/tasks.ts';
import {
  PROTOCOL_VERSION, STATUS,
  type BlockId, type FromManager, type FunctionId, type Kind, type ManagerId, type TaskId, type ToInterchange,
} from '../../../../src/common/protocol.ts';

export const POLICY = {
  heartbeatPeriodMs: 30_000, heartbeatThresholdMs: 120_000, reconnectGraceMs: 1000, killsMax: 3, prefetchCapacity: 0,
  managerSelector: 'random',
} as const;
export const REGISTERED = { type: 'registered', heartbeatPeriodMs: 30_000, heartbeatThresholdMs: 120_000 };
/** An answer that is in most lists: what the strategy looks at has changed. */
export const LOAD = ['load-changed'];

const HOPS = { submittedAtMs: 0, sentAtMs: 0, queuedAtMs: 0, dispatchedAtMs: 0, receivedAtMs: 0 };

export interface Joining {
  readonly slots?: number;
  readonly window?: number;
  readonly workers?: number;
  readonly block?: string;
  readonly held?: readonly number[];
  readonly results?: readonly ArrivedResults[];
  readonly draining?: boolean;
  readonly endsAtMs?: number;
  readonly version?: number;
  readonly manager?: string;
}

export class Cluster {
  readonly state: State;
  now = 0;

  constructor(replacement = false) {
    this.state = emptyState(POLICY, replacement, this.now);
  }

  submit(ids: readonly number[], kind: Partial<Kind> = {}): unknown[] {
    return this.client({ type: 'tasks', batches: [] }, [batchOf(ids, kind)]);
  }

  client(message: ToInterchange, batches: readonly StoredBatch[] = []): unknown[] {
    return plain(react(this.state, { type: 'from-client', message, batches }, this.now));
  }

  cancel(...ids: number[]): unknown[] {
    return this.client({ type: 'cancel', ids: ids as TaskId[] });
  }

  join(peer: string, joining: Joining = {}): unknown[] {
    const { slots = 1, window = slots, block = '0', held = [], results = [], draining = false, endsAtMs } = joining;
    return this.say(peer, {
      type: 'register', version: joining.version ?? PROTOCOL_VERSION, manager: (joining.manager ?? peer) as ManagerId,
      block: block as BlockId, node: 'node', pid: 1, slots, window, nodeVersion: '20', cores: 1, memoryMiB: 1, draining,
      ...(endsAtMs === undefined ? {} : { endsAtMs }),
      ...(joining.workers === undefined ? {} : { workers: joining.workers }), held: held as TaskId[], batches: [],
    }, results);
  }

  say(peer: string, message: FromManager, results: readonly ArrivedResults[] = []): unknown[] {
    return plain(react(this.state, { type: 'from-manager', peer, message, results }, this.now));
  }

  /** Results as one batch; `window` is what the manager wants from now on. */
  results(
    peer: string, ids: readonly number[], status: number | readonly number[] = STATUS.ok, attempt = 1,
  ): unknown[] {
    const window = this.state.managers.byPeer.get(peer)?.window ?? 0;
    return this.say(peer, { type: 'results', window, batches: [] }, [resultsOf(ids, status, attempt)]);
  }

  returned(peer: string, ...ids: number[]): unknown[] {
    return this.say(peer, { type: 'returned', ids: ids as TaskId[] });
  }

  gone(peer: string): unknown[] {
    return plain(react(this.state, { type: 'gone', peer }, this.now));
  }

  /** Time passes, looked over every second. */
  pass(ms: number): unknown[] {
    const end = this.now + ms;
    const effects: unknown[] = [];
    while (this.now < end) {
      this.now = Math.min(end, this.now + 1000);
      effects.push(...plain(react(this.state, { type: 'tick' }, this.now)));
    }
    return effects;
  }

  /** The manager is there, but its connection broke, and it does not come back in time. */
  lose(peer: string): unknown[] {
    this.gone(peer);
    return this.pass(POLICY.reconnectGraceMs);
  }

  dispatch(): unknown[] {
    return plain(dispatch(this.state, this.now));
  }

  place(id: number): unknown {
    const [answer] = this.client({ type: 'locate', request: 1, id: id as TaskId }) as [[string, { place: unknown }]];
    return answer[1].place;
  }

  held(peer: string): number | undefined {
    return this.state.managers.byPeer.get(peer)?.held;
  }
}

export function batchOf(ids: readonly number[], kind: Partial<Kind> = {}): StoredBatch {
  return {
    kind: { fn: 'f' as FunctionId, timeoutMs: 0, retries: 0, minRemainingMs: 0, ...kind }, attempt: 1, hops: HOPS,
    ids: Float64Array.from(ids), sizes: Uint32Array.from(ids, (id) => id), payload: new Uint8Array(0), buffers: [],
  };
}

export function resultsOf(
  ids: readonly number[], status: number | readonly number[] = STATUS.ok, attempt = 1,
): ArrivedResults {
  const column = Uint8Array.from(ids, (_, i) => (typeof status === 'number' ? status : status[i] ?? STATUS.ok));
  return {
    header: {
      count: ids.length, attempt, buffers: 0, failures: column.some((one) => one !== STATUS.ok), worker: 0,
      startedAtMs: 0, returnedAtMs: 0, hops: HOPS,
    },
    ids: Float64Array.from(ids), status: column, frames: [], message: undefined,
  };
}

/** Each effect with what matters of it. */
export function plain(effects: readonly Effect[]): unknown[] {
  return effects.map((effect): unknown => {
    switch (effect.type) {
      case 'dispatch':
        return ['dispatch', effect.manager.id,
          ...effect.ranges.flatMap(({ batch, from, to }) => [...batch.ids.subarray(from, to)])];
      case 'forward': {
        const ids = [...effect.results.ids];
        return ['forward', effect.manager, ...effect.keep?.map((at) => ids[at]) ?? ids];
      }
      case 'settle': return ['settle', effect.failure.code, ...effect.ids];
      case 'to-client': return ['to-client', effect.message];
      case 'to-manager': return ['to-manager', effect.peer, effect.message];
      case 'wake': return ['wake', effect.inMs];
      case 'load-changed': case 'exit': return [effect.type];
      default: return effect;
    }
  });
}

export function joined(
  manager: string, more: { slots?: number; held?: number; block?: string; draining?: boolean } = {},
): unknown[] {
  const { slots = 1, held = 0, block = '0', draining = false } = more;
  return ['to-client', {
    type: 'manager-joined',
    manager: { manager, block, node: 'node', pid: 1, slots, held, draining, ...(held > 0 ? {} : { idleSinceMs: 0 }) },
  }];
}

export function left(manager: string, reason: string, lostTasks: number): unknown[] {
  return ['to-client', { type: 'manager-left', manager, block: '0', reason, lostTasks }];
}
