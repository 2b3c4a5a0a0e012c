// The site files of docs/sites: each is read with values in its places, and makes the script that its site's scheduler
// is to get. The scripts were looked at line by line; `SWITCHYARD_WRITE_FIXTURES=1` writes them anew, to be looked at.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { EndpointConfig } from '../../../src/endpoint/config.ts';
import { tasksDirectory } from '../../../src/endpoint/engine-block.ts';
import { readSite, scriptOf, SITES } from '../../site-files.ts';

const FIXTURES = new URL('../../../../test/fixtures/sites/', import.meta.url);

/** Those that the house has no provider for. */
const UNBUILT = ['kube', 'ospool'];

test('there is a file for each site of the field\'s documents, and one for each of its multi-user examples', () => {
  assert.deepEqual(SITES, [
    'anvil', 'bebop', 'bridges-2', 'delta', 'expanse', 'expanse_mpi', 'faster', 'frontera', 'kube', 'midway',
    'midway_apptainer', 'ospool', 'perlmutter', 'polaris', 'polaris_multi_user', 'slurm_multi_user', 'stampede3',
    'uchicago_ai_cluster', 'worker_pinning',
  ]);
});

for (const name of SITES.filter((one) => !UNBUILT.includes(one))) {
  test(`${name} makes the script that its site's scheduler is to get`, () => {
    const script = scriptOf(readSite(name));
    const fixture = fileURLToPath(new URL(`${name}.sh`, FIXTURES));
    if (process.env['SWITCHYARD_WRITE_FIXTURES'] === '1') writeFileSync(fixture, script);
    assert.equal(script, readFileSync(fixture, 'utf8'));
  });
}

test('a file for a provider that is not there yet can be read, and who starts it is told what there is', () => {
  const there = 'there is LocalProvider, PBSProProvider, SlurmProvider, TorqueProvider';
  for (const [name, type] of [['kube', 'KubernetesProvider'], ['ospool', 'CondorProvider']] as const) {
    const config = readSite(name);
    assert.deepEqual([config.engine.provider.type, config.engine.encrypted], [type, false]);
    assert.throws(() => scriptOf(config), { message: `engine.provider.type: ${type} is not there yet; ${there}` });
  }
});

/** The keys that no script shows. */
const KEPT: Readonly<Record<string, (config: EndpointConfig) => unknown>> = {
  anvil: ({ amqp_port, engine }) => [amqp_port, engine.address, engine.max_workers_per_node],
  delta: ({ amqp_port, engine }) => [amqp_port, engine.address, engine.provider.init_blocks],
  faster: ({ engine: { strategy, max_idletime, provider } }) => [strategy, max_idletime, timeoutOf(provider)],
  frontera: ({ engine }) => [timeoutOf(engine.provider), engine.provider.nodes_per_block],
  expanse_mpi: ({ engine }) => [engine.type, engine.mpi],
  kube: ({ heartbeat_period, heartbeat_threshold, engine: { address, provider } }) =>
    [heartbeat_period, heartbeat_threshold, address, provider.max_blocks],
  midway: ({ engine, notes }) => [engine.label, notes.length],
  ospool: ({ engine, tasks }) => [engine.worker_logdir_root, tasksDirectory(tasks, '/e')],
  perlmutter: ({ engine }) => timeoutOf(engine.provider),
  polaris: ({ engine }) => [engine.max_workers_per_node, engine.provider.max_blocks],
  polaris_multi_user: ({ engine, notes, idle_heartbeats_soft, idle_heartbeats_hard }) =>
    [engine.max_idletime, idle_heartbeats_soft, idle_heartbeats_hard, notes],
  stampede3: ({ tasks }) => tasksDirectory(tasks, '/e'),
  worker_pinning: ({ engine }) => engine.available_accelerators,
};

function timeoutOf(provider: EndpointConfig['engine']['provider']): unknown {
  return 'cmd_timeout' in provider ? provider.cmd_timeout : undefined;
}

test('what no script shows is kept as it is written', () => {
  const kept = Object.fromEntries(Object.entries(KEPT).map(([name, of]) => [name, of(readSite(name))]));
  const onInterface = (ifname: string): object => ({ type: 'address_by_interface', ifname });
  assert.deepEqual(kept, {
    anvil: [443, onInterface('ib0'), 2],
    delta: [443, onInterface('eth6.560'), 1],
    faster: ['simple', 90, 120],
    frontera: [60, 2],
    expanse_mpi: ['GlobusMPIEngine', { mpi_launcher: 'srun', max_workers_per_block: 1 }],
    kube: [15, 200, { type: 'address_by_route' }, 2],
    midway: ['Midway-RCC.UChicago', 1],
    ospool: ['/tmp/logs', '/tmp/tasks_dir'],
    perlmutter: 120,
    polaris: [4, 2],
    polaris_multi_user: [30, 10, 5760, [
      'engine.strategy: a mapping is the older spelling; write strategy: simple, and its max_idletime under '
        + 'job_status_kwargs',
      'engine.provider.walltime: the number 3600 is read as seconds, 01:00:00; in quotes it says what it means',
    ]],
    stampede3: '/e/tasks_working_dir',
    worker_pinning: ['0', '1', '2', '3'],
  });
});
