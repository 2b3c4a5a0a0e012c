import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BUNDLE_CHARS_MAX, BUNDLE_TASKS_MAX, bundled } from '../../../src/amqp/bundles.ts';

test('bundles keep everything in order, none is too long, and only a single one is too large', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 3 * BUNDLE_CHARS_MAX }));
  const sizes = fc.array(size, { maxLength: 2_000, size: 'max' });
  fc.assert(fc.property(sizes, (all) => {
    const bundles = bundled(all, (one) => one);
    assert.deepEqual(bundles.flat(), all);
    for (const [i, bundle] of bundles.entries()) {
      const chars = bundle.reduce((sum, one) => sum + one, 0);
      assert.ok(bundle.length > 0 && bundle.length <= BUNDLE_TASKS_MAX);
      assert.ok(chars <= BUNDLE_CHARS_MAX || bundle.length === 1);
      const next = bundles[i + 1]?.[0];
      if (next !== undefined) assert.ok(bundle.length === BUNDLE_TASKS_MAX || chars + next > BUNDLE_CHARS_MAX);
    }
  }), { numRuns: 50 });
});
