// Which tasks go to which manager now. Free slots first, spread evenly; only when every slot is taken do managers get
// tasks in line, as many as they asked for. When nothing waits for a slot and slots stand free, lines are called back.

import { endOf } from './block-ends.ts';
import { freeOf, roomOf, widestOf, type ManagerRecord } from './managers.ts';
import { offerOf, place, review } from './reservations.ts';
import type { Effect, State } from './state.ts';
import { widthOf, type Range } from './tasks.ts';

/** Tasks in one message at most: bounds what one loss of a connection can throw back. */
const DISPATCH_MAX = 4096;
/** Payload in one message at most, unless one task alone is larger. */
const DISPATCH_BYTES_MAX = 8 * 1024 * 1024;
/** The part of a manager's line that is too little work, 1 ms for each slot, to be dealt out further. */
const SHORT_PART = 10;
/** Tasks are that short where so many of them are so little work for a slot. */
const SHORT_TASKS_MIN = 8;
/** How often lines are called back at most. */
const RECALL_EVERY_MS = 20;

export function dispatch(state: State, now: number): Effect[] {
  if (state.recovery !== undefined) return [];
  const effects: Effect[] = [];
  do giveOut(state, now, effects);
  while (state.reservations.size > 0 && review(state, now, effects));
  return effects.concat(recall(state, now));
}

function giveOut(state: State, now: number, effects: Effect[]): void {
  const { tasks, managers } = state;
  const passedOver = new Set<ManagerRecord>();
  while (tasks.waiting > 0) {
    const manager = managers.next(passedOver, state.policy.managerSelector === 'block_id');
    if (manager === undefined) return;
    const ranges = takeFor(state, manager, share(state, manager), now);
    if (ranges.length === 0) {
      const placed = tasks.waitingWide === 0 ? undefined : placeWide(state, manager, now);
      if (placed === undefined) passedOver.add(manager);
      else effects.push(...placed);
      continue;
    }
    const taken = ranges.reduce((sum, range) => sum + range.to - range.from, 0);
    managers.update(manager, now, (record) => { record.held += taken; });
    effects.push({ type: 'dispatch', manager, ranges });
  }
}

/** What is next for this manager may be a wide task: that is seen to, there or elsewhere. Undefined where it is not. */
function placeWide(state: State, manager: ManagerRecord, now: number): Effect[] | undefined {
  const range = state.queue.next(offerOf(state, manager, now));
  const lane = range === undefined ? undefined : state.queue.laneOf(range);
  return lane === undefined || lane.width === 1 ? undefined : place(state, lane, now);
}

/**
 * An even share of what waits, so that the last tasks of a run do not pile up on one manager. Where tasks are so short
 * that a good many of them are no work, at least so many: a message for every few would cost more than they do.
 */
function share(state: State, manager: ManagerRecord): number {
  const { tasks, managers, policy } = state;
  const { slots, window } = manager;
  const free = Math.max(0, freeOf(manager));
  const waiting = tasks.waiting - tasks.waitingWide;
  const excess = waiting - managers.freeSlots;
  const even = excess <= 0
    ? Math.min(free, Math.ceil(waiting / managers.takers)) : free + Math.ceil(excess / managers.takers);
  // A window beyond what every manager is configured to prefetch tells how short tasks are.
  const short = window - slots > policy.prefetchCapacity ? Math.floor((window - slots) / SHORT_PART) : 0;
  const least = short >= SHORT_TASKS_MIN * slots ? short : 1;
  return Math.max(1, Math.min(Math.max(even, least), roomOf(manager), DISPATCH_MAX));
}

/** Tasks of one slot, as many as are due before the next wide one. */
function takeFor(state: State, manager: ManagerRecord, count: number, now: number): Range[] {
  const ranges: Range[] = [];
  const remainingMs = endOf(state, manager) - now;
  const { slots } = manager;
  const free = freeOf(manager);
  const widest = widestOf(manager);
  let left = count;
  let bytes = 0;
  while (left > 0 && bytes < DISPATCH_BYTES_MAX) {
    const freeNow = free - count + left;
    const range = state.queue.next({ remainingMs, free: freeNow, widest: widest - count + left, slots });
    if (range === undefined || widthOf(range.batch.kind) > 1) break; // a wide task is placed by itself
    // A task that says how long it needs starts at once: in a line its time would run out.
    const most = range.batch.kind.minRemainingMs > 0 ? Math.min(left, freeNow) : left;
    const taken = state.tasks.take(range, most, manager.serial);
    if (taken === undefined) continue;
    left -= taken.to - taken.from;
    for (let i = taken.from; i < taken.to; i++) bytes += taken.batch.sizes[i] ?? 0;
    for (const buffer of taken.batch.buffers) bytes += buffer.length;
    ranges.push(taken);
  }
  return ranges;
}

/** Slots stand free while tasks stand in line elsewhere: the longest line is asked for half of itself back. */
function recall(state: State, now: number): Effect[] {
  const { tasks, managers } = state;
  if (tasks.waiting > tasks.waitingWide || managers.freeSlots === 0) return [];
  if (managers.inLine === 0 || managers.byPeer.size < 2) return [];
  if (now < state.recallAtMs) return [{ type: 'wake', inMs: state.recallAtMs - now }];
  const longest = managers.longestLine();
  if (longest === undefined) return [];
  state.recallAtMs = now + RECALL_EVERY_MS;
  longest.recalling = true;
  const count = Math.min(managers.freeSlots, Math.ceil(-freeOf(longest) / 2));
  return [
    { type: 'to-manager', peer: longest.peer, message: { type: 'recall', count } },
    { type: 'wake', inMs: RECALL_EVERY_MS },
  ];
}
