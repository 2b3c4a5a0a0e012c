// What the interchange decides. State, event and time in; effects out. No socket, no clock, no package.

import {
  PROTOCOL_VERSION, STATUS,
  type Failure, type Footprint, type FromManager, type LeaveReason, type TaskId, type TaskPlace, type ToInterchange,
} from '../../src/common/protocol.ts';
import { unreachable } from '../../src/common/errors.ts';
import { inWords } from '../../src/common/resources.ts';
import { summaryOf, type ManagerRecord } from './managers.ts';
import { drain, drainDue, onBlockEnds } from './block-ends.ts';
import { endRecovery, failWaiting, putBack, settle } from './endings.ts';
import { leave, lose, onRegister, otherVersion, refuse } from './membership.ts';
import { onResults } from './outcomes.ts';
import type { ArrivedResults, Effect, State } from './state.ts';
import { widthOf, type StoredBatch } from './tasks.ts';

/** Messages without their frames; batches come already unpacked. */
export type Event =
  | { readonly type: 'from-client'; readonly message: ToInterchange; readonly batches: readonly StoredBatch[] }
  | { readonly type: 'from-manager'; readonly peer: string; readonly message: FromManager;
      readonly results: readonly ArrivedResults[] }
  /** A registration that cannot be used, or a message of another version of the protocol. */
  | { readonly type: 'unfit'; readonly peer: string; readonly fault: string | number }
  /** A manager's connection broke. */
  | { readonly type: 'gone'; readonly peer: string }
  | { readonly type: 'tick' };

/** After the first manager, so long for a larger one to come. */
const OTHERS_COME_MS = 5000;
/** A tick this late tells of this process's sleep, not of the managers' silence: what they said is yet to be read. */
const ASLEEP_MS = 3000;

export function react(state: State, event: Event, now: number): Effect[] {
  switch (event.type) {
    case 'from-client': return onClient(state, event.message, event.batches, now);
    case 'from-manager': return onManager(state, event.peer, event.message, event.results, now);
    case 'unfit': return onUnfit(state, event.peer, event.fault);
    case 'gone': return onGone(state, event.peer, now);
    case 'tick': return onTick(state, now);
    default: return unreachable(event);
  }
}

function onClient(state: State, message: ToInterchange, batches: readonly StoredBatch[], now: number): Effect[] {
  switch (message.type) {
    case 'hello':
      return [{ type: 'load-changed' }];
    case 'resumed': {
      const { recovery } = state;
      if (recovery === undefined) return [];
      state.predecessors = new Set(message.managers);
      recovery.missing = new Set(message.managers);
      recovery.untilMs = now + state.policy.reconnectGraceMs;
      const effects = [...recovery.registrations].flatMap(([peer, registration]) =>
        onRegister(state, peer, registration.message, registration.results, now));
      const recovered = recovery.missing.size === 0 ? endRecovery(state) : [];
      return [...effects, ...recovered, { type: 'wake', inMs: state.policy.reconnectGraceMs }];
    }
    case 'function':
      state.functions.set(message.id, message.definition);
      return [];
    case 'tasks':
      for (const batch of batches) state.queue.push(batch, state.tasks.add(batch));
      return [{ type: 'load-changed' }];
    case 'cancel': return onCancel(state, message.ids);
    case 'fail-waiting':
      // In a recovery, what a manager still holds looks as if it waited.
      if (state.recovery !== undefined) state.recovery.failure = message.failure;
      else return failWaiting(state, message.failure);
      return [];
    case 'drain-blocks': return drain(state, new Set(message.blocks), now);
    case 'block-ends': return onBlockEnds(state, message.ends, now);
    case 'stop':
      return [
        ...[...state.managers.byPeer.keys()]
          .map((peer): Effect => ({ type: 'to-manager', peer, message: { type: 'stop' } })),
        { type: 'exit' },
      ];
    case 'locate':
      return [{
        type: 'to-client', message: { type: 'located', request: message.request, place: place(state, message.id) },
      }];
    case 'dump':
      return [{ type: 'to-client', message: { type: 'dump', request: message.request, state: dump(state) } }];
    default: return unreachable(message);
  }
}

