// config.yaml of endpoints: each key, and the shapes of configurations that sites use.

import assert from 'node:assert/strict';
import test from 'node:test';
import { parseYaml } from '../../../src/common/yaml.ts';
import { parseEndpointConfig, type EndpointConfig } from '../../../src/endpoint/config.ts';

const CORES = 4;

function read(text: string): EndpointConfig {
  return parseEndpointConfig(parseYaml(text, 'config.yaml'), CORES);
}

function problems(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    assert.equal(Reflect.get(error as Error, 'code'), 'CONFIG_INVALID');
    return (error as Error).message.split('\n');
  }
  return assert.fail('it was read');
}

const ENGINE = 'engine: {type: GlobusComputeEngine}\n';

test('an engine is all that it takes', () => {
  const config = read(ENGINE);
  assert.equal(config.type, 'GlobusComputeEngine');
  assert.deepEqual(config.tasks, {
    allowed_serializers: [], working_dir: 'tasks_working_dir', run_in_sandbox: false, max_retries_on_system_failure: 0,
  });
  const { heartbeat_period, heartbeat_threshold, idle_heartbeats_soft, idle_heartbeats_hard, detach_endpoint } = config;
  assert.deepEqual(
    { heartbeat_period, heartbeat_threshold, idle_heartbeats_soft, idle_heartbeats_hard, detach_endpoint },
    { heartbeat_period: 30, heartbeat_threshold: 120, idle_heartbeats_soft: 0, idle_heartbeats_hard: 5760,
      detach_endpoint: true },
  );
  assert.deepEqual([config.allowed_functions, config.display_name, config.notes], [null, null, []]);
});

test('every key of one user\'s endpoint is read', () => {
  const config = read(`${ENGINE}
display_name: My cluster
allowed_functions: [3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10]
authentication_policy: 3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f11
subscription_id: 3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f12
admins: [3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f13]
amqp_port: "443"
heartbeat_period: 60
heartbeat_threshold: 90
idle_heartbeats_soft: 10
idle_heartbeats_hard: 20
high_assurance: yes
environment: dev
local_compute_services: "no"
debug: "on"
endpoint_setup: echo hello
endpoint_teardown: echo bye
log_dir:
stdout: ./out.log
stderr: ./err.log
detach_endpoint: off
multi_user: false
`);
  assert.equal(config.amqp_port, 443);
  assert.equal(config.heartbeat_threshold, 120, 'at least twice the period');
  assert.deepEqual([config.high_assurance, config.local_compute_services, config.debug, config.detach_endpoint],
    [true, false, true, false]);
  assert.deepEqual(config.allowed_functions, ['3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10']);
  assert.deepEqual(config.notes, []);
});

test('None is no name, and an empty list of functions allows none', () => {
  const config = read(`${ENGINE}display_name: None\nallowed_functions: []`);
  assert.deepEqual([config.display_name, config.allowed_functions], [null, []]);
});

test('a heartbeat that is too short is raised, with one line', () => {
  const config = read(`${ENGINE}heartbeat_period: 2`);
  assert.equal(config.heartbeat_period, 5);
  assert.deepEqual(config.notes, ['Heartbeat minimum is 5.0s (requested: 2)']);
});

