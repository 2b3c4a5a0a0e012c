// The engine's own keys as they are written, with their defaults.

import { parser, type Schema } from '../src/common/schema.ts';
import type { StrategyName } from './blocks/strategy.ts';

type Range = [number, number];

export interface Keys {
  /** In the names of jobs and folders. */
  label: string;
  /** Where managers of blocks on this machine find it. */
  loopback_address: string;
  /** The port for managers; null: any free one, out of worker_port_range. */
  worker_port: number | null;
  worker_port_range: Range;
  interchange_port_range: Range;

  /** What one worker takes of a node: fractions mean several workers on a core. */
  cores_per_worker: number;
  /** GB; null: memory does not count. */
  mem_per_worker: number | null;
  /** null: as many as cores, memory and accelerators allow. */
  max_workers_per_node: number | null;
  /** 'none', 'block', 'block-reverse', 'alternating' or 'list:0,1:2,3' (the cores of each worker). */
  cpu_affinity: string;
  available_accelerators: number | (string | number)[];
  /** Tasks a manager holds beyond those that run. */
  prefetch_capacity: number;

  heartbeat_period: number;
  /** A manager that is silent for so long is lost, and an interchange too. */
  heartbeat_threshold: number;
  /** A manager takes no more tasks so long after its start; null: while its block lives. */
  drain_period: number | null;
  /** Milliseconds, in the field; without effect here. */
  poll_period: number | null;
  /**
   * How long the blocks of a run with a journal wait, when its engine was killed, for it to be started again; then they
   * end. Not on this machine: blocks here end with their engine.
   */
  restart_timeout: number;
  /** How long a manager tries one address; null: 30. */
  address_probe_timeout: number | null;
  encrypted: boolean;

  job_status_kwargs: { strategy?: StrategyName; max_idletime?: number; strategy_period: number };
  block_error_handler: boolean;
  manager_selector: 'random' | 'block_id' | { type: 'RandomManagerSelector' | 'BlockIdManagerSelector' };

  /** How often a task is tried again whose worker, manager or block was lost. */
  max_retries_on_system_failure: number;
  /** Every task gets a folder of its own as its working directory. */
  run_in_sandbox: boolean;
  /** null: the engine's choice. */
  working_dir: string | null;
  worker_debug: boolean;
  worker_logdir_root: string | null;

  /** docker, podman, podman-hpc, apptainer, singularity or custom; null: no container. */
  container_type: string | null;
  /** The image, as that command names it. */
  container_uri: string | null;
  /** More options for its `run`, as shell text; for custom, the whole command. */
  container_cmd_options: string | null;

  /** Open tasks; more are refused with QUEUE_FULL. An open task costs its payload and some hundred bytes here. */
  tasks_max: number;
  /** Bytes of one task's arguments, and of one result: each is held in memory by every process it passes. */
  payload_bytes_max: number;
  result_bytes_max: number;
  /** Managers acknowledge tasks without running them: measures the scheduler alone. */
  zero_worker: boolean;
}

const STRATEGIES = ['none', 'simple', 'htex_auto_scale'] as const;
const MIB = 1024 * 1024;
const ACCELERATORS_MAX = 1024;

const seconds = { type: 'number', exclusiveMinimum: 0, maximum: 366 * 86_400 } as const;
const optionalSeconds = { ...seconds, nullable: true, default: null } as const;
const text = { type: 'string' } as const;
const bytes = { type: 'integer', minimum: 1, maximum: 4096 * MIB, default: 256 * MIB } as const;
const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const;
const range = {
  type: 'array', items: [port, port], minItems: 2, maxItems: 2, description: 'a list of the first and the last port',
} as const;

/** The keys as the schema's type wants them: what may be null may be missing. */
type Written =
  & { [K in keyof Keys as null extends Keys[K] ? never : K]: Keys[K] }
  & { [K in keyof Keys as null extends Keys[K] ? K : never]?: Exclude<Keys[K], null> };