function onManager(
  state: State, peer: string, message: FromManager, results: readonly ArrivedResults[], now: number,
): Effect[] {
  if (message.type === 'register') {
    if (state.recovery?.untilMs === Infinity) {
      state.recovery.registrations.set(peer, { message, results });
      return [];
    }
    return onRegister(state, peer, message, results, now);
  }
  const manager = state.managers.byPeer.get(peer);
  if (manager === undefined) {
    // In a recovery it registers by itself; a stranger's other messages say nothing we could use.
    if (state.recovery?.untilMs === Infinity) return [];
    return [{ type: 'to-manager', peer, message: { type: 'register-again' } }];
  }
  manager.seenAtMs = now;
  switch (message.type) {
    case 'results': return onResults(state, manager, message.window, results, now);
    case 'returned': {
      const ids = [...new Set(message.ids)].filter((id) => state.tasks.holder(id) === manager.serial);
      const extra = state.tasks.extraOf(ids);
      state.managers.update(manager, now, (record) => {
        record.held -= ids.length;
        record.extra -= extra;
        record.freedAtMs = now;
      });
      manager.recalling = false;
      return [...putBack(state, ids), { type: 'load-changed' }];
    }
    case 'heartbeat': return [{ type: 'to-manager', peer, message: { type: 'heartbeat' } }];
    case 'draining':
      state.managers.update(manager, now, (record) => { record.draining = true; });
      return [{ type: 'load-changed' }];
    case 'drained': return leave(state, manager, 'drained');
    default: return unreachable(message);
  }
}

function onUnfit(state: State, peer: string, fault: string | number): Effect[] {
  if (state.managers.byPeer.has(peer)) return []; // garbled, from one that is known: it goes on
  return [refuse(peer, typeof fault === 'number' ? otherVersion(fault) : `it sent ${fault}`)];
}

/** The connection broke: most likely the process died, but it may come back within the grace. */
function onGone(state: State, peer: string, now: number): Effect[] {
  state.recovery?.registrations.delete(peer);
  const manager = state.managers.byPeer.get(peer);
  if (manager === undefined) return [];
  state.managers.update(manager, now, (record) => { record.awayAtMs ??= now; });
  return [{ type: 'wake', inMs: state.policy.reconnectGraceMs }];
}

function onTick(state: State, now: number): Effect[] {
  const { policy, recovery } = state;
  const hasSlept = now - state.tickedAtMs > ASLEEP_MS;
  state.tickedAtMs = now;
  if (hasSlept) {
    for (const manager of state.managers.byPeer.values()) {
      manager.seenAtMs = now;
      if (manager.awayAtMs !== undefined) manager.awayAtMs = now;
    }
    return [];
  }
  const lost = new Map<ManagerRecord, LeaveReason>();
  for (const manager of state.managers.byPeer.values()) {
    if (manager.awayAtMs !== undefined && now - manager.awayAtMs >= policy.reconnectGraceMs) {
      lost.set(manager, 'disconnected');
    } else if (now - manager.seenAtMs > policy.heartbeatThresholdMs) {
      lost.set(manager, 'silent');
    }
  }
  const recovered = recovery !== undefined && now >= recovery.untilMs ? endRecovery(state) : [];
  state.queue.sweep();
  const tooLarge = state.tasks.waitingWide === 0 ? [] : settleTooLarge(state, now);
  const ended = lost.size === 0 ? [] : lose(state, lost, now);
  return [...recovered, ...tooLarge, ...ended, ...drainDue(state, now)];
}

