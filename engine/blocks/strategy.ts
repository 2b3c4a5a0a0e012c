// How many blocks there should be, and which of those there are should go. Pure: plain data in, a decision out.
//
// Three counts are kept apart. Desired: what the open tasks need, within min_blocks and max_blocks. Occupied: every job
// the scheduler has not ended, whatever it says of it; held and unknown ones and those on their way out have their
// place, so that max_blocks is never exceeded. Serving: those of them that work for the tasks or will; not one whose
// time is up before another could come: its replacement is asked for in time, if max_blocks leaves room for it.

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
  /** When the scheduler will end it, if it has said so. */
  readonly endsAtMs?: number;
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
  /** Since when the tasks need more blocks than serve; absent while they do not. */
  readonly pressedSinceMs?: number;
  /** How long a task ran lately; absent before the first has. */
  readonly runMs?: number;
  /** How long a block took lately from its submission to its first manager; absent before the first has come. */
  readonly leadMs?: number;
}

export type Decision =
  | { readonly type: 'hold' }
  | { readonly type: 'scale-out'; readonly count: number }
  | { readonly type: 'scale-in'; readonly blocks: readonly BlockId[] };

const HOLD: Decision = { type: 'hold' };

export function decide(view: View, policy: Policy): Decision {
  if (policy.strategy === 'none' || policy.max_blocks === 0) return HOLD;
  const serving = servingBlocks(view, policy);
  const desired = desiredBlocks(view, policy);
  if (serving.length < desired) {
    if (serving.length >= policy.min_blocks && cannotHelp(view, policy, serving)) return HOLD;
    const count = Math.min(desired - serving.length, policy.max_blocks - view.blocks.length);
    return count > 0 ? { type: 'scale-out', count } : HOLD;
  }
  const spare = serving.length - desired;
  if (spare === 0) return HOLD;
  const blocks = candidates(view, policy, serving).slice(0, spare).map(({ block }) => block);
  return blocks.length > 0 ? { type: 'scale-in', blocks } : HOLD;
}

/** Blocks that the tasks can count on. */
export function servingBlocks(view: Omit<View, 'pressedSinceMs' | 'surplusSinceMs'>, policy: Policy): BlockView[] {
  const { now, blocks, tasks, workersPerNode, runMs, leadMs = 0 } = view;
  const lasting = blocks.filter(({ ending }) => !ending);
  const slots = lasting.filter(({ managers }) => managers > 0).length * workersPerNode * policy.nodes_per_block;
  return lasting.filter(({ endsAtMs = Infinity }) => {
    const leftMs = endsAtMs - now;
    return leftMs > leadMs || (runMs !== undefined && tasks * runMs / slots <= leftMs);
  });
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

/**
 * Whether what waits will have started on the slots that are there before another block could come. That is a guess, so
 * it counts no longer than that block would have taken.
 */
function cannotHelp(view: View, { nodes_per_block: nodes }: Policy, serving: readonly BlockView[]): boolean {
  const { now, tasks, workersPerNode, pressedSinceMs, runMs, leadMs } = view;
  const slots = serving.filter(({ managers }) => managers > 0).length * workersPerNode * nodes;
  if (pressedSinceMs === undefined || runMs === undefined || leadMs === undefined || slots === 0) return false;
  const waiting = tasks - serving.reduce((sum, { held }) => sum + held, 0);
  return waiting * runMs / slots <= leadMs && now - pressedSinceMs < leadMs;
}

/**
 * Blocks that may go, first to go first. One that has tasks goes only while others have had room for them for long, and
 * it finishes them: evenly spread tasks would keep every block for ever.
 */
function candidates(view: View, policy: Policy, serving: readonly BlockView[]): BlockView[] {
  const long = (sinceMs: number | undefined): boolean =>
    sinceMs !== undefined && view.now - sinceMs >= policy.idleMsMax;
  switch (policy.strategy) {
    case 'none':
      return [];
    case 'simple':
      return long(view.emptySinceMs) ? serving.filter(({ held }) => held === 0).sort(firstToGo) : [];
    case 'htex_auto_scale':
      // A block without managers was never busy: it is idle since the tasks stopped needing it.
      return serving.filter((block) => long(view.surplusSinceMs) || (block.managers > 0 && long(block.idleSinceMs)))
        .sort(firstToGo);
    default:
      return unreachable(policy.strategy);
  }
}

/**
 * Queued before started, as those cost nothing to give back, the newest first, as it is the last in the queue; then
 * those with the fewest tasks; then the longest idle, and of equals the newest.
 */
function firstToGo(a: BlockView, b: BlockView): number {
  if (a.queued !== b.queued) return a.queued ? -1 : 1;
  if (a.held !== b.held) return a.held - b.held;
  const idle = a.queued ? 0 : (a.idleSinceMs ?? -Infinity) - (b.idleSinceMs ?? -Infinity);
  return idle || Number(b.block) - Number(a.block); // NaN, of two that never were busy, is none either
}
