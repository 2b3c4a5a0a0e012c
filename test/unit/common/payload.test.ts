import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ComputeError } from '../../../src/common/errors.ts';
import { decodePayload, encodePayload } from '../../../src/common/payload.ts';

test('every value of the list arrives as it was sent', () => {
  for (const value of samples()) assert.deepStrictEqual(sent(value), value);
});

test('an invalid date arrives as one', () => {
  const arrived = sent([new Date(NaN)]) as [Date];
  assert.ok(arrived[0] instanceof Date && Number.isNaN(arrived[0].getTime()));
});

test('generated nested values arrive as they were sent', () => {
  fc.assert(fc.property(values, (value) => assert.deepStrictEqual(sent(value), value)), { numRuns: 300 });
});

test('texts of any length and script arrive as they were sent', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(fc.property(fc.array(text, { maxLength: 8 }), (texts) => assert.deepStrictEqual(sent(texts), texts)));
});

test('integers of any size arrive as they were sent', () => {
  const wide = fc.bigInt({ min: -(1n << 70_000n), max: 1n << 70_000n });
  fc.assert(fc.property(fc.oneof(fc.bigInt(), wide), (value) => assert.equal(sent(value), value)), { numRuns: 200 });
});

test('holes arrive as undefined, and instances of classes as plain objects', () => {
  assert.deepStrictEqual(sent(Object.assign([1], { 2: 3 })), [1, undefined, 3]);
  class Point {
    readonly x = 1;
    readonly at = new Date(0);
    get far(): boolean { return true; }
  }
  assert.deepStrictEqual(sent({ point: new Point() }), { point: { x: 1, at: new Date(0) } });
  assert.deepStrictEqual(sent(Object.assign(Object.create(null), { a: -0 })), { a: -0 });
});

