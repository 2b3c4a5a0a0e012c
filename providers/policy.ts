// The keys that every provider has: how many blocks, how large, how eager.

import { invalid, type Schema } from '../src/common/schema.ts';
import type { BlockPolicy } from './provider.ts';

const BLOCKS_MAX = 10_000;
const NODES_MAX = 100_000;

const blocks = { type: 'integer', minimum: 0, maximum: BLOCKS_MAX } as const;

export const policyProperties: Schema<BlockPolicy>['properties'] = {
  /** Asked for at the start, whatever there is to do. */
  init_blocks: { ...blocks, default: 1 },
  /** Kept while idle, too. */
  min_blocks: { ...blocks, default: 0 },
  /** Never more at any instant. 0 turns scaling off: the first blocks are all there will be. */
  max_blocks: { ...blocks, default: 1 },
  nodes_per_block: { type: 'integer', minimum: 1, maximum: NODES_MAX, default: 1 },
  /** Workers per open task, from 0 (one block, however much there is to do) to 1 (a worker for every task). */
  parallelism: { type: 'number', minimum: 0, maximum: 1, default: 1 },
};

/** Throws CONFIG_INVALID for numbers that contradict one another. */
export function checkPolicy(policy: BlockPolicy): void {
  const { init_blocks: init, min_blocks: min, max_blocks: max } = policy;
  const what = 'engine.provider';
  if (min > max) throw invalid([`${what}: min_blocks (${min}) is greater than max_blocks (${max})`]);
  if (init > max && max > 0) {
    throw invalid([`${what}: init_blocks (${init}) is greater than max_blocks (${max}); for a fixed number of blocks,`
      + ' set max_blocks to 0']);
  }
}
