// What a task sees of the slot it runs in: the field's variable names, so that a user's script works unchanged.

import { hostname } from 'node:os';
import { workerData } from 'node:worker_threads';
import type { WorkerSetup } from '../../src/common/process-config.ts';
import type { Place } from '../../src/common/protocol.ts';
import { deviceVariables } from '../../src/common/resources.ts';
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
  for (const [name, value] of Object.entries(deviceVariables(accelerator))) process.env[name] = value;
}

/** For one assignment: what its task sees, instead of the slot's own. Returns what makes that undone. */
export function occupy(variables: NodeJS.ProcessEnv, slot: number, { environment, cores }: Place): () => void {
  const before = new Map(Object.keys(environment).map((name) => [name, variables[name]]));
  if (cores !== null) bindThread(cores);
  Object.assign(variables, environment);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete variables[name];
      else variables[name] = value;
    }
    const own = setup.cores?.[slot];
    if (cores !== null && own !== undefined) bindThread(own);
  };
}

/**
 * Where a slot's process group is noted, for whoever cleans up after a killed manager. Managers of one block may share
 * the folder, on this machine or over the network.
 */
export function notePath(slot: number, suffix = ''): string {
  return `${setup.groupsFolder}/${hostname()}-${process.pid}-${slot}${suffix}`;
}

/** null: no limit. */
export function memoryMiBMax(): number | null {
  return setup.memoryMiB;
}

export function resultBytesMax(): number {
  return setup.resultBytesMax;
}
