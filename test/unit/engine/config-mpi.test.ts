import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEngineConfig } from '../../../engine/config.ts';

const read = (keys: object): ReturnType<typeof parseEngineConfig> =>
  parseEngineConfig({ type: 'GlobusMPIEngine', ...keys });
const simple = { launcher: { type: 'SimpleLauncher' } };

test('an MPI engine has the field\'s defaults, and a launcher that starts one manager', () => {
  const { type, label, mpi, provider, notes } = read({});
  assert.deepEqual([type, label, mpi, notes],
    ['GlobusMPIEngine', 'GlobusMPIEngine', { mpi_launcher: 'mpiexec', max_workers_per_block: 1 }, []]);
  assert.equal(provider.launcher.type, 'SimpleLauncher');
  assert.deepEqual(parseEngineConfig({ type: 'MPIExecutor' }).mpi, mpi);
  assert.equal(parseEngineConfig({}).mpi, null);
});

for (const mpi_launcher of ['srun', 'aprun', 'mpiexec']) {
  test(`mpi_launcher ${mpi_launcher} is taken`, () => {
    assert.deepEqual(read({ mpi_launcher, max_workers_per_block: 3, provider: simple }).mpi,
      { mpi_launcher, max_workers_per_block: 3 });
  });
}

test('max_workers_per_block is taken where the field\'s documents have it, and the author is told', () => {
  const { mpi, notes } = read({ provider: { ...simple, max_workers_per_block: '2' } });
  assert.equal(mpi?.max_workers_per_block, 2);
  assert.deepEqual(notes, ['max_workers_per_block belongs to the engine, not to its provider']);
});

const REFUSED: [string, object, string][] = [
  ['another launcher', { provider: { launcher: { type: 'SingleNodeLauncher' } } },
    'engine.provider.launcher: mpi_mode requires the provider to be configured to use a SimpleLauncher'],
  ['another mpi_launcher', { mpi_launcher: 'bad_launcher' },
    "engine: mpi_launcher set to:bad_launcher must be set to one of ('srun', 'aprun', 'mpiexec')"],
  ['keys that divide a node', { cores_per_worker: 2 },
    'engine: cores_per_worker is not for GlobusMPIEngine, whose tasks take whole nodes; remove it'],
  ['no workers', { max_workers_per_block: 0 }, 'engine.max_workers_per_block: must be >= 1, found 0'],
  ['MPI keys in an ordinary engine', { type: 'GlobusComputeEngine', mpi_launcher: 'srun' },
    'engine: mpi_launcher: MPI mode is not supported on GlobusComputeEngine. Use GlobusMPIEngine instead.'],
];
for (const [what, keys, message] of REFUSED) {
  test(`refused: ${what}`, () => assert.throws(() => read(keys), { code: 'CONFIG_INVALID', message }));
}
