// Blocks that end as planned: because somebody said so, or because the scheduler has said when. Shortly before that
// time a block gets no more tasks, so that what has not started there goes elsewhere in peace.

import type { BlockId } from '../../src/common/protocol.ts';
import type { ManagerRecord } from './managers.ts';
import type { Effect, State } from './state.ts';

/**
 * How long before its end a block is drained: this share of what is left when we first hear of the end, within these
 * bounds. Enough to hand tasks back, and little of an allocation: tasks that need longer say so (minRemainingMs).
 */
const MARGIN_SHARE = 0.05;
const MARGIN_MIN_MS = 5_000;
const MARGIN_MAX_MS = 60_000;
/** A scheduler's clock is not ours: a loss so shortly before the end is the end, too. */
const EARLY_MS = 5_000;

/** No more tasks to these blocks; their managers finish what runs, hand back the rest, and leave. */
export function drain(state: State, blocks: ReadonlySet<BlockId>, now: number): Effect[] {
  const effects: Effect[] = [];
  for (const block of blocks) state.drainedBlocks.add(block);
  for (const manager of state.managers.byPeer.values()) {
    if (!blocks.has(manager.block) || manager.draining) continue;
    state.managers.update(manager, now, (record) => { record.draining = true; });
    effects.push({ type: 'to-manager', peer: manager.peer, message: { type: 'drain' } });
  }
  return effects;
}

/** The scheduler's word on when blocks end; it may change its mind. */
export function onBlockEnds(
  state: State, ends: readonly { readonly block: BlockId; readonly endsAtMs: number }[], now: number,
): Effect[] {
  for (const { block, endsAtMs } of ends) {
    if (state.blockEnds.get(block)?.endsAtMs === endsAtMs) continue;
    const margin = Math.min(Math.max((endsAtMs - now) * MARGIN_SHARE, MARGIN_MIN_MS), MARGIN_MAX_MS);
    state.blockEnds.set(block, { endsAtMs, drainAtMs: endsAtMs - margin });
  }
  return drainDue(state, now);
}

/** Drains the blocks whose end is near, and asks to be woken for the next one. */
export function drainDue(state: State, now: number): Effect[] {
  const due = new Set<BlockId>();
  let nextMs = Infinity;
  for (const [block, { drainAtMs }] of state.blockEnds) {
    if (state.drainedBlocks.has(block)) continue;
    if (now >= drainAtMs) due.add(block);
    else nextMs = Math.min(nextMs, drainAtMs - now);
  }
  const wake: Effect[] = nextMs < WAKE_MAX_MS ? [{ type: 'wake', inMs: nextMs }] : [];
  return due.size === 0 ? wake : [...drain(state, due, now), { type: 'load-changed' }, ...wake];
}

/** The state is looked over once a second anyway. */
const WAKE_MAX_MS = 1_000;

/** When a manager ends: as it said itself, or with its block. Infinity when nobody knows of an end. */
export function endOf(state: State, manager: ManagerRecord): number {
  return Math.min(manager.endsAtMs ?? Infinity, state.blockEnds.get(manager.block)?.endsAtMs ?? Infinity);
}

/** Whether a manager that is gone was going anyway: it had said so, or its block's time was up. */
export function wasEnding(state: State, manager: ManagerRecord, now: number): boolean {
  const goneAtMs = manager.awayAtMs ?? now;
  return manager.draining || goneAtMs >= (state.blockEnds.get(manager.block)?.endsAtMs ?? Infinity) - EARLY_MS;
}
