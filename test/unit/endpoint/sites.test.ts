// Configurations of the kinds that sites have written for the field's agent. Each loads, and means the same; what this
// engine has no code for says so.

import assert from 'node:assert/strict';
import test from 'node:test';
import { parseYaml } from '../../../src/common/yaml.ts';
import { parseEndpointConfig, type EndpointConfig } from '../../../src/endpoint/config.ts';

function read(text: string): EndpointConfig {
  return parseEndpointConfig(parseYaml(text, 'config.yaml'), 4);
}

const slurm = (nic: string, keys: string, launcher = 'SrunLauncher'): string => `
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 2
  address:
    type: address_by_interface
    ifname: ${nic}
  provider:
    type: SlurmProvider
    launcher:
      type: ${launcher}
    scheduler_options: "#SBATCH --constraint=cpu"
    worker_init: "module load python; source activate compute"
    init_blocks: 0
    min_blocks: 0
    max_blocks: 1
${keys.split('\n').map((line) => `    ${line}`).join('\n')}
`;

interface Site {
  readonly text: string;
  readonly provider: string;
  readonly launcher: string;
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly notes?: number;
}

const SITES: Readonly<Record<string, Site>> = {
  'a port that firewalls let through, a short walltime': {
    text: `amqp_port: 443\n${slurm('ib0', 'partition: debug\naccount: abc\nwalltime: 00:05:00\ncmd_timeout: 120')}`,
    provider: 'SlurmProvider', launcher: 'SrunLauncher', keys: { partition: 'debug', walltimeS: 300 },
  },
  'an interface with a VLAN': {
    text: slurm('eth6.560', 'partition: cpu\naccount: x\nwalltime: 00:30:00'), provider: 'SlurmProvider',
    launcher: 'SrunLauncher',
  },
  'two nodes a block, memory of a node': {
    text: slurm('eno8303', 'mem_per_node: 128\ncmd_timeout: 120\nnodes_per_block: 2'), provider: 'SlurmProvider',
    launcher: 'SrunLauncher', keys: { nodes_per_block: 2, mem_per_node: 128 },
  },
  'srun with an option of its own': {
    text: slurm('hsn0', 'account: m1').replace('type: SrunLauncher', 'type: SrunLauncher\n      overrides: -c 128'),
    provider: 'SlurmProvider', launcher: 'SrunLauncher',
  },
  'a strategy as a mapping': {
    text: slurm('eno1', 'account: a').replace('  provider:', '  strategy:\n    type: SimpleStrategy\n    '
      + 'max_idletime: 90\n  provider:'),
    provider: 'SlurmProvider', launcher: 'SrunLauncher', notes: 1,
  },
  'a label that names a person': {
    text: slurm('bond0', 'partition: caslake').replace('  provider:', '  label: Cluster@Some.University\n  provider:'),
    provider: 'SlurmProvider', launcher: 'SrunLauncher', notes: 1,
  },
  'shell text in folded lines': {
    text: slurm('bond0', 'partition: gpu').replace('type: SrunLauncher', `type: SrunLauncher
      overrides: >-
        hostname; srun --ntasks=4
        --gpus-per-task=1 -l`),
    provider: 'SlurmProvider', launcher: 'SrunLauncher',
  },
  'MPI under Slurm': {
    text: `
engine:
  type: GlobusMPIEngine
  mpi_launcher: srun
  address: {type: address_by_interface, ifname: ib0}
  provider:
    type: SlurmProvider
    launcher: {type: SimpleLauncher}
    nodes_per_block: 4
    walltime: 00:05:00
`,
    provider: 'SlurmProvider', launcher: 'SimpleLauncher', keys: { nodes_per_block: 4 },
  },
  'PBS with cores bound by mpiexec': {
    text: `
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 4
  available_accelerators: 4
  provider:
    type: PBSProProvider
    launcher: {type: MpiExecLauncher, bind_cmd: --cpu-bind, overrides: --depth=64 --ppn 1}
    account: project
    queue: debug
    select_options: ngpus=4
    scheduler_options: "#PBS -l filesystems=home:eagle"
    cpus_per_node: 32
    walltime: 1:00:00
    nodes_per_block: 1
`,
    provider: 'PBSProProvider', launcher: 'MpiExecLauncher', keys: { cpus_per_node: 32, walltimeS: 3600 }, notes: 1,
  },
  'accelerators of this machine': {
    text: 'engine: {type: GlobusComputeEngine, available_accelerators: 4, provider: {type: LocalProvider, '
      + 'init_blocks: 1, min_blocks: 0, max_blocks: 1}}',
    provider: 'LocalProvider', launcher: 'SingleNodeLauncher',
  },
};

for (const [name, { text, provider, launcher, keys = {}, notes = 0 }] of Object.entries(SITES)) {
  test(`loads: ${name}`, () => {
    const config = read(text);
    assert.equal(config.engine.provider.type, provider);
    assert.equal(config.engine.provider.launcher.type, launcher);
    for (const [key, value] of Object.entries(keys)) {
      assert.deepEqual(Reflect.get(config.engine.provider, key), value, key);
    }
    assert.equal(config.notes.length, notes, config.notes.join('\n'));
  });
}

test('what there is no code for is refused by its name, and not guessed at', () => {
  const cases: [string, RegExp][] = [
    ['engine: {type: GlobusComputeEngine, provider: {type: LSFProvider}}',
      /LSFProvider is not there yet; there is LocalProvider, PBSProProvider, SlurmProvider, TorqueProvider$/],
    ['engine: {type: GlobusComputeEngine, provider: {type: KubernetesProvider}}', /image is missing/],
    ['engine: {type: GlobusComputeEngine, provider: {type: CondorProvider, imag: x}}', /unknown key imag/],
    ['engine: {type: GlobusComputeEngine, storage_access: []}', /storage_access is not there yet/],
  ];
  for (const [text, expected] of cases) assert.throws(() => read(text), expected);
});
