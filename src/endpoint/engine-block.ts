// The `engine` block of an endpoint's config.yaml: the field's engine types and keys. What is the engine's own goes to
// the engine's parser; what says how this endpoint's tasks are run, and older spellings, are read here.

import { resolve } from 'node:path';
import { parseEngineConfig, type EngineConfig } from '../../engine/config.ts';
import { invalid, isMapping, parser, suggest, withoutNulls } from '../common/schema.ts';

export interface EngineBlock {
  readonly engine: EngineConfig;
  /** The type as it is written: a pool of threads or processes is one of workers on this machine. */
  readonly type: string;
  readonly isPool: boolean;
  readonly tasks: TaskKeys;
  /** One line for each key that is read in another way than it is written. */
  readonly notes: readonly string[];
}

/** How tasks are run. */
export interface TaskKeys {
  /** What may be deserialised; empty: everything. */
  readonly allowed_serializers: readonly string[];
  /** Relative to the endpoint's directory, if it is not absolute. */
  readonly working_dir: string;
  readonly run_in_sandbox: boolean;
  /** How many more times a Python task is tried whose worker was lost. */
  readonly max_retries_on_system_failure: number;
}

type Mapping = Readonly<Record<string, unknown>>;

const POOLS = ['ThreadPoolEngine', 'ProcessPoolEngine'] as const;
type Pool = typeof POOLS[number];
const ENGINES = ['GlobusComputeEngine', 'GlobusMPIEngine', ...POOLS];
const WORKING_DIR = 'tasks_working_dir';
const LABEL_CHARS_MAX = 64;

const parseTaskKeys = parser<{
  allowed_serializers: string[]; working_dir: string; run_in_sandbox: boolean; max_retries_on_system_failure: number;
}>('engine', {
  type: 'object', required: [],
  properties: {
    allowed_serializers: { type: 'array', items: { type: 'string' }, maxItems: 64, default: [] },
    working_dir: { type: 'string', minLength: 1, default: WORKING_DIR },
    run_in_sandbox: { type: 'boolean', default: false },
    max_retries_on_system_failure: { type: 'integer', minimum: 0, maximum: 1000, default: 0 },
  },
});

/** Where they run, of an endpoint with this directory. */
export function tasksDirectory({ working_dir: written }: TaskKeys, directory: string): string {
  return resolve(directory, written);
}

/** Throws CONFIG_INVALID with one line per problem. Nothing is built or looked up: a file can be checked anywhere. */
export function parseEngineBlock(value: unknown, cores: number): EngineBlock {
  const given = withoutNulls(value);
  if (!isMapping(given)) throw invalid(['engine: expected a mapping with a type']);
  const { type = 'GlobusComputeEngine' } = given;
  const pool = POOLS.find((one) => one === type);
  if (pool !== undefined) return poolOf(pool, given, cores);
  if (type === 'HighThroughputEngine') {
    throw invalid(['engine.type: HighThroughputEngine is gone from the field; GlobusComputeEngine takes its keys']);
  }
  if (typeof type !== 'string' || !ENGINES.includes(type)) {
    const near = typeof type === 'string' ? suggest(type, ENGINES) : '';
    throw invalid([`engine.type: '${String(type)}' is not a valid engine. Valid options are: `
      + `${ENGINES.join(', ')}${near}`]);
  }
  const { allowed_serializers, working_dir, run_in_sandbox, max_retries_on_system_failure, ...keys } = given;
  const tasks = taskKeysOf({ allowed_serializers, working_dir, run_in_sandbox, max_retries_on_system_failure });
  const { keys: own, notes } = withPresentSpellings(keys);
  const engine = parseEngineConfig(own);
  return { engine, type, isPool: false, tasks, notes: [...notes, ...engine.notes] };
}

