// Providers of the field that a configuration may name, so that a site's file can be read and checked, and that cannot
// be built yet: who starts it is told.

import { ComputeError } from '../src/common/errors.ts';
import { parser } from '../src/common/schema.ts';
import { parseLauncher, type LauncherConfig } from '../launchers/index.ts';
import { checkPolicy, policyProperties } from './policy.ts';
import type { BlockPolicy } from './provider.ts';
import { parseWalltime } from './walltime.ts';

interface Common extends BlockPolicy {
  /** Shell text that every block begins with. */
  readonly worker_init: string;
}

export interface CondorConfig extends Common {
  readonly type: 'CondorProvider';
  readonly launcher: LauncherConfig;
  readonly walltimeS: number;
}

export interface KubernetesConfig extends Common {
  readonly type: 'KubernetesProvider';
  /** A pod has one node, on which its own command starts the manager. */
  readonly launcher: LauncherConfig;
}

const WHAT = 'engine.provider';
const text = { type: 'string', nullable: true } as const;
const number = { type: 'number', exclusiveMinimum: 0, nullable: true } as const;
const integer = { type: 'integer', minimum: 0, nullable: true } as const;
const mapping = { type: 'object', required: [], additionalProperties: true, nullable: true } as const;
const list = { type: 'array', items: {}, nullable: true } as const;

// What only the missing provider would use is checked and let go.
const ofCondor = {
  cores_per_slot: number, mem_per_slot: number, environment: mapping, project: text, scheduler_options: text,
  transfer_input_files: list, requirements: text, cmd_timeout: number, cmd_chunk_size: integer,
};
const ofKubernetes = {
  namespace: text, max_cpu: number, max_mem: text, init_cpu: number, init_mem: text, extra_requests: mapping,
  extra_limits: mapping, pod_name: text, user_id: integer, group_id: integer,
  run_as_non_root: { type: 'boolean', nullable: true }, secret: text, persistent_volumes: list,
  service_account_name: text, annotations: mapping,
};

const parseCondorKeys = parser<Common>(WHAT, {
  type: 'object', required: [],
  properties: {
    ...policyProperties,
    worker_init: { type: 'string', default: '' },
    ...ofCondor,
  },
});

const parseKubernetesKeys = parser<Common & { image: string }>(WHAT, {
  type: 'object', required: ['image'],
  properties: {
    ...policyProperties,
    worker_init: { type: 'string', default: '' },
    init_blocks: { type: 'integer', minimum: 0, maximum: 10_000, default: 4 },
    max_blocks: { type: 'integer', minimum: 0, maximum: 10_000, default: 10 },
    image: { type: 'string', minLength: 1 },
    ...ofKubernetes,
  },
});

export function parseCondor(value: Readonly<Record<string, unknown>>): CondorConfig {
  const { launcher = {}, walltime = '00:10:00', ...keys } = value;
  return {
    type: 'CondorProvider', ...kept(parseCondorKeys(keys)), launcher: parseLauncher(launcher),
    walltimeS: parseWalltime(walltime, `${WHAT}.walltime`),
  };
}

export function parseKubernetes(value: Readonly<Record<string, unknown>>): KubernetesConfig {
  return { type: 'KubernetesProvider', ...kept(parseKubernetesKeys(value)), launcher: parseLauncher({}) };
}

function kept(keys: Common): Common {
  const { init_blocks, min_blocks, max_blocks, nodes_per_block, parallelism, worker_init } = keys;
  checkPolicy(keys);
  return { init_blocks, min_blocks, max_blocks, nodes_per_block, parallelism, worker_init };
}

/** What whoever starts it is told. */
export function notThereYet(type: string, present: readonly string[]): ComputeError {
  return new ComputeError('CONFIG_INVALID', `${WHAT}.type: ${type} is not there yet; there is ${present.join(', ')}`);
}
