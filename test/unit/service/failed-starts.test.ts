import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FailedStarts } from '../../../src/service/failed-starts.ts';

test('so many failures within a minute are enough, and a minute after the first of them another start is tried', () => {
  const starts = new FailedStarts(3);
  starts.note('alice', 'one', 100);
  starts.note('alice', 'two', 110);
  assert.equal(starts.exceeded('alice', 110), undefined);
  starts.note('alice', 'three', 120);
  assert.deepEqual(starts.exceeded('alice', 121), { count: 3, text: 'three', retryAfterS: 39 });
  assert.equal(starts.exceeded('bob', 121), undefined, 'somebody else has nothing to do with it');
  assert.equal(starts.exceeded('alice', 160), undefined);
  starts.note('alice', 'four', 161);
  assert.deepEqual(starts.exceeded('alice', 161), { count: 3, text: 'four', retryAfterS: 9 });
});

test('whoever waits as long as is said may try again', () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (
    gaps, most,
  ) => {
    const starts = new FailedStarts(most);
    let nowS = 0;
    for (const gap of gaps) {
      nowS += gap;
      starts.note('x', 'why', nowS);
    }
    const exceeded = starts.exceeded('x', nowS);
    if (exceeded !== undefined) assert.equal(starts.exceeded('x', nowS + exceeded.retryAfterS), undefined);
  }));
});
