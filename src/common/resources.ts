// What tasks ask for, in words and as the variables that they find it in.

import type { ResourceSpecification } from './protocol.ts';

/** 'num_nodes 4, num_ranks 8' */
export function inWords(asked: ResourceSpecification): string {
  return Object.entries(asked).map(([key, value]) => `${key} ${value}`).join(', ');
}

/** PARSL_NUM_NODES, PARSL_CORES, …: as the field's tasks find what they asked for. */
export function variablesOf(asked: ResourceSpecification): Record<string, string> {
  return Object.fromEntries(Object.entries(asked).map(([key, value]) => [`PARSL_${key.toUpperCase()}`, String(value)]));
}

/** What the runtimes of accelerators look at: the devices that a task may see. */
export function deviceVariables(devices: string): Record<string, string> {
  return {
    CUDA_VISIBLE_DEVICES: devices, ROCR_VISIBLE_DEVICES: devices, ZE_AFFINITY_MASK: devices,
    ZE_ENABLE_PCI_ID_DEVICE_ORDER: '1',
  };
}
