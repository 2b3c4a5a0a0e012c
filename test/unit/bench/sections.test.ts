import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECTION_NAMES, type SectionName } from '../../../bench/section.ts';
import { chooseSections } from '../../../src/cli/bench.ts';

const chosen = (only?: string, peer?: string, onCluster = false): SectionName[] =>
  chooseSections(only, peer, onCluster).sections;

test('without --only every section runs but those that must be asked for, and Slurm where none answers', () => {
  const without = (...left: SectionName[]): SectionName[] => SECTION_NAMES.filter((name) => !left.includes(name));
  const onDemand: SectionName[] = ['python', 'service', 'endpoint', 'multi_user'];
  assert.deepEqual(chosen(), without('slurm', ...onDemand, 'peers'));
  assert.deepEqual(chosen(undefined, undefined, true), without(...onDemand, 'peers'));
  assert.deepEqual(chosen(undefined, 'parsl'), without('slurm', ...onDemand));
  assert.deepEqual(chosen(undefined, 'parsl', true), without(...onDemand));
});

test('--only picks sections, in the order in which they run', () => {
  assert.deepEqual(chosen('latency, limits,no-op'), ['limits', 'no_op', 'latency']);
  assert.deepEqual(chosen('no_op', 'parsl'), ['no_op', 'peers']);
  assert.deepEqual(chosen('peers'), ['peers']);
  assert.deepEqual(chosen('service'), ['service']);
});

test('slurm and python are measured when they are asked for, with the peer beside them', () => {
  assert.deepEqual(chooseSections('python', 'parsl', false), { sections: ['python'], peer: 'parsl' });
  assert.deepEqual(chooseSections('slurm', 'parsl', false), { sections: ['slurm'], peer: 'parsl' });
  assert.deepEqual(chooseSections('slurm', undefined, false), { sections: ['slurm'], peer: undefined });
  assert.deepEqual(chosen('slurm,latency', 'parsl'), ['latency', 'slurm', 'peers']);
});

test('endpoints are measured when they are asked for, with their peer beside them', () => {
  assert.deepEqual(chooseSections('endpoint', 'agent', false), { sections: ['endpoint'], peer: 'agent' });
  assert.deepEqual(chooseSections('multi-user', 'agent', false), { sections: ['multi_user'], peer: 'agent' });
  assert.deepEqual(chooseSections('endpoint', undefined, false), { sections: ['endpoint'], peer: undefined });
});

test('an unknown section or peer is refused, with the nearest one that there is', () => {
  const cases = [
    ['latncy', undefined, /no section 'latncy'; did you mean latency\?$/],
    ['everything', undefined, /no section 'everything': there are limits, no_op,/],
    [undefined, 'parls', /no peer 'parls'; did you mean parsl\?$/],
  ] as const;
  for (const [only, peer, message] of cases) {
    assert.throws(() => chooseSections(only, peer, false), { code: 'USAGE', message });
  }
});
