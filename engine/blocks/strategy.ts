// How many blocks there should be, and which of those there are should go. Pure: plain data in, a decision out.
//
// Three counts are kept apart. Desired: what the open tasks need, within min_blocks and max_blocks. Occupied: every job
// the scheduler has not ended, whatever it says of it; held and unknown ones and those on their way out have their
// place, so that max_blocks is never exceeded. Serving: those of them that work for the tasks or will.

import { unreachable } from '../../src/common/errors.ts';
import type { BlockId } from '../../src/common/protocol.ts';
import type { BlockPolicy } from '../../providers/provider.ts';

export type StrategyName = 'none' | 'simple' | 'htex_auto_scale';

export interface Policy extends Pick<BlockPolicy, 'min_blocks' | 'max_blocks' | 'nodes_per_block' | 'parallelism'> {
  readonly strategy: StrategyName;
  /** How long what could go has had nothing to do before it goes. */
  readonly idleMsMax: number;
}

/** A block whose job has not ended. */
export interface BlockView {
  readonly block: BlockId;
  /** The scheduler has not started it, as far as it has said. */
  readonly queued: boolean;
  /** It was told to end. */
  readonly ending: boolean;
  readonly managers: number;
  /** Tasks its managers hold. */
  readonly held: number;
  /** Since when none of its managers holds a task; absent while one does, and while it has none. */
  readonly idleSinceMs?: number;
}

export interface View {
  readonly now: number;
  /** Open tasks: waiting for a worker, or held by a manager. */
  readonly tasks: number;
  readonly workersPerNode: number;
  readonly blocks: readonly BlockView[];
  /** Since when there has been no open task; absent while there is one. */
  readonly emptySinceMs?: number;
  /** Since when more blocks serve than the tasks need; absent while they need all. */
  readonly surplusSinceMs?: number;
}

export type Decision =
  | { readonly type: 'hold' }
  | { readonly type: 'scale-out'; readonly count: number }
  | { readonly type: 'scale-in'; readonly blocks: readonly BlockId[] };

const HOLD: Decision = { type: 'hold' };

export function decide(view: View, policy: Policy): Decision {
  if (policy.strategy === 'none' || policy.max_blocks === 0) return HOLD;
  const serving = view.blocks.filter(({ ending }) => !ending);
  const desired = desiredBlocks(view, policy);
  if (serving.length < desired) {
    const count = Math.min(desired - serving.length, policy.max_blocks - view.blocks.length);
    return count > 0 ? { type: 'scale-out', count } : HOLD;
  }
  const spare = serving.length - desired;
  if (spare === 0) return HOLD;
  const blocks = candidates(view, policy, serving).slice(0, spare).map(({ block }) => block);
  return blocks.length > 0 ? { type: 'scale-in', blocks } : HOLD;
}

/** What the open tasks need, and min_blocks at least: while idle, too. */
export function desiredBlocks(
  { tasks, workersPerNode }: Pick<View, 'tasks' | 'workersPerNode'>, policy: Policy,
): number {
  const slotsPerBlock = Math.max(1, workersPerNode) * policy.nodes_per_block;
  // Products of fractions such as 0.1 come out a hair too large; a hair is no block.
  const slots = Math.ceil(tasks * policy.parallelism - 1e-6);
  const needed = tasks === 0 ? 0 : Math.max(1, Math.ceil(slots / slotsPerBlock));
  return Math.min(Math.max(needed, policy.min_blocks), policy.max_blocks);
}

/** Blocks that may go, first to go first: none of them has a task. */
function candidates(view: View, policy: Policy, serving: readonly BlockView[]): BlockView[] {
  const long = (sinceMs: number | undefined): boolean =>
    sinceMs !== undefined && view.now - sinceMs >= policy.idleMsMax;
  const free = serving.filter(({ held }) => held === 0);
  switch (policy.strategy) {
    case 'none':
      return [];
    case 'simple':
      return long(view.emptySinceMs) ? free.sort(firstToGo) : [];
    case 'htex_auto_scale':
      // A block without managers was never busy: it is idle since the tasks stopped needing it.
      return free.filter((block) => long(block.managers > 0 ? block.idleSinceMs : view.surplusSinceMs)).sort(firstToGo);
    default:
      return unreachable(policy.strategy);
  }
}

/**
 * Queued before started, as those cost nothing to give back, the newest first, as it is the last in the queue; then
 * the longest idle, and of equals the newest.
 */
function firstToGo(a: BlockView, b: BlockView): number {
  if (a.queued !== b.queued) return a.queued ? -1 : 1;
  const idle = a.queued ? 0 : (a.idleSinceMs ?? -Infinity) - (b.idleSinceMs ?? -Infinity);
  return idle || Number(b.block) - Number(a.block); // NaN, of two that never were busy, is none either
}
