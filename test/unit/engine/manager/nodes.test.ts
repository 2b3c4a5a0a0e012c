import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandHosts, nodesOf, type NodeSources } from '../../../../engine/manager/nodes.ts';

const sources = (environment: NodeSources['environment'], file = ''): NodeSources =>
  ({ environment, readFile: () => file, local: { name: 'here', count: 3 } });

test('Slurm\'s list is expanded, whichever variable has it', () => {
  assert.deepEqual(nodesOf(sources({ SLURM_JOB_NODELIST: 'n[1-2]' })), ['n1', 'n2']);
  assert.deepEqual(nodesOf(sources({ SLURM_NODELIST: 'n7' })), ['n7']);
});

test('a PBS file has a line for each core, and a node counts once', () => {
  const file = 'b.site\nb.site\na.site\na.site\n';
  assert.deepEqual(nodesOf(sources({ PBS_NODEFILE: '/list' }, file)), ['b.site', 'a.site']);
  assert.throws(() => nodesOf(sources({ PBS_NODEFILE: '/list' }, '\n')), { code: 'START_FAILED', message: /\/list/ });
});

test('without a scheduler this machine counts as often as it is told', () => {
  assert.deepEqual(nodesOf(sources({ SLURM_JOB_NODELIST: '' })), ['here', 'here', 'here']);
});

const LISTS: [list: string, names: string[]][] = [
  ['login', ['login']],
  ['a,b-1,c', ['a', 'b-1', 'c']],
  ['n[1-3,7]', ['n1', 'n2', 'n3', 'n7']],
  ['n[08-11],gpu-[1,3]', ['n08', 'n09', 'n10', 'n11', 'gpu-1', 'gpu-3']],
  ['r[1-2]n[01-02]-ib', ['r1n01-ib', 'r1n02-ib', 'r2n01-ib', 'r2n02-ib']],
  ['nid[000998-001001]', ['nid000998', 'nid000999', 'nid001000', 'nid001001']],
];
for (const [list, names] of LISTS) test(`expands ${list}`, () => assert.deepEqual(expandHosts(list), names));

for (const list of ['n[1-', 'n[3-1]', 'n[a-b]', 'n]1[']) {
  const error = { code: 'START_FAILED', message: /cannot be read/ };
  test(`refuses ${list}`, () => assert.throws(() => expandHosts(list), error));
}

test('as many names as the ranges have numbers', () => {
  const range = fc.tuple(fc.nat(500), fc.nat(40)).map(([first, more]) => [first, first + more] as const);
  fc.assert(fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), (ranges) => {
    const list = `n[${ranges.map(([first, last]) => `${first}-${last}`).join(',')}]`;
    const names = ranges.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => `n${first + i}`));
    assert.deepEqual(expandHosts(list), names);
  }));
});
