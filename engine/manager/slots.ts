// How many slots a node has, and what each of them sees. Pure.

import { ComputeError } from '../../src/common/errors.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import type { NodeOffer } from './node-offer.ts';

type SlotKeys = Pick<ManagerConfig, 'maxWorkersPerNode' | 'coresPerWorker' | 'memPerWorkerGiB' | 'accelerators'>;

/**
 * The smallest of what cores, memory, accelerators and the administrator's cap allow. None at all is an error with the
 * arithmetic in it: a manager without slots would look healthy and do nothing.
 */
export function countSlots(
  config: SlotKeys, node: Pick<NodeOffer, 'cores' | 'coresFrom' | 'memoryGiB' | 'memoryFrom'>,
): number {
  const { maxWorkersPerNode, coresPerWorker, memPerWorkerGiB, accelerators } = config;
  const limits: [string, number][] = [
    [`${node.cores} cores (${node.coresFrom}) / cores_per_worker ${coresPerWorker}`,
      coresPerWorker > 0 ? Math.floor(node.cores / coresPerWorker + 1e-9) : Infinity],
  ];
  if (memPerWorkerGiB !== null && memPerWorkerGiB > 0) {
    limits.push([`${node.memoryGiB.toFixed(1)} GiB (${node.memoryFrom}) / mem_per_worker ${memPerWorkerGiB}`,
      Math.floor(node.memoryGiB / memPerWorkerGiB)]);
  }
  if (maxWorkersPerNode !== null) limits.push([`max_workers_per_node ${maxWorkersPerNode}`, maxWorkersPerNode]);
  if (accelerators.length > 0) limits.push([`${accelerators.length} available_accelerators`, accelerators.length]);
  const slots = Math.min(...limits.map(([, limit]) => limit));
  if (slots >= 1) return slots;
  throw new ComputeError('CONFIG_INVALID',
    `no worker fits on this node: ${limits.map(([what, limit]) => `${what} gives ${limit}`).join('; ')}`);
}
