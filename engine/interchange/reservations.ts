// Managers that are kept for wide tasks. A wide task whose turn has come and that fits nowhere keeps the manager where
// it will most likely fit soonest: that one gets nothing of the same urgency or less until it does. So narrow tasks
// cannot pass it for ever, and only as many managers stand partly idle as wide tasks are due.
//
// Nobody knows how long tasks run. A manager that frees no slot for a while is given up for another one, and each time
// the patience doubles: in the end it is longer than the tasks are.

import { endOf } from './block-ends.ts';
import { freeOf, widestOf, type ManagerRecord } from './managers.ts';
import type { Lane, Offer } from './queue.ts';
import type { Effect, Reservation, State } from './state.ts';

const PATIENCE_MS = 1000;

export function offerOf(state: State, manager: ManagerRecord, now: number): Offer {
  return {
    remainingMs: endOf(state, manager) - now, free: freeOf(manager), widest: widestOf(manager), slots: manager.slots,
  };
}

/** A lane's wide task is due: it starts where it fits, or a manager is kept for it. Undefined where neither can be. */
export function place(state: State, lane: Lane, now: number): Effect[] | undefined {
  const manager = soonest(state, lane, now);
  if (manager === undefined) return undefined;
  if (lane.width <= widestOf(manager)) return start(state, lane, manager, now);
  return keep(state, manager, lane, { now, patienceMs: PATIENCE_MS });
}

function start(state: State, lane: Lane, manager: ManagerRecord, now: number): Effect[] | undefined {
  const range = state.queue.first(lane);
  const taken = range === undefined ? undefined : state.tasks.take(range, 1, manager.serial);
  if (taken === undefined) return undefined;
  state.managers.update(manager, now, (record) => {
    record.held++;
    record.extra += lane.width - 1;
  });
  return [{ type: 'dispatch', manager, ranges: [taken] }];
}

function keep(
  state: State, manager: ManagerRecord, lane: Lane, { now, patienceMs }: { now: number; patienceMs: number },
): Effect[] {
  state.reservations.set(manager, { lane, slots: slotsLeft(manager), sinceMs: now, patienceMs });
  state.managers.update(manager, now, (record) => { record.kept = true; });
  lane.kept++;
  const inLine = -freeOf(manager);
  if (inLine <= 0 || manager.recalling || state.managers.byPeer.size < 2) return [];
  manager.recalling = true; // what stands in line there may run elsewhere meanwhile
  return [{ type: 'to-manager', peer: manager.peer, message: { type: 'recall', count: inLine } }];
}

function letGo(state: State, manager: ManagerRecord, { lane }: Reservation, now: number): void {
  state.reservations.delete(manager);
  lane.kept--;
  // One that is not in the table any more must not come back into it.
  if (state.managers.byPeer.get(manager.peer) !== manager) return;
  state.managers.update(manager, now, (record) => { record.kept = false; });
}

/** Looks all reservations over. Returns whether managers were let go, which may be given tasks now. */
export function review(state: State, now: number, effects: Effect[]): boolean {
  let isAnyFree = false;
  for (const [manager, reservation] of state.reservations) {
    switch (judge(state, manager, reservation, now)) {
      case 'wait': break;
      case 'start':
        letGo(state, manager, reservation, now);
        effects.push(...start(state, reservation.lane, manager, now) ?? []);
        isAnyFree = true;
        break;
      case 'give-up':
        letGo(state, manager, reservation, now);
        isAnyFree = true;
        break;
      case 'move': {
        const { lane, patienceMs } = reservation;
        const other = soonest(state, lane, now); // not this one: it is kept
        letGo(state, manager, reservation, now);
        effects.push(...keep(state, other ?? manager, lane, { now, patienceMs: 2 * patienceMs }));
        isAnyFree ||= other !== undefined;
        break;
      }
    }
  }
  return isAnyFree;
}

function judge(
  state: State, manager: ManagerRecord, reservation: Reservation, now: number,
): 'wait' | 'start' | 'give-up' | 'move' {
  const { queue, managers } = state;
  const { lane } = reservation;
  const isHere = managers.byPeer.get(manager.peer) === manager && !manager.draining && manager.awayAtMs === undefined;
  const offer = offerOf(state, manager, now);
  if (!isHere || lane.minRemainingMs > offer.remainingMs || !queue.hasMore(lane, lane.kept - 1)) return 'give-up';
  const next = offer.free > 0 ? queue.next(offer) : undefined;
  if (next !== undefined && (next.batch.kind.priority ?? Infinity) < lane.priority) return 'give-up';
  if (lane.width <= offer.widest) return 'start';
  const slots = slotsLeft(manager);
  if (slots > reservation.slots) {
    reservation.slots = slots;
    reservation.sinceMs = now;
  }
  return now - reservation.sinceMs >= reservation.patienceMs ? 'move' : 'wait';
}

/** The manager with the most free slots, and of equals the one where a task ended last. Looks at all of them. */
function soonest(state: State, lane: Lane, now: number): ManagerRecord | undefined {
  let best: ManagerRecord | undefined;
  for (const record of state.managers.byPeer.values()) {
    if (record.kept || record.draining || record.awayAtMs !== undefined || record.slots < lane.width) continue;
    if (lane.minRemainingMs > offerOf(state, record, now).remainingMs) continue;
    const more = best === undefined ? 1 : slotsLeft(record) - slotsLeft(best) || record.freedAtMs - best.freedAtMs;
    if (more > 0) best = record;
  }
  return best;
}

/** Less than none where tasks stand in line. */
function slotsLeft({ slots, held, extra }: ManagerRecord): number {
  return slots - held - extra;
}