test('a key named __proto__ arrives as a key and touches no prototype', () => {
  const value: unknown = JSON.parse('[{"__proto__": {"polluted": 1}, "constructor": {"prototype": 2}}]');
  const arrived = sent(value);
  assert.equal(JSON.stringify(arrived), JSON.stringify(value));
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

test('an object of a hundred thousand fields, and one nested as deep as is allowed, arrive', () => {
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key-${i}`, i]));
  assert.deepStrictEqual(sent(wide), wide);
  let deep: unknown = -0;
  for (let i = 0; i < 400; i++) deep = i % 2 === 0 ? [deep] : { deep };
  assert.deepStrictEqual(sent(deep), deep);
});

test('errors keep class, name, message, stack, cause and properties', () => {
  const error = new TypeError('outer', { cause: new RangeError('inner') });
  Object.assign(error, { code: 'E_OUTER', status: 500 });
  error.name = 'MyTypeError';
  const arrived = sent(error) as TypeError & { code: string; status: number };
  assert.ok(arrived instanceof TypeError);
  assert.deepEqual([arrived.name, arrived.message, arrived.stack], ['MyTypeError', 'outer', error.stack]);
  assert.deepEqual([arrived.code, arrived.status], ['E_OUTER', 500]);
  assert.ok(arrived.cause instanceof RangeError);
  assert.equal(arrived.cause.message, 'inner');
  const aggregate = sent(new AggregateError([new URIError('one'), 'two'], 'both')) as AggregateError;
  assert.ok(aggregate instanceof AggregateError && aggregate.errors[0] instanceof URIError);
  assert.deepEqual([aggregate.message, aggregate.errors[1]], ['both', 'two']);
});

test('small binaries arrive in memory of their own, aligned for their elements', () => {
  const arrived = sent(['x', new Float64Array([1, NaN, -0]), Buffer.from('abc')]) as [string, Float64Array, Buffer];
  assert.deepEqual([arrived[1].byteOffset, arrived[1].buffer.byteLength], [0, 24]);
  assert.equal(arrived[2].buffer.byteLength, 3);
});

test('large binaries travel beside the payload, uncopied on both sides', () => {
  const floats = new Float64Array(10_000).fill(1.5);
  const bytes = Buffer.alloc(70_000, 7);
  const encoded = encodePayload({ floats, bytes, whole: floats.buffer });
  assert.ok(encoded.bytes.length < 200);
  assert.deepEqual(encoded.buffers.map((one) => one.buffer), [floats.buffer, bytes.buffer, floats.buffer]);
  const frames = encoded.buffers.map((one) => Buffer.from(one));
  const arrived = decodePayload(encoded.bytes, frames) as { floats: Float64Array; bytes: Buffer; whole: ArrayBuffer };
  assert.deepStrictEqual(arrived, { floats, bytes, whole: floats.buffer });
  assert.equal(arrived.bytes.buffer, frames[1]?.buffer);
});

test('a large typed array is copied only where the frame is not aligned for it', () => {
  const floats = new Float64Array(10_000).fill(1.5);
  const { bytes, buffers } = encodePayload(floats);
  for (const offset of [0, 8, 3]) {
    const frame = new Uint8Array(floats.byteLength + 8).subarray(offset, offset + floats.byteLength);
    frame.set(buffers[0] ?? []);
    const arrived = decodePayload(bytes, [frame]) as Float64Array;
    assert.deepStrictEqual(arrived, floats);
    assert.equal(arrived.buffer === frame.buffer, offset % 8 === 0);
  }
});

test('encoded bytes stay as they are while other values are encoded', () => {
  const first = encodePayload(['first']).bytes;
  for (let i = 0; i < 5000; i++) encodePayload([`another ${i}`]);
  assert.deepEqual(decodePayload(first, []), ['first']);
});

test('what cannot travel is refused by its path and its name', () => {
  const circle: unknown[] = [1];
  circle.push({ back: circle });
  const click = (): void => { /* never called */ };
  const trapped = { get trap(): never { throw new Error('no'); } };
  const cases: [unknown, string][] = [
    [[1, { onClick: click }], 'args[1].onClick cannot be sent: it is the function click'],
    [[() => 1], 'args[0] cannot be sent: it is a function'],
    [[{ 'a-b': Symbol('s') }], 'args[0]["a-b"] cannot be sent: it is a symbol (Symbol(s))'],
    [Promise.resolve(), 'args cannot be sent: it is a Promise'],
    [[new WeakMap()], 'args[0] cannot be sent: it is a WeakMap'],
    [[new WeakRef({})], 'args[0] cannot be sent: it is a WeakRef'],
    [[new SharedArrayBuffer(1)], 'args[0] cannot be sent: it is a SharedArrayBuffer'],
    [circle, 'args[1].back cannot be sent: it is a circular reference to args'],
    [new Map([['k', { f: Promise.resolve() }]]), 'args.values()[0].f cannot be sent: it is a Promise'],
    [trapped, 'args.trap cannot be sent: it is a property that throws when it is read'],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => encodePayload(value, 'args'), { code: 'NOT_SERIALIZABLE', message });
  }
});

test('a value nested too deep is refused, not a stack overflow', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.throws(() => encodePayload(deep), { code: 'NOT_SERIALIZABLE', message: /nested more than 500 levels deep$/ });
});

test('bytes that no encoder made, or that were cut or changed, decode or are BAD_MESSAGE', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => decodesOrRefuses(bytes)), { numRuns: 3000 });
  const change = fc.tuple(values, fc.nat(), fc.nat(255), fc.nat());
  fc.assert(fc.property(change, ([value, at, byte, length]) => {
    const bytes = Uint8Array.from(encodePayload(value).bytes);
    decodesOrRefuses(bytes.subarray(0, length % bytes.length));
    bytes[at % bytes.length] = byte;
    decodesOrRefuses(bytes);
  }), { numRuns: 1000 });
});

test('hostile lengths and nesting are refused at once', () => {
  const hostile = ['c10000', 'dd7fffffff', 'df7fffffff', 'db7fffffff', 'c67fffffff', 'c97fffffff45', 'd66200000000dd',
    'd66200000001db7fffffff', 'd66900000001'.repeat(9), 'd67000000009', 'd44500c0', 'd4450092a66672616d65cd7fff', ''];
  for (const hex of hostile) decodesOrRefuses(Buffer.from(hex, 'hex'));
  for (const byte of [0x91, 0x9f, 0x81, 0xd4]) {
    assert.throws(() => decodePayload(new Uint8Array(1_000_000).fill(byte), []), { code: 'BAD_MESSAGE' });
  }
});

function sent(value: unknown): unknown {
  const { bytes, buffers } = encodePayload(value);
  return decodePayload(Uint8Array.from(bytes), buffers.map((one) => Uint8Array.from(one)));
}

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    decodePayload(bytes, []);
  } catch (error) {
    assert.ok(error instanceof ComputeError && error.code === 'BAD_MESSAGE', String(error));
  }
}

function samples(): unknown[] {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i * 11).buffer;
  return [
    undefined, null, true, 0, -0, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 31) - 1, 1e-320, '', 'a\ud800b', '\udc00',
    [undefined, -0], { a: undefined, b: { c: -0 } }, { 'bad \ud800 key': 1, '': 2, 7: 3 }, 0n, -1n, 2n ** 63n,
    2n ** 64n, -(2n ** 63n) - 1n, new Date(), new Date(-1), new Date(8.64e15), /a\/b[\n]/giu, new Map(),
    new Set(),
    new Map<unknown, unknown>([[{ k: [1] }, new Set([new Map([[1, -0]])])], ['a', undefined]]), new Set([1n, '\ud800']),
    Buffer.from('bytes'), Buffer.alloc(0), new Uint8Array(bytes, 3, 5), bytes, new DataView(bytes, 1, 4),
    ...[Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
      BigInt64Array, BigUint64Array].map((View) => new View(bytes)),
    Array.from({ length: 200 }, () => 'many of the same text'), 'x'.repeat(100_000), 'é'.repeat(50_000), '☃'.repeat(33),
    { toJSON: 1, hasOwnProperty: 2, length: 3, valueOf: 4 },
  ];
}

const leaf = fc.oneof(
  fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.bigInt(), fc.boolean(), fc.constant(undefined),
  fc.constant(null), fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.float64Array(), fc.int16Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)), fc.constantFrom('\ud83d', '__proto__', 'constructor'),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' }, leaf,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20, noNullPrototype: true }),
    fc.array(tie('value')).map((elements) => new Set(elements)),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
  ),
})).value;
