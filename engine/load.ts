// What the interchange says of its managers and tasks, as the client remembers it.

import type { Load, ManagerSummary } from '../src/common/protocol.ts';

export const NO_LOAD: Load = { waiting: 0, held: 0, managers: [], connectedBlocks: [] };

/** The load with a manager that just came: reports are too far apart for a block that ends a moment later. */
export function withManager(load: Load, joined: ManagerSummary): Load {
  const { managers, connectedBlocks } = load;
  return {
    ...load,
    managers: [...managers.filter(({ manager }) => manager !== joined.manager), joined],
    connectedBlocks: connectedBlocks.includes(joined.block) ? connectedBlocks : [...connectedBlocks, joined.block],
  };
}

/**
 * Whether the scaler should look now: managers came, went or drain, or there is more to do than there are slots. All
 * else, such as who is idle for how long, it sees when it looks by itself.
 */
export function concernsBlocks(before: Load, now: Load): boolean {
  const slots = now.managers.reduce((sum, manager) => sum + manager.slots, 0);
  const taken = now.waiting + now.held + (now.extraSlots ?? 0);
  if (taken > slots || before.managers.length !== now.managers.length) return true;
  return now.managers.some(({ manager, draining }, i) =>
    before.managers[i]?.manager !== manager || before.managers[i]?.draining !== draining);
}