test('what is wrong is said all at once, with what was meant', () => {
  assert.deepEqual(problems(`
engine:
  type: GlobusComputeEngine
  max_worker_per_node: 2
hartbeat_period: 30
allowed_functions: [one]
`), [
    'config.yaml: unknown key hartbeat_period; did you mean heartbeat_period?',
    'config.yaml.allowed_functions[0]: expected a UUID, found "one"',
    'engine: unknown key max_worker_per_node; did you mean max_workers_per_node?',
  ]);
  assert.match(problems('display_name: x').join(), /engine: it is missing/);
  assert.match(problems(`${ENGINE}multi_user: true`).join(), /a manager's/);
  assert.match(problems(`${ENGINE}user_config_template_path: /x`).join(), /only a manager has this key/);
  assert.match(problems('[1, 2]').join(), /expected a mapping/);
  assert.match(problems('engine: fast').join(), /engine: expected a mapping/);
  assert.match(problems(`${ENGINE}amqp_port: 70000`).join(), /amqp_port/);
  assert.match(problems('engine: {type: GlobusComputeEngine, encrypted: false}\nhigh_assurance: true').join(),
    /not High Assurance compliant/);
});

test('an engine that there is not says which there are', () => {
  assert.deepEqual(problems('engine: {type: GlobusComputeEngin}'), [
    "engine.type: 'GlobusComputeEngin' is not a valid engine. Valid options are: GlobusComputeEngine, GlobusMPIEngine, "
    + 'ThreadPoolEngine, ProcessPoolEngine; did you mean GlobusComputeEngine?',
  ]);
  assert.match(problems('engine: {type: HighThroughputEngine}').join(), /GlobusComputeEngine takes its keys/);
});

test('pools are workers on this machine', () => {
  const threads = read('engine: {type: ThreadPoolEngine, max_workers: 6}');
  assert.deepEqual([threads.isPool, threads.type, threads.engine.max_workers_per_node], [true, 'ThreadPoolEngine', 6]);
  assert.ok(threads.engine.cores_per_worker * 6 <= CORES, 'there is room for them all');
  assert.deepEqual(threads.engine.provider.type, 'LocalProvider');
  assert.equal(read('engine: {type: ThreadPoolEngine}').engine.max_workers_per_node, CORES + 4);
  assert.equal(read('engine: {type: ProcessPoolEngine}').engine.max_workers_per_node, CORES);
  assert.match(read('engine: {type: ProcessPoolEngine, max_tasks_per_child: 3}').notes.join(), /has no effect/);
  for (const key of ['working_dir: /tmp', 'max_retries_on_system_failure: 2', 'max_workers_per_node: 2']) {
    assert.match(problems(`engine: {type: ThreadPoolEngine, ${key}}`).join(), /unknown key/);
  }
});

test('serializers that are allowed are known, and of both kinds', () => {
  const both = '[globus_compute_sdk.*Code, globus_compute_sdk.serialize.concretes.JSONData]';
  assert.deepEqual(read(`engine: {type: GlobusComputeEngine, allowed_serializers: ${both}}`).tasks.allowed_serializers,
    ['globus_compute_sdk.*Code', 'globus_compute_sdk.serialize.concretes.JSONData']);
  assert.match(problems('engine: {type: GlobusComputeEngine, allowed_serializers: [globus_compute_sdk.*Code]}').join(),
    /at least one code and one data deserializer/);
  assert.match(problems('engine: {type: GlobusComputeEngine, allowed_serializers: [os.system]}').join(),
    /os\.system is no serializer/);
});

test('each older spelling is read, with one line', () => {
  const cases: [string, RegExp, (config: EndpointConfig) => unknown, unknown][] = [
    ['engine: {type: GlobusComputeEngine, strategy: {type: SimpleStrategy, max_idletime: 90}}', /older spelling/,
      ({ engine }) => [engine.strategy, engine.max_idletime], ['simple', 90]],
    ['engine: {type: GlobusComputeEngine, label: Midway@RCC.UChicago}', /Midway-RCC\.UChicago/,
      ({ engine }) => engine.label, 'Midway-RCC.UChicago'],
    ['engine: {type: GlobusMPIEngine, provider: {type: LocalProvider, max_workers_per_block: 3, '
      + 'launcher: {type: SimpleLauncher}}}', /belongs to the engine/,
      ({ engine }) => engine.mpi?.max_workers_per_block, 3],
  ];
  for (const [text, note, of, expected] of cases) {
    const config = read(text);
    assert.equal(config.notes.length, 1, config.notes.join('\n'));
    assert.match(config.notes[0] ?? '', note);
    assert.deepEqual(of(config), expected);
  }
});

test('what is written without quotes, or with too many, means what was meant', () => {
  const { engine } = read(`
engine:
  type: GlobusComputeEngine
  max_workers_per_node: "2"
  worker_port_range: [50000, 51000]
  strategy:
  provider:
    type: SlurmProvider
    partition: debug
    walltime: 1:00:00
    launcher: {type: SrunLauncher}
`);
  assert.deepEqual([engine.max_workers_per_node, engine.worker_port_range, engine.strategy], [2, [50_000, 51_000],
    'simple']);
  assert.equal(Reflect.get(engine.provider, 'walltimeS'), 3600);
});

test('MPI mode belongs to its own engine, and that one to a SimpleLauncher', () => {
  assert.match(problems('engine: {type: GlobusComputeEngine, enable_mpi_mode: true}').join(),
    /MPI mode is not supported on GlobusComputeEngine\. Use GlobusMPIEngine instead\./);
  assert.match(problems('engine: {type: GlobusMPIEngine, mpi_launcher: prun}').join(),
    /mpi_launcher set to:prun must be set to one of \('srun', 'aprun', 'mpiexec'\)/);
  assert.match(problems('engine: {type: GlobusMPIEngine, provider: {type: SlurmProvider, launcher: {type: '
    + 'SrunLauncher}}}').join(), /mpi_mode requires the provider to be configured to use a SimpleLauncher/);
});
