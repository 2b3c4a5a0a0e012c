import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LedgerIndex } from '../../../src/endpoint/ledger-index.ts';
import { decodeRecord, encodeRecord, lengthOfRecord, type LedgerRecord } from '../../../src/endpoint/ledger-record.ts';

const id = fc.uuid();
const content = fc.uint8Array({ maxLength: 300 });
const record: fc.Arbitrary<LedgerRecord> = fc.oneof(
  fc.record({ type: fc.constant('accepted' as const), ids: fc.array(id, { minLength: 1, maxLength: 5 }), content }),
  fc.record({ type: fc.constant('settled' as const), id, content }),
  fc.record({ type: fc.constant('confirmed' as const), ids: fc.array(id, { maxLength: 5 }) }),
);

const plain = (one: LedgerRecord) => ({ ...one, ...'content' in one ? { content: Buffer.from(one.content) } : {} });

test('a record comes back as it was, and its length is known from its first bytes', () => {
  fc.assert(fc.property(record, fc.nat(20), (one, offset) => {
    const bytes = encodeRecord(one);
    const placed = decodeRecord(Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(3)]), offset);
    assert.deepEqual(placed && plain(placed.record), plain(one));
    assert.equal(placed?.length, bytes.length);
    assert.equal(lengthOfRecord(bytes.subarray(0, 8), 0), bytes.length);
  }));
});

test('a record that lacks any of its bytes, or has another in the place of one, is none', () => {
  fc.assert(fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, change) => {
    const bytes = encodeRecord(one);
    assert.equal(decodeRecord(bytes.subarray(0, at % bytes.length)), undefined);
    const place = at % bytes.length;
    bytes[place] = (bytes[place] ?? 0) ^ change;
    const read = decodeRecord(bytes);
    assert.equal(read, undefined);
  }));
});

test('bytes of any kind are no record, or one that was written', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    assert.equal(decodeRecord(Buffer.from(bytes)), undefined);
  }));
});

test('what is alive is exactly what has no result, and results that are not confirmed', () => {
  const index = new LedgerIndex();
  const first = index.accepted(['a', 'b'], { at: 0, length: 100 });
  assert.equal(index.accepted(['b', 'c'], { at: 100, length: 50 }).unsettled, 1);
  assert.deepEqual([index.unsettled, index.unconfirmed, index.liveBytes], [3, 0, 150]);
  index.settled('a', { at: 150, length: 10 });
  index.settled('b');
  assert.deepEqual([first.unsettled, index.unsettled, index.unconfirmed, index.liveBytes], [0, 1, 2, 60]);
  index.settled('b', { at: 160, length: 20 });
  assert.deepEqual(index.settledIds(), ['a', 'b']);
  index.confirmed(['a', 'c', 'nobody']);
  assert.deepEqual([index.unsettled, index.unconfirmed, index.liveBytes], [0, 1, 20]);
  assert.ok(index.has('b') && !index.has('a') && !index.has('c'));
  index.confirmed(['b']);
  assert.deepEqual([index.unsettled, index.unconfirmed, index.liveBytes], [0, 0, 0]);
});
