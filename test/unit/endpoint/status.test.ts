import assert from 'node:assert/strict';
import test from 'node:test';
import type { BlockId, ManagerId } from '../../../src/common/protocol.ts';
import type { EngineStatus } from '../../../engine/engine.ts';
import { parseEndpointConfig } from '../../../src/endpoint/config.ts';
import { reportOf, type StartInfo } from '../../../src/endpoint/status.ts';

const info: StartInfo = {
  hostname: 'login1', username: 'alice', uid: 1000, gid: 100, groups: [100, 200], pid: 7, ppid: 1,
  startedAtMs: 1_795_224_080_000, version: '1.0', cores: 8, memoryGiB: 15.5, origin: {},
};
const counts = { open: 5, received: 12, rerun: 1, unconfirmed: 2 };
// Made as the engine makes them.
const [block, manager] = ['0' as BlockId, '0.node1.x' as ManagerId];
const status: EngineStatus = {
  waiting: 3, held: 2, workers: 4, settled: 6, interchange: { pid: 8 }, folder: '/run',
  managers: [
    { manager, block, node: 'node1', pid: 9, slots: 4, held: 2, draining: false },
    { manager, block, node: 'node2', pid: 9, slots: 4, held: 0, draining: true, idleSinceMs: 1_795_224_090_000 },
  ],
  blocks: [{ block, job: '1234', state: 'running', nodes: 2, managers: 2, submittedAtMs: 0 }],
};

test('a report of an engine has the field\'s keys', () => {
  const config = parseEndpointConfig({
    engine: { type: 'GlobusComputeEngine', max_workers_per_node: 4, provider: {
      type: 'SlurmProvider', partition: 'debug', account: 'abc', nodes_per_block: 2, max_blocks: 3,
    } },
  }, 4);
  assert.deepEqual(reportOf(config, info, status, counts, 1_795_224_100_000), {
    managers: 2, active_managers: 1, total_workers: 4, idle_workers: 2, pending_tasks: 3, outstanding_tasks: 5,
    total_tasks: 12, scaling_enabled: true, mem_per_worker: null, cores_per_worker: 1, prefetch_capacity: 0,
    max_blocks: 3, min_blocks: 0, max_workers_per_node: 4, nodes_per_block: 2,
    node_info: { 1234: [
      { worker_count: 4, node: 'node1', idle_duration: 0 }, { worker_count: 4, node: 'node2', idle_duration: 10 },
    ] },
    engine_type: 'GlobusComputeEngine', provider_type: 'SlurmProvider', queue: 'debug', account: 'abc',
    posix_ppid: 1, posix_username: 'alice', posix_uid: 1000, posix_gid: 100, posix_groups: [100, 200], posix_pid: 7,
    hostname: 'login1', start_iso: '2026-11-21T01:21:20.000Z', start_unix: 1_795_224_080, endpoint_version: '1.0',
    node_version: process.versions.node, tasks_run_again: 1, results_unconfirmed: 2, heartbeat_period: 30, active: true,
  });
});

test('a report of a pool has those of pools', () => {
  const config = parseEndpointConfig({ engine: { type: 'ProcessPoolEngine', max_workers: 4 } }, 4);
  const report = reportOf(config, info, status, counts, 0);
  assert.equal(report['engine_type'], 'ProcessPoolEngine');
  const { total_workers, total_cores, total_mem, max_blocks, scaling_enabled, managers } = report;
  assert.deepEqual([total_workers, total_cores, total_mem, max_blocks, scaling_enabled, managers],
    [4, 8, 15.5, 1, false, undefined]);
});
