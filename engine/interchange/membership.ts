// Managers come, come back, leave and are lost; what that means for the tasks they hold.

import { PROTOCOL_VERSION, type LeaveReason, type TaskId } from '../../src/common/protocol.ts';
import { wasEnding } from './block-ends.ts';
import { blame, endRecovery, putBack, settle } from './endings.ts';
import { summaryOf, type ManagerRecord } from './managers.ts';
import { onResults } from './outcomes.ts';
import {
  mayHold, noStrikes, type ArrivedResults, type Effect, type Registration, type State, type Strikes,
} from './state.ts';

export function onRegister(
  state: State, peer: string, message: Registration, results: readonly ArrivedResults[], now: number,
): Effect[] {
  const refusal = refusalOf(peer, message);
  if (refusal !== undefined) return [refuse(peer, refusal)];

  const known = state.managers.byPeer.get(peer);
  const manager = known ?? state.managers.add({
    peer,
    id: message.manager,
    block: message.block,
    node: message.node,
    pid: message.pid,
    slots: message.slots,
    workers: message.workers ?? message.slots,
    endsAtMs: message.endsAtMs,
    window: message.window,
    draining: state.drainedBlocks.has(message.block),
    seenAtMs: now,
  }, now);
  manager.seenAtMs = now;
  state.connectedBlocks.add(manager.block);
  const ended = results.length === 0 ? [] : onResults(state, manager, message.window, results, now);
  const strangers = reconcile(state, manager, message.held, now, ended);
  state.managers.update(manager, now, (record) => {
    record.awayAtMs = undefined;
    record.window = message.window;
    record.draining ||= message.draining;
    record.recalling = false;
  });
  manager.functions.clear(); // what was on the way when its connection broke never arrived
  state.recovery?.missing.delete(manager.id);
  const isLast = state.recovery?.missing.size === 0 && state.recovery.untilMs !== Infinity;

  const { heartbeatPeriodMs, heartbeatThresholdMs } = state.policy;
  const effects: Effect[] = [
    { type: 'to-manager', peer, message: { type: 'registered', heartbeatPeriodMs, heartbeatThresholdMs } },
  ];
  if (manager.draining && !message.draining) effects.push({ type: 'to-manager', peer, message: { type: 'drain' } });
  effects.push(...ended);
  if (strangers.length > 0) effects.push({ type: 'to-manager', peer, message: { type: 'drop', ids: strangers } });
  const cancelled = state.cancelled.size === 0 ? [] : message.held.filter((id) => state.cancelled.has(id));
  if (cancelled.length > 0) effects.push({ type: 'to-manager', peer, message: { type: 'cancel', ids: cancelled } });
  if (known === undefined) {
    effects.push({ type: 'to-client', message: { type: 'manager-joined', manager: summaryOf(manager) } });
  }
  if (isLast) effects.push(...endRecovery(state));
  effects.push({ type: 'load-changed' });
  return effects;
}

export function refuse(peer: string, reason: string): Effect {
  return { type: 'to-manager', peer, message: { type: 'refused', reason } };
}

function refusalOf(peer: string, message: Registration): string | undefined {
  if (message.version !== PROTOCOL_VERSION) return otherVersion(message.version);
  return message.manager === peer ? undefined : 'it registers under a name that is not its own';
}

export function otherVersion(version: number): string {
  return `it speaks protocol version ${version} and this interchange speaks ${PROTOCOL_VERSION}: `
    + 'start both from the same installation';
}

/**
 * Brings what a returning manager says it holds and what we believe together. What it does not answer for any more was
 * lost on the way and waits again; what waits here is claimed for it; what went elsewhere meanwhile it must drop:
 * those ids are returned.
 */
function reconcile(
  state: State, manager: ManagerRecord, answersFor: readonly TaskId[], now: number, ended: Effect[],
): TaskId[] {
  const { tasks } = state;
  const said = new Set(answersFor);
  const missing = manager.held === 0
    ? []
    : [...tasks.ids(new Set([manager.serial]))].filter((id) => !said.has(id));
  let extra = -tasks.extraOf(missing);
  ended.push(...putBack(state, missing));
  let claimed = 0;
  const strangers: TaskId[] = [];
  for (const id of said) {
    if (tasks.holder(id) === manager.serial) continue;
    if (mayHold(state, manager, id) && tasks.claim(id, manager.serial)) {
      claimed++;
      extra += tasks.extraOf([id]);
    } else {
      strangers.push(id);
    }
  }
  state.managers.update(manager, now, (record) => {
    record.held += claimed - missing.length;
    record.extra += extra;
  });
  return strangers;
}

/** A manager left as planned: anything it still holds goes elsewhere, uncharged. */
export function leave(state: State, manager: ManagerRecord, reason: LeaveReason): Effect[] {
  const ids = manager.held === 0 ? [] : [...state.tasks.ids(new Set([manager.serial]))];
  const ended = putBack(state, ids);
  state.managers.remove(manager);
  return [left(manager, reason, ids.length), ...ended, { type: 'load-changed' }];
}

/**
 * Managers were lost. Their tasks go elsewhere; each may have been the reason. The first time a task is only suspected,
 * because a manager holds many in line; from then on it starts in a free slot at once, so that a further loss counts.
 * Nothing is held against what was on a manager that was going anyway: walltime, preemption, a scancel.
 */
export function lose(state: State, lost: ReadonlyMap<ManagerRecord, LeaveReason>, now: number): Effect[] {
  const effects: Effect[] = [];
  const serials = new Set([...lost.keys()].map((manager) => manager.serial));
  const blamed: TaskId[] = [];
  const again: TaskId[] = [];
  const uncharged: TaskId[] = [];
  for (const id of state.tasks.ids(serials)) {
    const manager = state.managers.bySerial(state.tasks.holder(id) ?? 0);
    const planned = manager !== undefined && wasEnding(state, manager, now);
    const strikes = planned ? state.strikes.get(id) ?? noStrikes() : strike(state, id);
    state.strikes.set(id, strikes);
    strikes.lostWith = manager?.id;
    if (planned && !strikes.suspect) uncharged.push(id);
    else (strikes.kills >= state.policy.killsMax && !state.cancelled.has(id) ? blamed : again).push(id);
  }
  const ended = [
    ...putBack(state, again, { suspect: true }), ...putBack(state, uncharged),
    ...settle(state, blamed, blame(state, 'managers')),
  ];
  for (const [manager, reason] of lost) {
    effects.push(left(manager, reason, manager.held));
    state.managers.remove(manager);
  }
  effects.push(...ended, { type: 'load-changed' });
  return effects;
}

function strike(state: State, id: TaskId): Strikes {
  const strikes = state.strikes.get(id) ?? noStrikes();
  if (strikes.suspect) strikes.kills++;
  strikes.suspect = true;
  return strikes;
}

function left(manager: ManagerRecord, reason: LeaveReason, lostTasks: number): Effect {
  const { id, block } = manager;
  return { type: 'to-client', message: { type: 'manager-left', manager: id, block, reason, lostTasks } };
}
