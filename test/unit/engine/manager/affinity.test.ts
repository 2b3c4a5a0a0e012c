import assert from 'node:assert/strict';
import test from 'node:test';
import { coresOfSlots, parseCores } from '../../../../engine/manager/affinity.ts';

const eight = [0, 1, 2, 3, 4, 5, 6, 7];

test('cores are dealt out as the field names it', () => {
  assert.equal(coresOfSlots('none', 2, eight), undefined);
  assert.deepEqual(coresOfSlots('block', 2, eight), [[0, 1, 2, 3], [4, 5, 6, 7]]);
  assert.deepEqual(coresOfSlots('block-reverse', 2, eight), [[7, 6, 5, 4], [3, 2, 1, 0]]);
  assert.deepEqual(coresOfSlots('alternating', 2, eight), [[0, 2, 4, 6], [1, 3, 5, 7]]);
  assert.deepEqual(coresOfSlots('block', 3, eight), [[0, 1], [2, 3], [4, 5]]);
  assert.deepEqual(coresOfSlots('list:0,2-3:1', 2, eight), [[0, 2, 3], [1]]);
});

test('only cores that were left to this process are dealt out', () => {
  assert.deepEqual(coresOfSlots('block', 2, [4, 6]), [[4], [6]]);
  assert.throws(() => coresOfSlots('list:0:1', 2, [4, 6]), { code: 'CONFIG_INVALID', message: /may use 4,6/ });
});

test('what does not work out is an error with the numbers in it', () => {
  assert.throws(() => coresOfSlots('block', 8, [0, 1]), { code: 'CONFIG_INVALID', message: /8 workers.*there are 2/ });
  assert.throws(() => coresOfSlots('list:0', 2, eight), { code: 'CONFIG_INVALID', message: /1 workers.*has 2/ });
  assert.throws(() => coresOfSlots('list:0:', 2, eight), { code: 'CONFIG_INVALID' });
});

test("the kernel's lists are read", () => {
  assert.deepEqual(parseCores('0-2,5\n'), [0, 1, 2, 5]);
  assert.deepEqual(parseCores(''), []);
});
