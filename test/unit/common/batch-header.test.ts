import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeHeader, encodeHeader } from '../../../src/common/codec.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import type { FunctionId, Hops, ManagerId } from '../../../src/common/protocol.ts';

const whole = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const time = fc.double({ noNaN: true, noDefaultInfinity: true });
const hops: fc.Arbitrary<Hops> = fc.record({
  submittedAtMs: time, sentAtMs: time, queuedAtMs: time, dispatchedAtMs: time, receivedAtMs: time,
});
const taskBatch = fc.record({
  kind: fc.record({
    fn: fc.stringMatching(/^[\w-]{0,30}$/).map((text) => text as FunctionId),
    timeoutMs: time, retries: whole, minRemainingMs: time, priority: time,
  }, { requiredKeys: ['fn', 'timeoutMs', 'retries', 'minRemainingMs'] }),
  count: whole, attempt: whole, buffers: whole, hops,
});
const resultBatch = fc.record({
  count: whole, attempt: whole, buffers: whole, failures: fc.boolean(), worker: whole, startedAtMs: time,
  returnedAtMs: time, hops, manager: fc.stringMatching(/^[\w.-]{1,60}$/).map((text) => text as ManagerId),
  forwardedAtMs: time,
}, {
  requiredKeys: ['count', 'attempt', 'buffers', 'failures', 'worker', 'startedAtMs', 'returnedAtMs', 'hops'],
});
const message = fc.oneof(
  fc.record({ type: fc.constant('tasks'), batches: fc.array(taskBatch, { maxLength: 5 }) }),
  fc.record({ type: fc.constant('results'), window: whole, batches: fc.array(resultBatch, { maxLength: 5 }) }),
);

test('batches arrive as they were sent, with what is not there left out', () => {
  fc.assert(fc.property(message, (sent) => {
    const arrived = decodeHeader(encodeHeader(sent)) as unknown as { batches: { forwardedAtMs?: number }[] };
    // The interchange writes both or neither of a result's last two fields.
    const batches = sent.batches.map((batch) => ('forwardedAtMs' in batch && !('manager' in batch)
      ? { ...batch, manager: '' } : batch));
    assert.deepStrictEqual(JSON.parse(JSON.stringify(arrived)), JSON.parse(JSON.stringify({ ...sent, batches })));
  }));
});

test('a name that is too long for the short form travels all the same', () => {
  const fn = 'f'.repeat(300) as FunctionId;
  const zero = { submittedAtMs: 0, sentAtMs: 0, queuedAtMs: 0, dispatchedAtMs: 0, receivedAtMs: 0 };
  const kind = { fn, timeoutMs: 0, retries: 0, minRemainingMs: 0 };
  const sent = { type: 'tasks', batches: [{ kind, count: 1, attempt: 1, buffers: 0, hops: zero }] };
  assert.deepStrictEqual(decodeHeader(encodeHeader(sent)), sent);
});

test('a header that was cut, lengthened or changed is refused or read, never anything else', () => {
  fc.assert(fc.property(message, fc.nat(), fc.nat(255), (sent, at, byte) => {
    const bytes = encodeHeader(sent);
    const cut = bytes.subarray(0, at % bytes.length);
    if (cut.length > 1) assert.throws(() => decodeHeader(cut), isBadMessage);
    assert.throws(() => decodeHeader(Buffer.concat([bytes, Buffer.of(byte)])), isBadMessage);
    const changed = Buffer.from(bytes);
    changed[at % changed.length] = byte;
    try {
      decodeHeader(changed);
    } catch (error) {
      assert.ok(isBadMessage(error), String(error));
    }
  }), { numRuns: 500 });
});

function isBadMessage(error: unknown): boolean {
  return error instanceof ComputeError && error.code === 'BAD_MESSAGE';
}
