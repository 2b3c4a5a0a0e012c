// What a task's function is called with.

import type { SlotMemory } from '../../src/common/slot-memory.ts';

export interface TaskContext {
  readonly timeoutMs: number;
  readonly slot: number;
  readonly memory: SlotMemory;
  /** The running task's position in the assignment. */
  index: number;
}

export type Callable = (args: unknown[], context: TaskContext) => unknown;
