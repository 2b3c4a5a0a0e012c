import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeResultColumns, decodeTaskColumns, encodeResultColumns, encodeTaskColumns }
  from '../../../src/common/columns.ts';

const count = fc.nat(50);
const ids = (length: number): fc.Arbitrary<Float64Array> => fc.float64Array({ minLength: length, maxLength: length });
const times = (length: number): fc.Arbitrary<Float32Array> => fc.float32Array({ minLength: length, maxLength: length });
const sizes = (length: number): fc.Arbitrary<Uint32Array> => fc.uint32Array({ minLength: length, maxLength: length });
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

const taskColumns = count.chain((n) => fc.record({ ids: ids(n), sizes: sizes(n) }));
const resultColumns = count.chain((n) => fc.record({
  ids: ids(n), startedMs: times(n), runMs: times(n), sizes: sizes(n), status: bytes(n),
}));

test('the columns of tasks arrive at any offset in memory', () => {
  fc.assert(fc.property(taskColumns, fc.nat(16), (columns, offset) => {
    const frame = placed(encodeTaskColumns(columns.ids, columns.sizes), offset);
    const arrived = decodeTaskColumns(frame, columns.ids.length);
    assert.deepStrictEqual(arrived, { ...columns });
    assert.equal(arrived.ids.buffer === frame.buffer, offset % 8 === 0);
  }));
});

test('the columns of results arrive at any offset in memory', () => {
  fc.assert(fc.property(resultColumns, fc.nat(16), (columns, offset) => {
    const frame = placed(encodeResultColumns(columns), offset);
    const arrived = decodeResultColumns(frame, columns.ids.length);
    assert.deepStrictEqual(arrived, { ...columns });
    assert.equal(arrived.status.buffer === frame.buffer, offset % 8 === 0);
  }));
});

test('a frame that does not have exactly as many rows as announced is refused', () => {
  const frame = encodeTaskColumns(new Float64Array(10), new Uint32Array(10));
  for (const rows of [0, 9, 11, -10, 10.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => decodeTaskColumns(frame, rows), { code: 'BAD_MESSAGE' });
    assert.throws(() => decodeResultColumns(frame, rows), { code: 'BAD_MESSAGE' });
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (made, rows) => {
    if (made.length !== rows * 12) assert.throws(() => decodeTaskColumns(made, rows), { code: 'BAD_MESSAGE' });
    if (made.length !== rows * 21) assert.throws(() => decodeResultColumns(made, rows), { code: 'BAD_MESSAGE' });
  }));
});

test('columns of different lengths are a bug of the sender', () => {
  assert.throws(() => encodeTaskColumns(new Float64Array(2), new Uint32Array(3)), { code: 'ERR_ASSERTION' });
});

function placed(frame: Uint8Array, offset: number): Uint8Array {
  const place = new Uint8Array(frame.length + offset).subarray(offset);
  place.set(frame);
  return place;
}
