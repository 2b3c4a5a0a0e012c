// The `engine` block of a configuration, in the field's keys, so that a site's file loads as it is. Times are in
// seconds, memory in GB (10^9 or 2^30 bytes makes no difference to what fits a node). The result is complete: nothing
// has a default any more. Nothing is built or looked up here, so a file can be checked on any machine.

import { invalid, isMapping, parser, suggest, tagged, withoutNulls } from '../src/common/schema.ts';
import { parseProvider, walltimeNotes, type ProviderConfig } from '../providers/index.ts';
import type { ScalerConfig } from './blocks/scaler.ts';
import { parseKeys, parseStrategy, type Keys } from './config-keys.ts';
import { mpiKeys, refuseMpiKeys, type MpiKeys } from './config-mpi.ts';
import { parseContainer, type Container, type ContainerKeys } from './containers.ts';

/** How this machine is to be called by the nodes. A type is resolved by the engine when it starts. */
export type Address =
  | string
  | { readonly type: 'address_by_interface'; readonly ifname: string }
  | { readonly type: Exclude<AddressType, 'address_by_interface'> };

const ADDRESS_TYPES = [
  'address_by_route', 'address_by_query', 'address_by_hostname', 'address_by_interface', 'get_all_addresses',
  'get_any_address',
] as const;
type AddressType = typeof ADDRESS_TYPES[number];

/** What `EngineConfig` says otherwise than the keys are written. */
type Rewritten =
  'available_accelerators' | 'job_status_kwargs' | 'manager_selector' | 'poll_period' | keyof ContainerKeys;

export interface EngineConfig extends Readonly<Omit<Keys, Rewritten>>, ScalerConfig {
  readonly type: typeof ENGINES[number];
  /** null unless it is an MPI engine: then each task takes whole nodes of a block. */
  readonly mpi: MpiKeys | null;
  /** null: every address this machine has is offered, and the nodes try them. */
  readonly address: Address | null;
  /** Names of what one worker each is given; as many workers as names at most. */
  readonly available_accelerators: readonly string[];
  readonly manager_selector: 'random' | 'block_id';
  readonly provider: ProviderConfig;
  /** In which managers run; null: on the nodes themselves. */
  readonly container: Container | null;
  /** What the author should be told: keys that were read and have no effect. */
  readonly notes: readonly string[];
}

const ENGINES = ['GlobusComputeEngine', 'HighThroughputExecutor', 'GlobusMPIEngine', 'MPIExecutor'] as const;
const MPI_ENGINES: ReadonlySet<string> = new Set(['GlobusMPIEngine', 'MPIExecutor']);
const PLANNED_ENGINES = ['ThreadPoolEngine', 'ProcessPoolEngine', 'WorkQueueExecutor', 'TaskVineExecutor'];
/** Keys of the field that would change what happens: not read, so not silently dropped. */
const PLANNED_KEYS = [
  'allowed_serializers', 'storage_access', 'launch_cmd', 'interchange_launch_cmd',
];

/** Throws CONFIG_INVALID with one line per problem. */
export function parseEngineConfig(value: unknown): EngineConfig {
  const given = withoutNulls(value ?? {});
  if (isMapping(given) && given['type'] === 'HighThroughputEngine') {
    throw invalid(['engine.type: HighThroughputEngine is gone from the field; GlobusComputeEngine takes its keys']);
  }
  const types = { known: ENGINES, fallback: 'GlobusComputeEngine', planned: PLANNED_ENGINES } as const;
  const { type, keys } = tagged('engine', given, types);
  const planned = PLANNED_KEYS.filter((key) => key in keys);
  if (planned.length > 0) throw invalid(planned.map((key) => `engine: ${key} is not there yet; remove it`));
  const mpi = MPI_ENGINES.has(type) ? mpiKeys(keys) : undefined;
  if (mpi === undefined) refuseMpiKeys(keys, type);

  const { provider = {}, address, strategy, ...own } = mpi?.rest ?? keys;
  const {
    available_accelerators, job_status_kwargs, manager_selector, poll_period, container_type, container_uri,
    container_cmd_options, ...plain
  } = parseKeys(withRanges(mpi === undefined ? own : { label: type, ...own }));
  checkNumbers(plain);
  if (plain.run_in_sandbox) throw invalid(['engine: run_in_sandbox is not there yet; remove it']);
  const builtOn = parseProvider(provider);
  return {
    type,
    mpi: mpi?.mpi ?? null,
    ...plain,
    ...scaling(strategy, job_status_kwargs),
    block_error_handler: plain.block_error_handler,
    address: address === undefined ? null : parseAddress(address),
    available_accelerators: namesOf(available_accelerators),
    manager_selector: selectorOf(manager_selector),
    provider: builtOn,
    container: parseContainer({ container_type, container_uri, container_cmd_options }, builtOn.type),
    notes: [
      ...notesOf(poll_period, plain.max_retries_on_system_failure), ...walltimeNotes(provider), ...mpi?.notes ?? [],
    ],
  };
}

