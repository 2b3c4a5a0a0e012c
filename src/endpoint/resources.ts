// A task's resource specification, as each type of engine takes it. Pure.

import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { ResourceSpecification } from '../common/protocol.ts';
import type { EngineBlock } from './engine-block.ts';

export interface Asked {
  readonly asked: ResourceSpecification;
  readonly priority?: number;
}

const MPI = {
  num_nodes: 'number', ranks_per_node: 'number', num_ranks: 'number', launcher_options: 'string',
} as const;
/** The field takes `priority` alone; how wide a task is, is of this engine. */
const WORKERS = { priority: 'number', cores: 'number', memory: 'number', gpus: 'number' } as const;

/** Throws CONFIG_INVALID in the field's words. */
export function readResources(block: EngineBlock, specification: JsonObject | undefined): Asked {
  const given = Object.entries(specification ?? {}).filter(([, value]) => value !== null);
  if (block.isPool && given.length > 0) {
    throw wrong(`resource_specification is not supported on ${block.type}.  For MPI apps, use GlobusMPIEngine.`);
  }
  const known: Readonly<Record<string, string>> = block.engine.mpi === null ? WORKERS : MPI;
  const others = given.map(([key]) => key).filter((key) => !Object.hasOwn(known, key));
  if (others.length > 0) {
    throw wrong('Task resource specification only accepts these types of resources: '
      + `${Object.keys(known).join(', ')} (got: ${others.join(', ')})`);
  }
  for (const [key, value] of given) {
    if (typeof value !== known[key]) throw wrong(`resource_specification.${key} must be a ${known[key] ?? ''}`);
  }
  const { priority, ...asked } = Object.fromEntries(given);
  return { asked, ...typeof priority === 'number' ? { priority } : {} };
}

function wrong(message: string): ComputeError {
  return new ComputeError('CONFIG_INVALID', message);
}
