// Results come in: settle, pass on, or try again.

import { STATUS, type TaskId } from '../../src/common/protocol.ts';
import type { ManagerRecord } from './managers.ts';
import { blame } from './membership.ts';
import type { ArrivedResults, Effect, State } from './state.ts';

export function onResults(
  state: State, manager: ManagerRecord, window: number, arrived: readonly ArrivedResults[], now: number,
): Effect[] {
  const effects: Effect[] = [];
  let freed = 0;
  for (const results of arrived) {
    const { ids } = results;
    if (!results.header.failures && state.tasks.allHeldBy(ids, manager.serial)) {
      for (let i = 0; i < ids.length; i++) state.tasks.settle(ids[i] ?? 0);
      if (state.strikes.size > 0) for (const id of ids) state.strikes.delete(id as TaskId); // an id we held
      freed += ids.length;
      effects.push({ type: 'forward', results, manager: manager.id });
    } else {
      freed += oneByOne(state, manager, results, now, effects);
    }
  }
  state.managers.update(manager, now, (record) => {
    record.held -= freed;
    if (Number.isInteger(window) && window >= 0) record.window = window;
  });
  effects.push({ type: 'load-changed' });
  return effects;
}

/** Where something failed or is not as we believed: decide each task by itself. Returns how many it held for us. */
function oneByOne(
  state: State, manager: ManagerRecord, results: ArrivedResults, now: number, effects: Effect[],
): number {
  const keep: number[] = [];
  const again: TaskId[] = [];
  const blamed: TaskId[] = [];
  let freed = 0;
  results.ids.forEach((number, at) => {
    const id = number as TaskId; // checked next: an id of ours is in the table
    const holder = state.tasks.holder(id);
    const status = results.status[at] ?? STATUS.failed;
    if (holder === manager.serial) {
      freed++;
    } else if (status !== STATUS.ok || (holder === undefined && !state.tasks.isWaiting(id))) {
      state.duplicates++; // settled before, or a failure of a try that is not counted any more
      return;
    } else if (holder !== undefined) {
      effects.push(...withdraw(state, id, holder, now));
    }
    const verdict = judge(state, id, status, results.header.attempt);
    if (verdict === 'again') {
      again.push(id);
      return;
    }
    if (verdict === 'blamed') blamed.push(id);
    else keep.push(at);
    state.tasks.settle(id);
    state.strikes.delete(id);
  });
  state.queue.pushBack(state.tasks.release(again, (batch) => ({ ...batch, attempt: batch.attempt + 1 })), false);
  if (blamed.length > 0) effects.push({ type: 'settle', ids: blamed, failure: blame(state, 'workers') });
  if (keep.length === results.ids.length) effects.push({ type: 'forward', results, manager: manager.id });
  else if (keep.length > 0) effects.push({ type: 'forward', results, manager: manager.id, keep });
  return freed;
}

/** The first result counts: whoever has the task now may drop it. */
function withdraw(state: State, id: TaskId, serial: number, now: number): Effect[] {
  const other = state.managers.bySerial(serial);
  if (other === undefined) return [];
  state.managers.update(other, now, (record) => { record.held--; });
  return [{ type: 'to-manager', peer: other.peer, message: { type: 'cancel', ids: [id] } }];
}

function judge(state: State, id: TaskId, status: number, attempt: number): 'settle' | 'again' | 'blamed' {
  if (status === STATUS.workerLost) {
    const strikes = state.strikes.get(id) ?? { kills: 0, suspect: false };
    strikes.kills++;
    state.strikes.set(id, strikes);
  }
  const retries = state.tasks.batchOf(id)?.kind.retries ?? 0;
  const mayTryAgain = (status === STATUS.retryable || status === STATUS.workerLost) && attempt <= retries;
  if (!mayTryAgain) return 'settle';
  const kills = state.strikes.get(id)?.kills ?? 0;
  return kills >= state.policy.killsMax ? 'blamed' : 'again';
}
