// Results come in: settle, pass on, or try again.

import { STATUS, type TaskId } from '../../src/common/protocol.ts';
import type { ManagerRecord } from './managers.ts';
import { blame, forget, putBack, settle } from './endings.ts';
import { mayHold, noStrikes, type ArrivedResults, type Effect, type State } from './state.ts';
import type { StoredBatch } from './tasks.ts';

export function onResults(
  state: State, manager: ManagerRecord, window: number, arrived: readonly ArrivedResults[], now: number,
): Effect[] {
  const effects: Effect[] = [];
  const freed: Freed = { tasks: 0, extra: 0 };
  for (const results of arrived) {
    const { ids } = results;
    if (!results.header.failures && state.tasks.allHeldBy(ids, manager.serial)) {
      if (manager.extra > 0) freed.extra += state.tasks.extraOf(new Set(ids));
      for (const id of ids) if (forget(state, id as TaskId)) freed.tasks++; // an id we held
      effects.push({ type: 'forward', results, manager: manager.id });
    } else {
      oneByOne(state, manager, results, { now, effects, freed });
    }
  }
  state.managers.update(manager, now, (record) => {
    record.held -= freed.tasks;
    record.extra -= freed.extra;
    record.window = window;
    record.freedAtMs = now;
  });
  effects.push({ type: 'load-changed' });
  return effects;
}

/** What a manager does not hold any more: tasks, and the slots that they occupied beyond one each. */
interface Freed {
  tasks: number;
  extra: number;
}

interface Turn {
  readonly now: number;
  readonly effects: Effect[];
  readonly freed: Freed;
}

/** Where something failed or is not as we believed: decide each task by itself. */
function oneByOne(
  state: State, manager: ManagerRecord, results: ArrivedResults, { now, effects, freed }: Turn,
): void {
  const keep: number[] = [];
  const again: TaskId[] = [];
  const blamed: TaskId[] = [];
  const { attempt } = results.header;
  results.ids.forEach((number, at) => {
    const id = number as TaskId; // checked next: an id of ours is in the table
    const holder = state.tasks.holder(id);
    const status = results.status[at] ?? STATUS.failed;
    if (!counts(state, manager, id, status, attempt)) {
      state.duplicates++;
      return;
    }
    if (holder === manager.serial) {
      freed.tasks++;
      freed.extra += state.tasks.extraOf([id]);
    } else if (holder === undefined) {
      state.tasks.claim(id, manager.serial); // not counted as held: it ends right here
    } else {
      effects.push(...withdraw(state, id, holder, now));
    }
    const verdict = judge(state, id, status, attempt);
    if (verdict === 'again') {
      const strikes = state.strikes.get(id);
      if (strikes !== undefined) strikes.lostWith = undefined;
      again.push(id);
      return;
    }
    if (verdict === 'blamed') blamed.push(id);
    else keep.push(at);
    if (verdict === 'settle') forget(state, id);
  });
  const change = (batch: StoredBatch): StoredBatch => ({ ...batch, attempt: Math.max(batch.attempt, attempt) + 1 });
  effects.push(...putBack(state, again, { change }), ...settle(state, blamed, blame(state, 'workers')));
  if (keep.length === results.ids.length) effects.push({ type: 'forward', results, manager: manager.id });
  else if (keep.length > 0) effects.push({ type: 'forward', results, manager: manager.id, keep });
}

/**
 * A good result counts, and a failure of the try that we wait for: of the manager that holds the task, or of one that
 * did and was given up. That one's failure does not count while another is at the task. Anything else was said before,
 * or is not for this manager to say.
 */
function counts(state: State, manager: ManagerRecord, id: TaskId, status: number, attempt: number): boolean {
  const batch = state.tasks.batchOf(id);
  if (batch === undefined) return false;
  const holder = state.tasks.holder(id);
  const isWaitedFor = status === STATUS.ok
    || (attempt >= batch.attempt && (holder ?? manager.serial) === manager.serial);
  return isWaitedFor && (holder === manager.serial || mayHold(state, manager, id));
}

/** The first result counts: whoever has the task now may drop it. */
function withdraw(state: State, id: TaskId, serial: number, now: number): Effect[] {
  const other = state.managers.bySerial(serial);
  if (other === undefined) return [];
  const extra = state.tasks.extraOf([id]);
  state.managers.update(other, now, (record) => {
    record.held--;
    record.extra -= extra;
  });
  return [{ type: 'to-manager', peer: other.peer, message: { type: 'drop', ids: [id] } }];
}

function judge(state: State, id: TaskId, status: number, attempt: number): 'settle' | 'again' | 'blamed' {
  if (status === STATUS.workerLost) {
    const strikes = state.strikes.get(id) ?? noStrikes();
    strikes.kills++;
    state.strikes.set(id, strikes);
  }
  const retries = state.tasks.batchOf(id)?.kind.retries ?? 0;
  const mayTryAgain = (status === STATUS.retryable || status === STATUS.workerLost) && attempt <= retries;
  if (!mayTryAgain) return 'settle';
  const kills = state.strikes.get(id)?.kills ?? 0;
  return kills >= state.policy.killsMax ? 'blamed' : 'again';
}
