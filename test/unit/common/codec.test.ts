import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeHeader, encodeHeader, HEADER_BYTES_MAX } from '../../../src/common/codec.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { PROTOCOL_VERSION } from '../../../src/common/protocol.ts';

const message = {
  type: 'register',
  batches: [{ count: 64, attempt: 1, buffers: 0, kind: { fn: 'abc', timeoutMs: 0, priority: undefined },
    hops: { submittedAtMs: 1700000000000.25, sentAtMs: 2 ** 40 } }], drain: false, none: null, ids: [1, 2 ** 53, -1],
};

test('a message arrives as it was sent, behind the version', () => {
  const frame = encodeHeader(message);
  assert.equal(frame[0], PROTOCOL_VERSION);
  assert.deepStrictEqual(decodeHeader(frame), message);
  assert.deepStrictEqual(decodeHeader(Uint8Array.from(frame)), message);
});

test('a frame stays as it is while others are made, and large ones arrive', () => {
  const frame = encodeHeader(message);
  const ids = Array.from({ length: 100_000 }, (_, i) => i);
  const large = encodeHeader({ type: 'cancel', ids });
  for (let i = 0; i < 1000; i++) encodeHeader({ type: 'heartbeat', i });
  assert.deepStrictEqual(decodeHeader(frame), message);
  assert.deepStrictEqual(decodeHeader(large), { type: 'cancel', ids });
});

test('generated messages arrive as they were sent', () => {
  const fields = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(fc.property(fc.string(), fields, (type, rest) => {
    const sent = JSON.parse(JSON.stringify({ ...rest, type }), (key, value: unknown) => {
      return key === '__proto__' ? undefined : value; // the one name that no field of ours may have
    }) as object;
    assert.deepStrictEqual(decodeHeader(encodeHeader(sent)), sent);
  }), { numRuns: 300 });
});

test('another version is refused, and the message names both', () => {
  const frame = encodeHeader(message);
  frame[0] = PROTOCOL_VERSION + 6;
  assert.throws(() => decodeHeader(frame), {
    code: 'BAD_MESSAGE',
    message: `a message of protocol version ${frame[0]} came; this process speaks version ${PROTOCOL_VERSION}`,
  });
});

test('what is not a map with a type is refused', () => {
  for (const value of [[], [1], {}, { type: 1 }, { Type: 'a' }, Object.assign([], { type: 'a' })]) {
    assert.throws(() => decodeHeader(encodeHeader(value)), { code: 'BAD_MESSAGE' });
  }
  for (const bytes of [[], [1], [1, 0xc0], [1, 5], [1, 0xa1, 0x61], [2, 0x80]]) {
    assert.throws(() => decodeHeader(Uint8Array.from(bytes)), { code: 'BAD_MESSAGE' });
  }
});

test('a header over the limits of size or nesting is refused', () => {
  const huge = new Uint8Array(HEADER_BYTES_MAX + 1);
  huge[0] = PROTOCOL_VERSION;
  assert.throws(() => decodeHeader(huge), { code: 'BAD_MESSAGE', message: /the limit is/ });
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = i % 2 === 0 ? [deep] : { deep };
  const frame = encodeHeader({ type: 'deep', deep });
  assert.throws(() => decodeHeader(frame), { code: 'BAD_MESSAGE', message: /nested deeper/ });
  const endless = new Uint8Array(1_000_000).fill(0x91);
  endless[0] = PROTOCOL_VERSION;
  assert.throws(() => decodeHeader(endless), { code: 'BAD_MESSAGE' });
});

test('bytes that were made up, cut or changed decode or are BAD_MESSAGE', () => {
  const valid = Uint8Array.from(encodeHeader(message));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    decodesOrRefuses(Uint8Array.from([PROTOCOL_VERSION, ...bytes]));
  }), { numRuns: 2000 });
  fc.assert(fc.property(fc.nat(valid.length - 1), fc.nat(255), (at, byte) => {
    assert.throws(() => decodeHeader(valid.subarray(0, at)), { code: 'BAD_MESSAGE' });
    decodesOrRefuses(valid.with(at, byte));
  }), { numRuns: 2000 });
});

function decodesOrRefuses(frame: Uint8Array): void {
  try {
    assert.equal(typeof decodeHeader(frame).type, 'string');
  } catch (error) {
    assert.ok(error instanceof ComputeError && error.code === 'BAD_MESSAGE', String(error));
  }
}
