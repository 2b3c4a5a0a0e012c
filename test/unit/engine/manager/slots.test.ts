import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSlots } from '../../../../engine/manager/slots.ts';

type Keys = Parameters<typeof countSlots>[0];
const keys = (change: Partial<Keys>): Keys =>
  ({ maxWorkersPerNode: null, coresPerWorker: 1, memPerWorkerGiB: null, accelerators: [], ...change });
const node = { cores: 8, coresFrom: 'NCPUS', memoryGiB: 16, memoryFrom: 'free' };

const CASES: [what: string, Keys, slots: number][] = [
  ['as many as there are cores', keys({}), 8],
  ['a cap alone', keys({ maxWorkersPerNode: 1 }), 1],
  ['cores: 8 at 4 each', keys({ coresPerWorker: 4 }), 2],
  ['memory: 16 at 16 each', keys({ memPerWorkerGiB: 16 }), 1],
  ['accelerators: 3', keys({ accelerators: ['0', '1', '2'] }), 3],
  ['fractions of a core', keys({ coresPerWorker: 0.1 }), 80],
  ['no limit by cores where a worker takes none', keys({ coresPerWorker: 0, maxWorkersPerNode: 100 }), 100],
  ['the least of all', keys({ maxWorkersPerNode: 4, memPerWorkerGiB: 3, accelerators: ['0', '1', '2'] }), 3],
];

for (const [what, config, slots] of CASES) {
  test(`slots of a node: ${what}`, () => assert.equal(countSlots(config, node), slots));
}

test('a node on which no worker fits is an error with the arithmetic in it', () => {
  assert.throws(() => countSlots(keys({ coresPerWorker: 16, memPerWorkerGiB: 32 }), node), {
    code: 'CONFIG_INVALID',
    message: 'no worker fits on this node: 8 cores (NCPUS) / cores_per_worker 16 gives 0;'
      + ' 16.0 GiB (free) / mem_per_worker 32 gives 0',
  });
});
