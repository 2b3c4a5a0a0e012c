import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchVariables, mpiexecForm } from '../../../../engine/manager/launch-prefix.ts';

const ASKED = { num_nodes: 2, ranks_per_node: 3, num_ranks: 6 };
const NODES = ['n1', 'n2'];

test('a task finds its numbers, its nodes and every launcher\'s prefix, the chosen one twice', () => {
  assert.deepEqual(launchVariables(NODES, ASKED, { launcher: 'srun', mpiexec: 'hydra' }), {
    PARSL_NUM_NODES: '2', PARSL_RANKS_PER_NODE: '3', PARSL_NUM_RANKS: '6', PARSL_MPI_NODELIST: 'n1,n2',
    PARSL_SRUN_PREFIX: 'srun --overlap --nodes 2 --ntasks 6 --ntasks-per-node 3 --nodelist n1,n2',
    PARSL_APRUN_PREFIX: 'aprun -n 6 -N 3 --node-list n1,n2',
    PARSL_MPIEXEC_PREFIX: 'mpiexec -n 6 -ppn 3 -hosts n1,n2',
    PARSL_MPI_PREFIX: 'srun --overlap --nodes 2 --ntasks 6 --ntasks-per-node 3 --nodelist n1,n2',
  });
});

for (const launcher of ['srun', 'aprun', 'mpiexec'] as const) {
  test(`the default prefix is ${launcher}'s where that is chosen, with the task's own options at its end`, () => {
    const asked = { ...ASKED, launcher_options: '--own option' };
    const variables = launchVariables(NODES, asked, { launcher, mpiexec: 'hydra' });
    assert.equal(variables['PARSL_MPI_PREFIX'], variables[`PARSL_${launcher.toUpperCase()}_PREFIX`]);
    assert.ok(variables['PARSL_MPI_PREFIX']?.startsWith(`${launcher} `));
    for (const [name, value] of Object.entries(variables)) {
      assert.doesNotMatch(value, /None|undefined|NaN/, name);
      if (name.endsWith('_PREFIX')) assert.ok(value.endsWith(' --own option'), name);
    }
  });
}

test('Open MPI\'s mpiexec is told how many ranks a node has, and a machine that counts twice is named once', () => {
  const prefix = (nodes: string[]): string | undefined =>
    launchVariables(nodes, ASKED, { launcher: 'mpiexec', mpiexec: 'openmpi' })['PARSL_MPI_PREFIX'];
  assert.equal(prefix(NODES), 'mpiexec -n 6 --host n1:3,n2:3 --map-by ppr:3:node:oversubscribe');
  assert.equal(prefix(['here', 'here']), 'mpiexec -n 6 --host here:6 --map-by ppr:6:node:oversubscribe');
});

test('whose mpiexec it is, by its own words', () => {
  assert.equal(mpiexecForm('mpiexec (OpenRTE) 4.1.4\n\nReport bugs to http://www.open-mpi.org/'), 'openmpi');
  assert.equal(mpiexecForm('mpirun (Open MPI) 5.0.3'), 'openmpi');
  assert.equal(mpiexecForm('HYDRA build details:\n    Version:                                 4.0.2'), 'hydra');
  assert.equal(mpiexecForm(''), 'hydra');
});
