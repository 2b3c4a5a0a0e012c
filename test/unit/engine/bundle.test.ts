import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bundle, unbundle } from '../../../engine/bundle.ts';
import { encodeHeader } from '../../../src/common/codec.ts';
import { ComputeError } from '../../../src/common/errors.ts';

const header = encodeHeader({ type: 'heartbeat' });
const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });

test('small messages travel as one frame and arrive as they were', () => {
  fc.assert(fc.property(frames, (rest) => {
    const [whole, ...more] = bundle([header, ...rest]);
    assert.deepEqual(more, []);
    const parts = unbundle([whole ?? assert.fail()]);
    assert.deepEqual(parts.map((frame) => [...frame]), [header, ...rest].map((frame) => [...frame]));
  }));
});

test('every part begins where its columns are aligned, if the whole does', () => {
  const parts = unbundle(bundle([header, new Uint8Array(3), new Uint8Array(16)]).map((frame) => new Uint8Array(frame)));
  for (const part of parts) assert.equal(part.byteOffset % 8, 0);
});

test('large messages, and single frames, are left as they are', () => {
  const large = [header, new Uint8Array(20_000)];
  assert.equal(bundle(large), large);
  const single = [header];
  assert.equal(bundle(single), single);
  assert.equal(unbundle(large), large);
  assert.equal(unbundle(single), single);
});

test('a bundle that was cut or changed is refused or taken apart, never anything else', () => {
  fc.assert(fc.property(frames, fc.nat(), fc.nat(255), (rest, at, byte) => {
    const whole = bundle([header, ...rest])[0] ?? assert.fail();
    assert.throws(() => unbundle([whole.subarray(0, 1 + (at % (whole.length - 1)))]), isBadMessage);
    const changed = new Uint8Array(whole);
    changed[at % changed.length] = byte;
    try {
      unbundle([changed]);
    } catch (error) {
      assert.ok(isBadMessage(error), String(error));
    }
  }), { numRuns: 500 });
});

function isBadMessage(error: unknown): boolean {
  return error instanceof ComputeError && error.code === 'BAD_MESSAGE';
}