function onCancel(state: State, ids: readonly TaskId[]): Effect[] {
  const waiting: TaskId[] = [];
  const held = new Map<ManagerRecord, TaskId[]>();
  for (const id of ids) {
    const serial = state.tasks.holder(id);
    const manager = serial === undefined ? undefined : state.managers.bySerial(serial);
    if (manager !== undefined) {
      state.cancelled.add(id);
      const ofManager = held.get(manager) ?? [];
      ofManager.push(id);
      held.set(manager, ofManager);
    } else if (state.tasks.isWaiting(id)) {
      waiting.push(id);
    }
  }
  return [
    ...settleWaiting(state, waiting, {
      code: 'TASK_CANCELLED', name: 'ComputeError', message: 'the task was cancelled before it started',
    }),
    ...[...held].map(([manager, taken]): Effect =>
      ({ type: 'to-manager', peer: manager.peer, message: { type: 'cancel', ids: taken } })),
  ];
}

function settleWaiting(state: State, ids: readonly TaskId[], failure: Failure): Effect[] {
  const effects = settle(state, ids, failure);
  return effects.length === 0 ? [] : [...effects, { type: 'load-changed' }];
}

/** What no manager has room for, nor ever had: the blocks to come are like those that were. */
function settleTooLarge(state: State, now: number): Effect[] {
  const { slotsMax, firstAtMs } = state.managers;
  if (firstAtMs === undefined || now - firstAtMs < OTHERS_COME_MS) return [];
  const byKind = new Map<Footprint, TaskId[]>();
  for (const id of state.queue.wider(slotsMax)) {
    const footprint = state.tasks.batchOf(id)?.kind.footprint;
    if (footprint === undefined) continue;
    const ids = byKind.get(footprint) ?? [];
    ids.push(id);
    byKind.set(footprint, ids);
  }
  return [...byKind].flatMap(([{ width, asked }, ids]) => settleWaiting(state, ids, {
    code: 'TASK_TOO_LARGE', name: 'ComputeError', details: { width, slotsMax },
    message: `the task asks for ${inWords(asked)}, which takes ${width} slots of one manager, and the largest that `
      + `there was has ${slotsMax}: ask for less, or for larger nodes`,
  }));
}

function place(state: State, id: TaskId): TaskPlace {
  const serial = state.tasks.holder(id);
  const manager = serial === undefined ? undefined : state.managers.bySerial(serial);
  if (manager !== undefined) return { at: 'manager', manager: manager.id, node: manager.node };
  if (!state.tasks.isWaiting(id)) return { at: 'unknown' };
  return { at: 'waiting', reason: waitingReason(state, id) };
}

function waitingReason(state: State, id: TaskId): string {
  if (state.managers.byPeer.size === 0) return 'no manager has connected yet';
  const batch = state.tasks.batchOf(id);
  if (state.strikes.get(id)?.suspect === true) return 'it was on a manager that was lost and waits for a free slot';
  const width = widthOf(batch?.kind);
  if (width > 1) {
    const kept = [...state.reservations].find(([, { lane }]) => lane.width === width)?.[0];
    const at = kept === undefined
      ? '' : `: ${kept.id} is kept for the next one and has ${Math.max(0, kept.slots - kept.held - kept.extra)} free`;
    return `it takes ${width} slots of one manager at once${at}`;
  }
  if (batch !== undefined && batch.kind.minRemainingMs > 0) {
    return `it needs a free slot in a block with ${batch.kind.minRemainingMs / 1000} s left`;
  }
  return `${state.tasks.waiting} tasks wait for ${state.managers.freeSlots} free slots`;
}

function dump(state: State): unknown {
  return {
    version: PROTOCOL_VERSION,
    waiting: state.tasks.waiting,
    held: state.tasks.held,
    duplicates: state.duplicates,
    strikes: state.strikes.size,
    cancelled: state.cancelled.size,
    functions: state.functions.size,
    recovering: state.recovery !== undefined,
    statuses: STATUS,
    managers: [...state.managers.byPeer.values()].map((record) => ({
      ...summaryOf(record), window: record.window, awayAtMs: record.awayAtMs, seenAtMs: record.seenAtMs,
    })),
  };
}
