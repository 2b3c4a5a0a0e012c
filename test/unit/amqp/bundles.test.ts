import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BUNDLE_CHARS_MAX, BUNDLE_TASKS_MAX, bundled } from '../../../src/amqp/bundles.ts';

test('bundles keep each key’s in order; none is too long, and only a single one is too large', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 3 * BUNDLE_CHARS_MAX }));
  const sizes = fc.array(size, { maxLength: 2_000, size: 'max' });
  fc.assert(fc.property(sizes, (all) => {
    const items = all.map((chars, at) => ({ chars, at, key: `${chars % 3}` }));
    const bundles = bundled(items, (one) => one.key, (one) => one.chars);
    for (const key of ['0', '1', '2']) {
      const own = bundles.filter(([first]) => first?.key === key);
      assert.deepEqual(own.flat(), items.filter((one) => one.key === key), 'in order, and no other among them');
      for (const [i, bundle] of own.entries()) {
        const chars = bundle.reduce((sum, one) => sum + one.chars, 0);
        assert.ok(bundle.length > 0 && bundle.length <= BUNDLE_TASKS_MAX);
        assert.ok(chars <= BUNDLE_CHARS_MAX || bundle.length === 1);
        const next = own[i + 1]?.[0]?.chars;
        if (next !== undefined) assert.ok(bundle.length === BUNDLE_TASKS_MAX || chars + next > BUNDLE_CHARS_MAX);
      }
    }
  }), { numRuns: 50 });
});
