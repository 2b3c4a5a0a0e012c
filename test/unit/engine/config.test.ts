import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { parseEngineConfig } from '../../../engine/config.ts';

const read = (yaml: string): ReturnType<typeof parseEngineConfig> => parseEngineConfig(parseYaml(yaml, 'config.yaml'));

function problemOf(yaml: string): string {
  try {
    read(yaml);
  } catch (error) {
    assert.ok(error instanceof ComputeError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message;
  }
  return 'no error';
}

test('an empty configuration is complete, with the field\'s defaults', () => {
  assert.deepEqual(read(''), {
    type: 'GlobusComputeEngine', mpi: null, label: 'GlobusComputeEngine', address: null, loopback_address: '127.0.0.1',
    worker_port: null, worker_port_range: [54_000, 55_000], interchange_port_range: [55_000, 56_000],
    cores_per_worker: 1, mem_per_worker: null, max_workers_per_node: null, cpu_affinity: 'none',
    available_accelerators: [], prefetch_capacity: 0, heartbeat_period: 30, heartbeat_threshold: 120,
    drain_period: null, address_probe_timeout: null, restart_timeout: 120, encrypted: true,
    strategy: 'simple', max_idletime: 120, strategy_period: 5, block_error_handler: true,
    manager_selector: 'random', max_retries_on_system_failure: 0, run_in_sandbox: false, working_dir: null,
    worker_debug: false, worker_logdir_root: null, tasks_max: 10_000_000, payload_bytes_max: 268_435_456,
    result_bytes_max: 268_435_456, zero_worker: false, container: null, notes: [],
    provider: {
      type: 'LocalProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1, nodes_per_block: 1, parallelism: 1,
      worker_init: '', cmd_timeout: 30, launcher: { type: 'SingleNodeLauncher', debug: true, fail_on_any: false },
      channel: { type: 'LocalChannel' },
    },
  });
});

test('a file of the field loads as it is', () => {
  const config = read(`
    type: GlobusComputeEngine
    label: cpu
    max_workers_per_node: "2"
    worker_port_range: [50000, "50100"]
    available_accelerators: 4
    cpu_affinity: block-reverse
    mem_per_worker:
    address: {type: address_by_interface, ifname: eth0}
    strategy: {type: SimpleStrategy, max_idletime: 300}
    job_status_kwargs: {strategy_period: 1}
    manager_selector: {type: BlockIdManagerSelector}
    poll_period: 10
    provider:
      type: LocalProvider
      init_blocks: 0
      min_blocks: 0
      max_blocks: 3
      worker_init: |
        source ~/.bashrc
      launcher: {type: SimpleLauncher}`);
  const { provider, notes, address, strategy, max_idletime, strategy_period, available_accelerators } = config;
  assert.deepEqual([config.label, config.max_workers_per_node, config.worker_port_range], ['cpu', 2, [50_000, 50_100]]);
  assert.deepEqual([strategy, max_idletime, strategy_period], ['simple', 300, 1]);
  assert.deepEqual(address, { type: 'address_by_interface', ifname: 'eth0' });
  assert.deepEqual(available_accelerators, ['0', '1', '2', '3']);
  assert.equal(config.manager_selector, 'block_id');
  assert.equal(config.mem_per_worker, null);
  assert.deepEqual(notes, ['engine.poll_period has no effect: nothing here polls for tasks']);
  assert.equal(provider.worker_init, 'source ~/.bashrc\n');
  assert.deepEqual(provider.launcher, { type: 'SimpleLauncher', debug: true });
});

const accepted: readonly string[] = [
  'type: HighThroughputExecutor', 'strategy: none', 'strategy: null',
  'job_status_kwargs: {max_idletime: 5, strategy: htex_auto_scale}',
  'available_accelerators: [gpu0, 1]', 'address: login1.example.org', 'address: {type: address_by_hostname}',
  'address: {type: address_by_query, timeout: 30}', 'cpu_affinity: "list:0,1:2,3"', 'drain_period: 1:00:00',
  'provider: {init_blocks: 1, max_blocks: 0}', 'provider: {init_blocks: 5, max_blocks: 0}',
  'provider: {type: LocalProvider, launcher: null}',
  'provider: {parallelism: 0}', 'manager_selector: block_id',
];
test('a range of ports may be a text, as a template may give it', () => {
  for (const range of ['"54000,55000"', '54000-55000', '"(54000, 55000)"', '"[54000, 55000]"', '[54000, "55000"]']) {
    const config = read(`{worker_port_range: ${range}, interchange_port_range: "1, 2"}`);
    assert.deepEqual([config.worker_port_range, config.interchange_port_range], [[54_000, 55_000], [1, 2]], range);
  }
});
for (const yaml of accepted) test(`accepted: ${yaml}`, () => assert.equal(problemOf(yaml), 'no error'));

const refused: readonly (readonly [string, string])[] = [
  ['max_worker_per_node: 1', 'engine: unknown key max_worker_per_node; did you mean max_workers_per_node?'],
  ['max_workers_per_node: 0', 'engine.max_workers_per_node: must be >= 1, found 0'],
  ['max_workers_per_node: many', 'engine.max_workers_per_node: expected a whole number, found "many"'],
  ['encrypted: 1', 'engine.encrypted: expected true or false, found 1'],
  ['label: a b', 'engine.label: expected up to 64 letters, digits, ".", "_" or "-", found "a b"'],
  ['strategy: simpel', 'engine.strategy: "simpel" is not one of none, simple, htex_auto_scale; did you mean simple?'],
  ['strategy: 3', 'engine.strategy: expected one of none, simple, htex_auto_scale, found 3'],
  ['strategy: {type: SimpleStrategy, max_idle: 1}',
    'engine.strategy: unknown key max_idle; did you mean max_idletime?'],
  ['{strategy: none, job_status_kwargs: {strategy: simple}}',
    'engine.job_status_kwargs.strategy is simple, but engine.strategy is none'],
  ['{strategy: {type: SimpleStrategy, max_idletime: 1}, job_status_kwargs: {max_idletime: 2}}',
    'engine.job_status_kwargs.max_idletime is 2, but engine.strategy.max_idletime is 1'],
  ['job_status_kwargs: {strategy_perod: 1}',
    'engine.job_status_kwargs: unknown key strategy_perod; did you mean strategy_period?'],
  ['heartbeat_threshold: 30', 'engine.heartbeat_threshold (30 s) must be greater than heartbeat_period (30 s)'],
  ['worker_port_range: [2, 1]', 'engine.worker_port_range: the first port (2) is greater than the last (1)'],
  ['worker_port_range: [1]',
    'engine.worker_port_range: expected a list of the first and the last port, found a list of 1'],
  ['worker_port_range: "50000,"',
    'engine.worker_port_range: expected a list of the first and the last port, found "50000,"'],
  ['interchange_port_range: 51000-50000',
    'engine.interchange_port_range: the first port (51000) is greater than the last (50000)'],
  ['cpu_affinity: blok',
    'engine.cpu_affinity: expected none, block, block-reverse, alternating or list:<cores of each worker>, found'
      + ' "blok"'],
  ['container_type: docker', 'engine.container_uri: it is missing: the image that docker is to run'],
  ['type: HighThroughputEngine',
    'engine.type: HighThroughputEngine is gone from the field; GlobusComputeEngine takes its keys'],
  ['type: ThreadPoolEngine',
    'engine.type: ThreadPoolEngine is not there yet; there is GlobusComputeEngine, HighThroughputExecutor,'
      + ' GlobusMPIEngine, MPIExecutor'],
  ['type: GlobusComputEngine',
    'engine.type: "GlobusComputEngine" is not one of GlobusComputeEngine, HighThroughputExecutor, GlobusMPIEngine,'
      + ' MPIExecutor; did you mean GlobusComputeEngine?'],
  ['- 1', 'engine: expected a mapping with a type, found a list of 1'],
  ['provider: {type: LSFProvider}',
    'engine.provider.type: LSFProvider is not there yet; there is LocalProvider, PBSProProvider, SlurmProvider,'
      + ' TorqueProvider'],
  ['provider: {type: LocalProvder}',
    'engine.provider.type: "LocalProvder" is not one of LocalProvider, PBSProProvider, SlurmProvider,'
      + ' TorqueProvider; did you mean LocalProvider?'],
  ['provider: {max_block: 1}', 'engine.provider: unknown key max_block; did you mean max_blocks?'],
  ['provider: {min_blocks: 2}', 'engine.provider: min_blocks (2) is greater than max_blocks (1)'],
  ['provider: {init_blocks: 2}',
    'engine.provider: init_blocks (2) is greater than max_blocks (1); for a fixed number of blocks, set max_blocks'
      + ' to 0'],
  ['provider: {parallelism: 2}', 'engine.provider.parallelism: must be <= 1, found 2'],
  ['provider: {worker_init: 5}',
    'engine.provider.worker_init: expected text, found 5; put it in quotes to make it text'],
  ['provider: {launcher: {type: AprunLauncher}}',
    'engine.provider.launcher.type: AprunLauncher is not there yet; there is SingleNodeLauncher, SimpleLauncher,'
    + ' WrappedLauncher, SrunLauncher, MpiExecLauncher, MpiRunLauncher'],
  ['address: {type: address_by_interface}', 'engine.address: ifname is missing'],
  ['address: {type: address_by_hostnam}',
    'engine.address: expected a host name, an IP address, or a mapping with a type out of address_by_route,'
    + ' address_by_query, address_by_hostname, address_by_interface, get_all_addresses,'
    + ' get_any_address; did you mean address_by_hostname?'],
];
for (const [yaml, message] of refused) test(`refused: ${yaml}`, () => assert.equal(problemOf(yaml), message));
