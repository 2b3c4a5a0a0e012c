import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ComputeError } from '../../../src/common/errors.ts';
import { decodePayload, encodeFailure, encodePayload, reviveFailure } from '../../../src/common/payload.ts';
import type { Failure } from '../../../src/common/protocol.ts';

test('an exception of the user comes back with its class, text, stack, code, properties and causes', () => {
  const error = Object.assign(new RangeError('too far', { cause: new SyntaxError('unread', { cause: 'a word' }) }), {
    code: 'E_FAR', limit: new Map([[1, -0]]), close: () => 'cannot travel',
  });
  const revived = travelled(error) as RangeError & Record<string, unknown>;
  assert.ok(revived instanceof RangeError);
  assert.deepEqual([revived.name, revived.message, revived.stack], ['RangeError', 'too far', error.stack]);
  assert.deepEqual(Object.fromEntries(Object.entries(revived)), { code: 'E_FAR', limit: new Map([[1, -0]]) });
  assert.ok(revived.cause instanceof SyntaxError);
  assert.deepEqual([revived.cause.message, revived.cause.cause], ['unread', 'a word']);
});

test('an exception of a class that is not known here keeps its name', () => {
  class SimulationError extends Error {
    override readonly name = 'SimulationError';
  }
  const revived = travelled(new SimulationError('diverged'));
  assert.equal(String(revived), 'SimulationError: diverged');
});

test('the errors of an AggregateError come along', () => {
  const revived = travelled(new AggregateError([new TypeError('one'), 2], 'all failed')) as AggregateError;
  assert.ok(revived instanceof AggregateError && revived.errors[0] instanceof TypeError);
  assert.deepEqual([revived.message, revived.errors[1]], ['all failed', 2]);
});

test('what is thrown without being an Error becomes one, with the thrown value as its cause', () => {
  const revived = travelled({ status: 3 });
  assert.equal(revived.message, '{ status: 3 } was thrown, which is not an Error');
  assert.deepEqual(revived.cause, { status: 3 });
  for (const thrown of [undefined, null, 'text', Symbol('s'), () => 1, 5n, new Proxy({}, hostile), hostileError()]) {
    assert.ok(travelled(thrown) instanceof Error);
  }
});

test('a circle of causes ends, and a failure does not grow with them', () => {
  const first = new Error('first');
  first.cause = new Error('second', { cause: first });
  const failure = encodeFailure(first, 'TASK_RAISED');
  assert.ok(encodePayload(failure).bytes.length < 64 * 1024);
  let depth = 0;
  for (let error: unknown = reviveFailure(failure); error instanceof Error; error = error.cause) depth++;
  assert.equal(depth, 9);
});

test('texts and properties without end are cut or left out', () => {
  const error = Object.assign(new Error('m'.repeat(1e6)), { dump: 'd'.repeat(1e6), bytes: Buffer.alloc(1e6) });
  assert.ok(encodePayload(encodeFailure(error, 'TASK_RAISED')).bytes.length < 200_000);
});

test('a failure of ours comes back as a ComputeError with its code, cause and details', () => {
  const options = { cause: new Error('exit 3'), details: { slot: 2 } };
  const error = new ComputeError('WORKER_LOST', 'worker thread ended', options);
  const failure = encodeFailure(error, 'WORKER_LOST', { task: 7 });
  const revived = reviveFailure(failure);
  assert.ok(revived instanceof ComputeError && revived.cause instanceof Error);
  assert.deepEqual([revived.code, revived.message, revived.details, revived.cause.message],
    ['WORKER_LOST', 'worker thread ended', { slot: 2, task: 7 }, 'exit 3']);
});

test('whatever is thrown, its failure can travel', () => {
  fc.assert(fc.property(fc.anything({ withBigInt: true, withMap: true, withSparseArray: true }), (thrown) => {
    assert.ok(travelled(thrown) instanceof Error);
    assert.ok(travelled(Object.assign(new Error('with'), { thrown })) instanceof Error);
  }), { numRuns: 300 });
});

function travelled(thrown: unknown): Error {
  const { bytes } = encodePayload(encodeFailure(thrown, 'TASK_RAISED'));
  return reviveFailure(decodePayload(bytes, []) as Failure);
}

const refuse = (): never => { throw new Error('do not look at me'); };
const hostile: ProxyHandler<object> = { get: refuse, ownKeys: refuse, getPrototypeOf: refuse };

function hostileError(): Error {
  return Object.defineProperty(new Error('hostile'), 'message', { get: refuse });
}
