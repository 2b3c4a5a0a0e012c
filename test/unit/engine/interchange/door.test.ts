import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areIds, faultOf } from '../../../../engine/interchange/door.ts';
import { resultsOf } from './cluster.ts';

const batch = resultsOf([1]).header;
const GOOD = {
  register: {
    type: 'register', version: 1, manager: 'a', block: '0', node: 'n', pid: 1, slots: 4, window: 4, nodeVersion: '20',
    cores: 4,
    memoryMiB: 100, endsAtMs: 5.5, draining: false, held: [1, 2], batches: [batch],
  },
  results: { type: 'results', window: 0, batches: [batch, batch] },
  returned: { type: 'returned', ids: [1, 2 ** 40] },
  heartbeat: { type: 'heartbeat' }, draining: { type: 'draining' }, drained: { type: 'drained' },
} as const;

test('messages of ours pass, with fields that nobody knows yet', () => {
  for (const message of Object.values(GOOD)) {
    assert.equal(faultOf(message), undefined);
    assert.equal(faultOf({ ...message, later: 1 }), undefined);
  }
  const { endsAtMs: _, ...endless } = GOOD.register;
  assert.equal(faultOf(endless), undefined);
});

test('what is wrong is named', () => {
  assert.equal(faultOf({ type: 'stop' }), 'an unknown type "stop"');
  assert.equal(faultOf({ type: 'toString' }), 'an unknown type "toString"');
  assert.equal(faultOf({ ...GOOD.results, window: -1 }), 'a results message with a bad window');
  assert.equal(faultOf({ ...GOOD.returned, ids: [1, 1n] }), 'a returned message with a bad ids');
  assert.equal(faultOf({ ...GOOD.results, batches: [{ ...batch, attempt: 0 }] }),
    'a results message with a bad batches');
  assert.equal(faultOf({ ...GOOD.results, batches: [{ ...batch, hops: null }] }),
    'a results message with a bad batches');
});

const ANYTHING = fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true });

test('no field of any message may be of another type', () => {
  for (const message of [GOOD.register, GOOD.results, GOOD.returned]) {
    for (const field of Object.keys(message).filter((name) => name !== 'type')) {
      fc.assert(fc.property(ANYTHING, (value) => {
        const good = (message as Record<string, unknown>)[field];
        fc.pre(typeof value !== typeof good
          || (typeof value === 'object' && Array.isArray(value) !== Array.isArray(good)));
        fc.pre(!(field === 'endsAtMs' && value === undefined));
        assert.equal(faultOf({ ...message, [field]: value }), `a ${message.type} message with a bad ${field}`);
      }), { numRuns: 50 });
    }
  }
});

test('ids are whole numbers from 1', () => {
  assert.equal(areIds(Float64Array.of(1, 2 ** 53 - 1)), true);
  assert.equal(areIds(new Float64Array(0)), true);
  for (const id of [0, -1, 0.5, 1.5, NaN, Infinity, 2 ** 53]) assert.equal(areIds(Float64Array.of(1, id)), false);
});