function taskKeysOf(keys: Mapping): TaskKeys {
  const tasks = parseTaskKeys(withoutNulls(keys));
  const { allowed_serializers: allowed } = tasks;
  const unknown = allowed.filter((path) => kindOfSerializer(path) === undefined);
  if (unknown.length > 0) {
    throw invalid(unknown.map((path) => `engine.allowed_serializers: ${path} is no serializer of globus_compute_sdk`));
  }
  const kinds = new Set(allowed.map(kindOfSerializer));
  if (allowed.length > 0 && kinds.size < 2) {
    throw invalid(['engine.allowed_serializers: Deserialization allowlists must contain at least one code and one data '
      + `deserializer/wildcard (got: [${allowed.join(', ')}])`]);
  }
  return tasks;
}

const CODE = new Set([
  'DillCode', 'PickleCode', 'DillCodeTextInspect', 'DillCodeSource', 'PureSourceTextInspect', 'PureSourceDill',
  'CombinedCode', 'AllCodeStrategies', '*Code',
]);
const DATA = new Set(['DillDataBase64', 'JSONData', 'AllDataStrategies', '*Data']);

function kindOfSerializer(path: string): 'code' | 'data' | undefined {
  const name = path.slice(path.lastIndexOf('.') + 1);
  if (!path.startsWith('globus_compute_sdk.')) return undefined;
  if (CODE.has(name)) return 'code';
  return DATA.has(name) ? 'data' : undefined;
}

/** What earlier versions of the field wrote otherwise. */
function withPresentSpellings(keys: Mapping): { readonly keys: Mapping; readonly notes: string[] } {
  const notes: string[] = [];
  const { label, strategy } = keys;
  const changed: Record<string, unknown> = { ...keys };
  if (typeof label === 'string' && /[^\w.-]/.test(label)) {
    // It is part of the names of jobs and folders.
    changed['label'] = label.replaceAll(/[^\w.-]/g, '-').slice(0, LABEL_CHARS_MAX);
    notes.push(`engine.label: ${JSON.stringify(label)} is read as ${String(changed['label'])}, as it names jobs and `
      + 'folders');
  }
  if (isMapping(strategy)) {
    notes.push('engine.strategy: a mapping is the older spelling; write strategy: simple, and its max_idletime under '
      + 'job_status_kwargs');
  }
  return { keys: changed, notes };
}

const parsePool = parser<{
  label: string; max_workers?: number; thread_name_prefix?: string; max_tasks_per_child?: number;
}>('engine', {
  type: 'object', required: [],
  properties: {
    label: { type: 'string', default: '' },
    max_workers: { type: 'integer', minimum: 1, maximum: 10_000, nullable: true },
    thread_name_prefix: { type: 'string', nullable: true },
    max_tasks_per_child: { type: 'integer', minimum: 1, nullable: true },
  },
});

/** Workers on this machine that are there as long as the endpoint is. */
function poolOf(pool: Pool, given: Mapping, cores: number): EngineBlock {
  const { type: _, allowed_serializers, ...own } = given;
  const { label, max_workers: asked, thread_name_prefix: prefix, max_tasks_per_child: perChild } = parsePool(own);
  const workers = asked ?? (pool === 'ThreadPoolEngine' ? Math.min(32, cores + 4) : cores);
  const { keys, notes } = withPresentSpellings({ label: label === '' ? pool : label });
  const engine = parseEngineConfig({
    ...keys, type: 'GlobusComputeEngine', max_workers_per_node: workers,
    // Threads of a pool do not own cores: there are as many as were asked for.
    cores_per_worker: Math.min(1, cores / workers / 2), strategy: 'none', address: '127.0.0.1',
    provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 1, max_blocks: 1 },
  });
  return {
    engine, type: pool, isPool: true, tasks: taskKeysOf({ allowed_serializers }),
    notes: [
      ...notes,
      ...prefix === undefined ? [] : ['engine.thread_name_prefix has no effect: workers are named by their slots'],
      ...perChild === undefined ? [] : ['engine.max_tasks_per_child has no effect: workers are kept'],
    ],
  };
}
