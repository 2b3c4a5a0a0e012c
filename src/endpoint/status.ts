// What an endpoint says of itself in each report, in the field's keys. Pure.

import type { JsonObject } from '../common/json.ts';
import type { EngineStatus } from '../../engine/engine.ts';
import type { EndpointConfig } from './config.ts';

/** What does not change while it runs. */
export interface StartInfo {
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly pid: number;
  readonly ppid: number;
  readonly startedAtMs: number;
  /** Of this machine, for pools. */
  readonly cores: number;
  readonly memoryGiB: number;
  readonly version: string;
  /** What a manager says of whom it was started for: the identities that were looked at, and which it is. */
  readonly origin: JsonObject;
}

export interface Counts {
  /** Tasks that the engine has. */
  readonly open: number;
  readonly received: number;
  /** An earlier process may have run them. */
  readonly rerun: number;
  /** Results that the broker does not have yet. */
  readonly unconfirmed: number;
}

export function reportOf(
  config: EndpointConfig, info: StartInfo, status: EngineStatus, counts: Counts, nowMs: number,
): JsonObject {
  return {
    ...config.isPool ? poolOf(config, info, status, counts) : engineOf(config, status, counts, nowMs),
    posix_ppid: info.ppid, posix_username: info.username, posix_uid: info.uid, posix_gid: info.gid,
    posix_groups: info.groups, posix_pid: info.pid, hostname: info.hostname,
    start_iso: new Date(info.startedAtMs).toISOString(), start_unix: Math.floor(info.startedAtMs / 1000),
    endpoint_version: info.version, node_version: process.versions.node,
    ...info.origin,
    tasks_run_again: counts.rerun, results_unconfirmed: counts.unconfirmed,
    heartbeat_period: config.heartbeat_period, active: true,
  };
}

function engineOf(config: EndpointConfig, status: EngineStatus, counts: Counts, nowMs: number): JsonObject {
  const { engine, type } = config;
  const { provider } = engine;
  return {
    managers: status.managers.length,
    active_managers: status.managers.filter(({ draining }) => !draining).length,
    total_workers: status.workers,
    idle_workers: idleWorkers(status),
    pending_tasks: status.waiting,
    outstanding_tasks: counts.open,
    total_tasks: counts.received,
    scaling_enabled: provider.max_blocks > 0,
    mem_per_worker: engine.mem_per_worker, cores_per_worker: engine.cores_per_worker,
    prefetch_capacity: engine.prefetch_capacity,
    max_blocks: provider.max_blocks, min_blocks: provider.min_blocks,
    max_workers_per_node: engine.max_workers_per_node, nodes_per_block: provider.nodes_per_block,
    node_info: nodesOf(status, nowMs),
    engine_type: type, provider_type: provider.type,
    queue: wordOf(provider, 'queue') ?? wordOf(provider, 'partition') ?? null,
    account: wordOf(provider, 'account') ?? null,
  };
}

function poolOf(
  { engine, type }: EndpointConfig, { cores, memoryGiB }: StartInfo, status: EngineStatus, counts: Counts,
): JsonObject {
  return {
    total_cores: cores, total_mem: memoryGiB, total_core_hrs: 0,
    total_workers: engine.max_workers_per_node, idle_workers: idleWorkers(status),
    pending_tasks: status.waiting, outstanding_tasks: counts.open, total_tasks: counts.received,
    scaling_enabled: false, max_blocks: 1, min_blocks: 1, max_workers_per_node: engine.max_workers_per_node,
    nodes_per_block: 1, engine_type: type,
  };
}

function idleWorkers({ workers, held }: EngineStatus): number {
  return Math.max(0, workers - held);
}

/** By the scheduler's id of the job. */
function nodesOf(status: EngineStatus, nowMs: number): JsonObject {
  const blocks = status.blocks.filter(({ job, managers }) => job !== undefined && managers > 0);
  return Object.fromEntries(blocks.map(({ job, block }) => [job, status.managers
    .filter((manager) => manager.block === block).map(({ slots, idleSinceMs, node }) => ({
      worker_count: slots, node,
      idle_duration: idleSinceMs === undefined ? 0 : Math.max(0, Math.round((nowMs - idleSinceMs) / 1000)),
    }))]));
}

function wordOf(provider: object, key: string): string | undefined {
  const value: unknown = Reflect.get(provider, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
