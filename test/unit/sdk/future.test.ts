import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineFuture } from '../../../src/sdk/engine-future.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { encodeFailure, encodePayload } from '../../../src/common/payload.ts';
import type { ManagerId } from '../../../src/common/protocol.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Arrived } from '../../../engine/pending.ts';

const NO_ENGINE = {} as unknown as Engine; // nothing here asks it for anything
const ARRIVED: Arrived = {
  header: {
    count: 1, attempt: 2, buffers: 0, failures: false, worker: 3, startedAtMs: 1000, returnedAtMs: 1100,
    forwardedAtMs: 1101,
    manager: '7.node.with.dots.0abc' as ManagerId,
    hops: { submittedAtMs: 1, sentAtMs: 2, queuedAtMs: 3, dispatchedAtMs: 4, receivedAtMs: 5 },
  },
  startedMs: Float32Array.of(0, 20), runMs: Float32Array.of(0, 50), buffers: [], settledAtMs: 1200,
};

const outcome = (value: unknown): Uint8Array => encodePayload(value).bytes;

test('a future settles whether it is awaited before or after', async () => {
  const future = new EngineFuture<number>(NO_ENGINE);
  const before = future.then((value) => value + 1);
  assert.deepEqual([future.status, future.attempts, future.timings, future.ranOn],
    ['waiting', 0, undefined, undefined]);
  future.onOutcome(true, outcome(41), ARRIVED, 1);
  assert.deepEqual([await before, await future, future.status, future.attempts], [42, 41, 'done', 2]);
});

test('where and when it ran is known afterwards', () => {
  const future = new EngineFuture<number>(NO_ENGINE);
  future.onOutcome(true, outcome(1), ARRIVED, 1);
  assert.deepEqual(future.ranOn, { node: 'node.with.dots', manager: '7.node.with.dots.0abc', block: '7', worker: 3 });
  const { startedAtMs, finishedAtMs, returnedAtMs, forwardedAtMs, settledAtMs, receivedAtMs } = future.timings ?? {};
  assert.deepEqual([receivedAtMs, startedAtMs, finishedAtMs, returnedAtMs, forwardedAtMs, settledAtMs],
    [5, 1020, 1070, 1100, 1101, 1200]);
});

test('an exception comes back as it was raised, each time the same', async () => {
  const future = new EngineFuture<number>(NO_ENGINE);
  const raised = new TypeError('no such thing', { cause: new Error('deeper') });
  future.onOutcome(false, outcome(encodeFailure(raised, 'TASK_RAISED')), ARRIVED, 0);
  const errors = await Promise.all([future.catch((error: unknown) => error), future.catch((error: unknown) => error)]);
  assert.ok(errors[0] instanceof TypeError && errors[0] === errors[1]);
  assert.deepEqual([errors[0].message, (errors[0].cause as Error).message, future.status],
    ['no such thing', 'deeper', 'failed']);
});

test('a cancelled task is cancelled, not failed', async () => {
  for (const code of ['TASK_CANCELLED', 'ENGINE_CLOSED'] as const) {
    const future = new EngineFuture<number>(NO_ENGINE);
    future.onFailure({ code, name: 'ComputeError', message: 'as you wished' });
    await assert.rejects(future.then(), { code });
    assert.equal(future.status, 'cancelled');
  }
});

test('a failure that says nothing one can read is a failure all the same', async () => {
  const nonsense = [undefined, null, 7, 'x', [], {}, { code: 1, message: 2 },
    { code: 'TASK_RAISED', message: 'x', name: 'AggregateError', errors: 7 },
    { code: 'TASK_RAISED', name: 5, message: 'x', stack: {}, properties: 'y', cause: [1] }];
  for (const value of nonsense) {
    const future = new EngineFuture<number>(NO_ENGINE);
    const seen = future.catch((error: unknown) => error);
    future.onOutcome(false, outcome(value), ARRIVED, 0);
    assert.equal(future.status, 'failed');
    assert.ok(await seen instanceof Error, JSON.stringify(value));
  }
  const broken = new EngineFuture<number>(NO_ENGINE);
  broken.onOutcome(true, Uint8Array.of(0xc1, 0xff), ARRIVED, 0);
  const error = await broken.catch((reason: unknown) => reason);
  assert.ok(error instanceof ComputeError);
  assert.deepEqual([error.code, broken.status], ['BAD_MESSAGE', 'failed']);
});