const schema: Schema<Written> = {
  type: 'object',
  required: [],
  properties: {
    label: {
      ...text, pattern: '^[A-Za-z0-9_.-]{1,64}$', default: 'GlobusComputeEngine',
      description: 'up to 64 letters, digits, ".", "_" or "-"',
    },
    loopback_address: { ...text, default: '127.0.0.1' },
    worker_port: { ...port, nullable: true, default: null },
    worker_port_range: { ...range, default: [54_000, 55_000] },
    interchange_port_range: { ...range, default: [55_000, 56_000] },
    cores_per_worker: { type: 'number', exclusiveMinimum: 0, default: 1 },
    mem_per_worker: { type: 'number', exclusiveMinimum: 0, nullable: true, default: null },
    max_workers_per_node: { type: 'integer', minimum: 1, maximum: 10_000, nullable: true, default: null },
    cpu_affinity: {
      ...text, pattern: '^(none|block|block-reverse|alternating|list:[0-9,:-]+)$', default: 'none',
      description: 'none, block, block-reverse, alternating or list:<cores of each worker>',
    },
    available_accelerators: {
      anyOf: [
        { type: 'integer', minimum: 0, maximum: ACCELERATORS_MAX },
        {
          type: 'array', maxItems: ACCELERATORS_MAX,
          items: { type: ['string', 'integer'], description: 'a name or a number' },
        },
      ],
      description: 'how many there are, or a list of their names', default: [],
    },
    prefetch_capacity: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 0 },
    heartbeat_period: { ...seconds, default: 30 },
    heartbeat_threshold: { ...seconds, default: 120 },
    drain_period: optionalSeconds,
    poll_period: { type: 'number', nullable: true, default: null },
    address_probe_timeout: optionalSeconds,
    restart_timeout: { ...seconds, maximum: 3600, default: 120 },
    encrypted: { type: 'boolean', default: true },
    job_status_kwargs: {
      type: 'object', required: [], default: {} as Keys['job_status_kwargs'],
      properties: {
        strategy: { ...text, enum: STRATEGIES, nullable: true },
        max_idletime: { ...seconds, nullable: true },
        strategy_period: { ...seconds, default: 5 },
      },
    },
    block_error_handler: { type: 'boolean', default: true },
    manager_selector: {
      anyOf: [
        { ...text, enum: ['random', 'block_id'] },
        {
          type: 'object', required: ['type'],
          properties: { type: { ...text, enum: ['RandomManagerSelector', 'BlockIdManagerSelector'] } },
        },
      ],
      description: 'random or block_id', default: 'random',
    },
    max_retries_on_system_failure: { type: 'integer', minimum: 0, maximum: 1000, default: 0 },
    run_in_sandbox: { type: 'boolean', default: false },
    working_dir: { ...text, nullable: true, default: null },
    worker_debug: { type: 'boolean', default: false },
    worker_logdir_root: { ...text, nullable: true, default: null },
    container_type: { ...text, nullable: true, default: null },
    container_uri: { ...text, minLength: 1, nullable: true, default: null },
    container_cmd_options: { ...text, nullable: true, default: null },
    tasks_max: { type: 'integer', minimum: 1, maximum: 100_000_000, default: 10_000_000 },
    payload_bytes_max: bytes,
    result_bytes_max: bytes,
    zero_worker: { type: 'boolean', default: false },
  },
};

// What may be null has null as its default, so nothing is missing any more.
export const parseKeys = parser<Written>('engine', schema) as (value: unknown) => Keys;

/** By its name, or as the field's earlier files have it. */
export type WrittenStrategy = StrategyName | { type: 'SimpleStrategy'; max_idletime?: number };

export const parseStrategy = parser<{ strategy: WrittenStrategy }>('engine', {
  type: 'object',
  required: ['strategy'],
  properties: {
    strategy: {
      anyOf: [
        { ...text, enum: STRATEGIES },
        {
          type: 'object', required: ['type'],
          properties: { type: { ...text, enum: ['SimpleStrategy'] }, max_idletime: { ...seconds, nullable: true } },
        },
      ],
      description: `one of ${STRATEGIES.join(', ')}`,
    },
  },
});
