// The site files of docs/sites: each is read with values in its places, and makes the script that its site's scheduler
// is to get. The scripts were looked at line by line; `SWITCHYARD_WRITE_FIXTURES=1` writes them anew, to be looked at.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { contained } from '../../../engine/containers.ts';
import { buildProvider } from '../../../providers/index.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { parseEndpointConfig, type EndpointConfig } from '../../../src/endpoint/config.ts';
import { FakeClock } from '../../fakes/clock.ts';

const FILES = new URL('../../../../docs/sites/', import.meta.url);
const FIXTURES = new URL('../../../../test/fixtures/sites/', import.meta.url);
/** What users and administrators may give; OPTIONS is what each site's scheduler reads. */
const VALUES: Readonly<Record<string, string | number>> = {
  ACCOUNT: 'abc123', ACCOUNT_NAME: 'abc-delta', ACCOUNT_ID: '314159265', FRONTERA_ACCOUNT: 'EAR22001',
  NERSC_ACCOUNT: 'm0000', POLARIS_ACCOUNT: 'Project', TACC_ALLOCATION: 'EAR22001', PARTITION: 'part', SECRET: '',
  COMMAND: 'module load python; source activate "my env"',
  OPTIONS: '#SBATCH --constraint=cpu\n#SBATCH --mail-type=NONE',
  CONTAINER_URI: '/project/images/python.sif', TOTAL_WORKERS: 4, WORKERS_PER_NODE: 2, GPUS_PER_WORKER: 2,
  GPU_MAP: '1,2,3,4', NAMESPACE: 'default', IMAGE: 'python:3.12-bookworm', PROJECT_NAME: 'MyProject',
  APPTAINER_IMAGE_PATH: 'osdf:///ospool/x.sif',
};
const RUN = '/home/user/.switchyard/endpoints/uep/runs/r';
const PREMISES = {
  folder: RUN, workingDirectory: '/home/user', node: '/opt/node/bin/node', packageDirectory: '/opt/switchyard/',
};

/** What a template engine makes of these files, which use no more than this of it. */
function render(template: string): string {
  return template.replace(/\{\{ (\w+)(?:\|default\(([^)]*)\))? \}\}/g, (_, name: string, fallback?: string) => {
    const value = VALUES[name];
    if (value !== undefined) return JSON.stringify(value);
    assert.notEqual(fallback, undefined, `${name} has a value`);
    return fallback?.replaceAll('"', '') ?? '';
  });
}

function read(name: string): EndpointConfig {
  return parseEndpointConfig(parseYaml(render(readFileSync(new URL(name, FILES), 'utf8')), name), 4);
}

function scriptOf({ engine }: EndpointConfig): string {
  const provider = buildProvider(engine.provider, { directory: RUN, clock: new FakeClock() });
  const folder = `${RUN}/blocks/0`;
  const command = contained(engine.container, `bash ${folder}/manager.sh`, PREMISES, `${RUN}/tasks`);
  const { submit = '', script = '' } = provider.preview?.({ name: `${engine.label}-0`, command, folder }) ?? {};
  return `# ${submit}\n${script}`;
}

/** Those that the house has no provider for. */
const UNBUILT = ['kube', 'ospool'];
const NAMES = readdirSync(FILES).map((file) => file.replace('.yaml.j2', '')).sort();

test('there is a file for each site of the field\'s documents, and one for each of its multi-user examples', () => {
  assert.deepEqual(NAMES, [
    'anvil', 'bebop', 'bridges-2', 'delta', 'expanse', 'expanse_mpi', 'faster', 'frontera', 'kube', 'midway',
    'midway_apptainer', 'ospool', 'perlmutter', 'polaris', 'polaris_multi_user', 'slurm_multi_user', 'stampede3',
    'uchicago_ai_cluster', 'worker_pinning',
  ]);
});

for (const name of NAMES.filter((one) => !UNBUILT.includes(one))) {
  test(`${name} makes the script that its site's scheduler is to get`, () => {
    const script = scriptOf(read(`${name}.yaml.j2`));
    const fixture = fileURLToPath(new URL(`${name}.sh`, FIXTURES));
    if (process.env['SWITCHYARD_WRITE_FIXTURES'] === '1') writeFileSync(fixture, script);
    assert.equal(script, readFileSync(fixture, 'utf8'));
  });
}

test('a file for a provider that is not there yet can be read, and who starts it is told what there is', () => {
  const there = 'there is LocalProvider, PBSProProvider, SlurmProvider, TorqueProvider';
  for (const [name, type] of [['kube', 'KubernetesProvider'], ['ospool', 'CondorProvider']] as const) {
    const config = read(`${name}.yaml.j2`);
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
  ospool: ({ engine, tasks }) => [engine.worker_logdir_root, tasks.working_dir],
  perlmutter: ({ engine }) => timeoutOf(engine.provider),
  polaris: ({ engine }) => [engine.max_workers_per_node, engine.provider.max_blocks],
  polaris_multi_user: ({ engine, notes, idle_heartbeats_soft, idle_heartbeats_hard }) =>
    [engine.max_idletime, idle_heartbeats_soft, idle_heartbeats_hard, notes],
  worker_pinning: ({ engine }) => engine.available_accelerators,
};

function timeoutOf(provider: EndpointConfig['engine']['provider']): unknown {
  return 'cmd_timeout' in provider ? provider.cmd_timeout : undefined;
}

test('what no script shows is kept as it is written', () => {
  const kept = Object.fromEntries(Object.entries(KEPT).map(([name, of]) => [name, of(read(`${name}.yaml.j2`))]));
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
    worker_pinning: ['0', '1', '2', '3'],
  });
});
