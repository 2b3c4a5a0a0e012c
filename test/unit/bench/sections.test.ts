import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECTION_NAMES } from '../../../bench/section.ts';
import { chooseSections } from '../../../src/cli/bench.ts';

test('without --only every section runs but the peers, which must be asked for', () => {
  assert.deepEqual(chooseSections(undefined, undefined), SECTION_NAMES.filter((name) => name !== 'peers'));
  assert.deepEqual(chooseSections(undefined, 'parsl'), SECTION_NAMES);
});

test('--only picks sections, in the order in which they run', () => {
  assert.deepEqual(chooseSections('latency, limits,no-op', undefined), ['limits', 'no_op', 'latency']);
  assert.deepEqual(chooseSections('no_op', 'parsl'), ['no_op', 'peers']);
  assert.deepEqual(chooseSections('peers', undefined), ['peers']);
});

test('an unknown section or peer is refused, with the nearest one that there is', () => {
  const cases = [
    ['latncy', undefined, /no section 'latncy'; did you mean latency\?$/],
    ['everything', undefined, /no section 'everything': there are limits, no_op,/],
    [undefined, 'parls', /no peer 'parls'; did you mean parsl\?$/],
  ] as const;
  for (const [only, peer, message] of cases) {
    assert.throws(() => chooseSections(only, peer), { code: 'USAGE', message });
  }
});
