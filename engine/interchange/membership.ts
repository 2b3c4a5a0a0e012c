// Managers come, come back, leave and are lost; what that means for the tasks they hold.

import {
  PROTOCOL_VERSION, type Failure, type LeaveReason, type TaskId,
} from '../../src/common/protocol.ts';
import { summaryOf, type ManagerRecord } from './managers.ts';
import type { Effect, Registration, State, Strikes } from './state.ts';

/** A manager that says it holds more than this is broken; its registration is refused. */
const SLOTS_MAX = 65_536;

export function onRegister(state: State, peer: string, message: Registration, now: number): Effect[] {
  const refusal = refusalOf(message);
  if (refusal !== undefined) return [{ type: 'to-manager', peer, message: { type: 'refused', reason: refusal } }];

  const known = state.managers.byPeer.get(peer);
  const manager = known ?? state.managers.add({
    peer,
    id: message.manager,
    block: message.block,
    node: message.node,
    pid: message.pid,
    slots: message.slots,
    endsAtMs: message.endsAtMs,
    window: message.window,
    draining: state.drainedBlocks.has(message.block),
    seenAtMs: now,
  }, now);
  manager.seenAtMs = now;
  state.connectedBlocks.add(manager.block);
  const strangers = reconcile(state, manager, message.held, now);
  state.managers.update(manager, now, (record) => {
    record.awayAtMs = undefined;
    record.window = message.window;
  });
  state.recovery?.missing.delete(manager.id);
  if (state.recovery?.missing.size === 0 && state.recovery.untilMs !== Infinity) state.recovery = undefined;

  const { heartbeatPeriodMs, heartbeatThresholdMs } = state.policy;
  const effects: Effect[] = [
    { type: 'to-manager', peer, message: { type: 'registered', heartbeatPeriodMs, heartbeatThresholdMs } },
  ];
  if (manager.draining) effects.push({ type: 'to-manager', peer, message: { type: 'drain' } });
  if (strangers.length > 0) effects.push({ type: 'to-manager', peer, message: { type: 'cancel', ids: strangers } });
  if (known === undefined) effects.push({ type: 'to-client', message: { type: 'manager-joined', manager: summaryOf(manager) } });
  effects.push({ type: 'load-changed' });
  return effects;
}

function refusalOf(message: Registration): string | undefined {
  if (message.version !== PROTOCOL_VERSION) {
    return `it speaks protocol version ${message.version} and this interchange speaks ${PROTOCOL_VERSION}: `
      + 'start both from the same installation';
  }
  const sane = Number.isInteger(message.slots) && message.slots > 0 && message.slots <= SLOTS_MAX
    && Number.isInteger(message.window) && typeof message.manager === 'string' && typeof message.block === 'string'
    && Array.isArray(message.held);
  return sane ? undefined : 'its registration is malformed';
}

/**
 * Brings what a returning manager says it holds and what we believe together. What it does not answer for any more was
 * lost on the way and waits again; what waits here is claimed for it; what went elsewhere meanwhile it must drop:
 * those ids are returned.
 */
function reconcile(state: State, manager: ManagerRecord, answersFor: readonly TaskId[], now: number): TaskId[] {
  const { tasks } = state;
  const said = new Set(answersFor);
  const missing = manager.held === 0
    ? []
    : [...tasks.ids(new Set([manager.serial]))].filter((id) => !said.has(id));
  state.queue.pushBack(tasks.release(missing, (batch) => batch), false);
  let claimed = 0;
  const strangers: TaskId[] = [];
  for (const id of answersFor) {
    if (tasks.holder(id) === manager.serial) continue;
    if (tasks.claim(id, manager.serial)) claimed++;
    else strangers.push(id);
  }
  state.managers.update(manager, now, (record) => { record.held += claimed - missing.length; });
  return strangers;
}

/** A manager left as planned: anything it still holds goes elsewhere, uncharged. */
export function leave(state: State, manager: ManagerRecord, reason: LeaveReason, now: number): Effect[] {
  const ids = manager.held === 0 ? [] : [...state.tasks.ids(new Set([manager.serial]))];
  state.queue.pushBack(state.tasks.release(ids, (batch) => batch), false);
  state.managers.update(manager, now, (record) => { record.held = 0; });
  state.managers.remove(manager);
  return [left(manager, reason, ids.length), { type: 'load-changed' }];
}

/**
 * Managers were lost. Their tasks go elsewhere; each may have been the reason. The first time a task is only suspected,
 * because a manager holds many in line; from then on it starts in a free slot at once, so that a further loss counts.
 */
export function lose(state: State, lost: ReadonlyMap<ManagerRecord, LeaveReason>, now: number): Effect[] {
  const effects: Effect[] = [];
  const serials = new Set([...lost.keys()].map((manager) => manager.serial));
  const blamed: TaskId[] = [];
  const again: TaskId[] = [];
  for (const id of state.tasks.ids(serials)) {
    const strikes = strike(state, id);
    (strikes.kills >= state.policy.killsMax ? blamed : again).push(id);
  }
  for (const id of blamed) {
    state.tasks.settle(id);
    state.strikes.delete(id);
  }
  state.queue.pushBack(state.tasks.release(again, (batch) => batch), true);
  for (const [manager, reason] of lost) {
    effects.push(left(manager, reason, manager.held));
    state.managers.update(manager, now, (record) => { record.held = 0; });
    state.managers.remove(manager);
  }
  if (blamed.length > 0) effects.push({ type: 'settle', ids: blamed, failure: blame(state, 'managers') });
  effects.push({ type: 'load-changed' });
  return effects;
}

function strike(state: State, id: TaskId): Strikes {
  const strikes = state.strikes.get(id) ?? { kills: 0, suspect: false };
  if (strikes.suspect) strikes.kills++;
  strikes.suspect = true;
  state.strikes.set(id, strikes);
  return strikes;
}

/** What the user reads when a task is not tried again. */
export function blame(state: State, what: 'workers' | 'managers'): Failure {
  const { killsMax } = state.policy;
  return {
    code: 'TASK_BLAMED',
    name: 'ComputeError',
    message: `the task was running on ${killsMax} ${what} when they ended, one after another; it is not tried again`,
    details: { kills: killsMax },
  };
}

function left(manager: ManagerRecord, reason: LeaveReason, lostTasks: number): Effect {
  return { type: 'to-client', message: { type: 'manager-left', manager: manager.id, block: manager.block, reason, lostTasks } };
}