const RANGE_TEXT = /^\s*[([]?\s*(\d{1,5})\s*[,-]\s*(\d{1,5})\s*[)\]]?\s*$/;

/** A range of ports as a text, such as a user's value, or as Python writes it; what is none is left for the check. */
function withRanges(keys: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => {
    const written = key.endsWith('_port_range') && typeof value === 'string' ? RANGE_TEXT.exec(value) : null;
    return [key, written === null ? value : [Number(written[1]), Number(written[2])]];
  }));
}

function notesOf(pollPeriod: number | null, systemRetries: number): string[] {
  return [
    ...(pollPeriod === null ? [] : ['engine.poll_period has no effect: nothing here polls for tasks']),
    ...(systemRetries === 0 ? [] : ['engine.max_retries_on_system_failure has no effect: what a lost manager or block '
      + 'held always runs elsewhere, uncharged']),
  ];
}

function checkNumbers({ heartbeat_period, heartbeat_threshold, worker_port_range, interchange_port_range }: Pick<
  Keys, 'heartbeat_period' | 'heartbeat_threshold' | 'worker_port_range' | 'interchange_port_range'>): void {
  const problems: string[] = [];
  if (heartbeat_threshold <= heartbeat_period) {
    problems.push(`engine.heartbeat_threshold (${heartbeat_threshold} s) must be greater than heartbeat_period`
      + ` (${heartbeat_period} s)`);
  }
  for (const [key, [first, last]] of Object.entries({ worker_port_range, interchange_port_range })) {
    if (first > last) problems.push(`engine.${key}: the first port (${first}) is greater than the last (${last})`);
  }
  if (problems.length > 0) throw invalid(problems);
}

/** The strategy may be said in three places; what is said twice must agree. */
function scaling(
  strategy: unknown, kwargs: Keys['job_status_kwargs'],
): Pick<ScalerConfig, 'strategy' | 'max_idletime' | 'strategy_period'> {
  const written = strategy === undefined ? undefined : parseStrategy({ strategy }).strategy;
  const [name, idle] = typeof written === 'object' ? ['simple' as const, written.max_idletime] : [written, undefined];
  return {
    strategy: agreed('strategy', name, 'strategy', kwargs.strategy) ?? 'simple',
    max_idletime: agreed('strategy.max_idletime', idle, 'max_idletime', kwargs.max_idletime) ?? 120,
    strategy_period: kwargs.strategy_period,
  };
}

function agreed<T>(key: string, value: T | undefined, otherKey: string, other: T | undefined): T | undefined {
  if (value === undefined || other === undefined || value === other) return value ?? other;
  throw invalid([`engine.job_status_kwargs.${otherKey} is ${String(other)}, but engine.${key} is ${String(value)}`]);
}

function selectorOf(selector: Keys['manager_selector']): EngineConfig['manager_selector'] {
  const name = typeof selector === 'string' ? selector : selector.type;
  return name === 'random' || name === 'RandomManagerSelector' ? 'random' : 'block_id';
}

function namesOf(accelerators: Keys['available_accelerators']): string[] {
  if (typeof accelerators !== 'number') return accelerators.map(String);
  return Array.from({ length: accelerators }, (_, n) => String(n));
}

const parseInterface = parser<{ ifname: string }>('engine.address', {
  type: 'object', required: ['ifname'], properties: { ifname: { type: 'string', minLength: 1 } },
});
const parseOther = parser<{ timeout?: number }>('engine.address', {
  type: 'object', required: [], properties: { timeout: { type: 'number', nullable: true } },
});

function parseAddress(value: unknown): Address {
  if (typeof value === 'string') return value;
  const tag = isMapping(value) ? value['type'] : undefined;
  const type = ADDRESS_TYPES.find((known) => known === tag);
  if (!isMapping(value) || type === undefined) {
    const near = typeof tag === 'string' ? suggest(tag, ADDRESS_TYPES) : '';
    throw invalid(['engine.address: expected a host name, an IP address, or a mapping with a type out of'
      + ` ${ADDRESS_TYPES.join(', ')}${near}`]);
  }
  const { type: _, ...keys } = value;
  if (type === 'address_by_interface') return { type, ...parseInterface(keys) };
  parseOther(keys);
  return { type };
}
