// What a task sees of the slot it runs in: the field's variable names, so that a user's script works unchanged.

import { workerData } from 'node:worker_threads';
import type { WorkerSetup } from '../../src/common/process-config.ts';
import { bindThread } from './affinity.ts';

// Written by our manager. Piscina hands it over in its own wrapping: [its own data, ours].
const setup = (Array.isArray(workerData) ? workerData[1] : workerData) as WorkerSetup;

/** Once, before the first task. */
export function takeOn(slot: number): void {
  process.env['PARSL_WORKER_RANK'] = String(slot);
  process.env['PARSL_WORKER_COUNT'] = String(setup.slots);
  process.env['PARSL_WORKER_POOL_ID'] = setup.manager;
  process.env['PARSL_WORKER_BLOCK_ID'] = setup.block;
  const cores = setup.cores?.[slot];
  if (cores !== undefined) bindThread(cores);
  const accelerator = setup.accelerators[slot];
  if (accelerator === undefined) return;
  for (const name of ['CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK']) {
    process.env[name] = accelerator;
  }
  process.env['ZE_ENABLE_PCI_ID_DEVICE_ORDER'] = '1';
}

/** Where the process groups of running commands are noted, for whoever cleans up after a killed manager. */
export function groupsFolder(): string {
  return setup.groupsFolder;
}

export function resultBytesMax(): number {
  return setup.resultBytesMax;
}
