import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hopsOf, type Moments } from '../../../bench/hops.ts';

function journey(start: number, step: number): Moments {
  return {
    submittedAtMs: start, sentAtMs: start + step, queuedAtMs: start + 2 * step, dispatchedAtMs: start + 3 * step,
    receivedAtMs: start + 4 * step, startedAtMs: start + 5 * step, finishedAtMs: start + 6 * step,
    returnedAtMs: start + 7 * step, forwardedAtMs: start + 8 * step, settledAtMs: start + 9 * step,
  };
}

test('the hops cover a task\'s journey without a gap', () => {
  const hops = hopsOf([journey(1000, 1), journey(2000, 2), journey(3000, 3)]);
  assert.equal(hops.length, 9);
  assert.deepEqual(new Set(hops.map((hop) => hop.name)).size, 9);
  assert.ok(hops.every((hop) => hop.p50_us === 2000 && hop.p99_us === 3000));
});
