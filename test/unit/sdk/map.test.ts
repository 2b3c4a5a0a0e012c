import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineFuture } from '../../../src/sdk/engine-future.ts';
import { mapTasks, type MapOptions } from '../../../src/sdk/map.ts';
import { encodeFailure, encodePayload } from '../../../src/common/payload.ts';
import type { TaskId } from '../../../src/common/protocol.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Arrived } from '../../../engine/pending.ts';
import { settle } from '../../fakes/clock.ts';

const ARRIVED: Arrived = {
  header: {
    count: 1, attempt: 1, buffers: 0, failures: false, worker: 0, startedAtMs: 0, returnedAtMs: 0,
    hops: { submittedAtMs: 0, sentAtMs: 0, queuedAtMs: 0, dispatchedAtMs: 0, receivedAtMs: 0 },
  },
  startedMs: new Float32Array(1), runMs: new Float32Array(1), buffers: [], settledAtMs: 0,
};

const CANCELLED = { code: 'TASK_CANCELLED', name: 'ComputeError', message: 'the task was cancelled' } as const;

/** Submitted futures by input, which the test settles as it likes. */
class Desk {
  readonly futures = new Map<number, EngineFuture<number>>();
  readonly cancelled: number[] = [];

  submit = (input: number): EngineFuture<number> => {
    const cancel = (ids: readonly TaskId[]): void => {
      for (const id of ids) {
        this.cancelled.push(id);
        this.futures.get(id)?.onFailure(CANCELLED);
      }
    };
    // All of an engine that a future uses here.
    const future = new EngineFuture<number>({ cancel } as unknown as Engine);
    future.id = input as TaskId;
    this.futures.set(input, future);
    return future;
  };

  finish(...inputs: number[]): Promise<void> {
    for (const input of inputs) this.futures.get(input)?.onOutcome(true, encodePayload(input * 10).bytes, ARRIVED, 0);
    return settle();
  }

  fail(input: number): Promise<void> {
    const failure = encodeFailure(new RangeError(`no ${input}`), 'TASK_RAISED');
    this.futures.get(input)?.onOutcome(false, encodePayload(failure).bytes, ARRIVED, 0);
    return settle();
  }

  /** Starts the iteration and notes what it yields, and how it ends. */
  async run(
    inputs: Iterable<number> | AsyncIterable<number>, options: MapOptions,
  ): Promise<{ yielded: unknown[]; ended: Promise<void> }> {
    const yielded: unknown[] = [];
    const ended = (async () => {
      for await (const value of mapTasks(this.submit, inputs, options)) yielded.push(value);
      yielded.push('end');
    })().catch((error: unknown) => { yielded.push(String(error)); });
    await settle();
    return { yielded, ended };
  }
}

test('results come as they complete, or in the order of the inputs', async () => {
  for (const ordered of [false, true]) {
    const desk = new Desk();
    const { yielded, ended } = await desk.run([1, 2, 3], { ordered });
    await desk.finish(3);
    assert.deepEqual(yielded, ordered ? [] : [30]);
    await desk.finish(1, 2);
    await ended;
    assert.deepEqual(yielded, ordered ? [10, 20, 30, 'end'] : [30, 10, 20, 'end']);
  }
});

test('inputs are read only as far as the window is open', async () => {
  for (const ordered of [false, true]) {
    const desk = new Desk();
    const { yielded, ended } = await desk.run([1, 2, 3, 4], { ordered, window: 2 });
    assert.deepEqual([...desk.futures.keys()], [1, 2]);
    await desk.finish(2);
    // In order, 2 has to wait for 1 and keeps its place.
    assert.deepEqual([...desk.futures.keys()], ordered ? [1, 2] : [1, 2, 3]);
    await desk.finish(1);
    assert.deepEqual([...desk.futures.keys()], [1, 2, 3, 4]);
    await desk.finish(3, 4);
    await ended;
    assert.equal(yielded.length, 5);
  }
});

test('results that nobody takes hold the inputs up, too', async () => {
  const desk = new Desk();
  const iterator = mapTasks(desk.submit, [1, 2, 3, 4], { window: 2 });
  const first = iterator.next();
  await settle();
  await desk.finish(1, 2);
  assert.deepEqual(await first, { value: 10, done: false });
  await settle();
  assert.deepEqual([...desk.futures.keys()], [1, 2, 3]);
  assert.deepEqual(await iterator.return(), { value: undefined, done: true });
  assert.deepEqual(desk.cancelled, [3]);
});

test('the first failure ends it, as itself, and cancels what is open', async () => {
  const desk = new Desk();
  const { yielded, ended } = await desk.run([1, 2, 3], {});
  await desk.fail(2);
  await ended;
  assert.deepEqual([yielded, desk.cancelled], [['RangeError: no 2'], [1, 3]]);
});

test('a source that fails ends it, and a source is closed when it is not read to its end', async () => {
  let closed = 0;
  async function* source(fails: boolean): AsyncGenerator<number> {
    try {
      yield 1;
      if (fails) throw new Error('no more inputs');
      yield 2;
      yield 3;
    } finally {
      closed++;
    }
  }
  const failing = new Desk();
  const { yielded, ended } = await failing.run(source(true), {});
  await ended;
  assert.deepEqual([yielded, failing.cancelled, closed], [['Error: no more inputs'], [1], 1]);
  const left = new Desk();
  const iterator = mapTasks(left.submit, source(false), { window: 1 });
  const first = iterator.next();
  await settle();
  await left.finish(1);
  await first;
  await iterator.return();
  assert.equal(closed, 2);
});

test('an abort ends it with its reason and cancels what is open', async () => {
  const desk = new Desk();
  const controller = new AbortController();
  const { yielded, ended } = await desk.run([1, 2, 3], { signal: controller.signal, window: 2 });
  controller.abort(new Error('enough'));
  await ended;
  assert.deepEqual([yielded, desk.cancelled], [['Error: enough'], [1, 2]]);
  const late = await desk.run([9], { signal: controller.signal });
  await late.ended;
  assert.deepEqual([late.yielded, desk.futures.has(9)], [['Error: enough'], false]);
});

test('an abort ends it though the source never says what comes next', async () => {
  const desk = new Desk();
  const controller = new AbortController();
  let closed = false;
  const inputs: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => { /* never */ }),
      return: () => {
        closed = true;
        return new Promise(() => { /* never */ });
      },
    }),
  };
  const { yielded, ended } = await desk.run(inputs, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await ended;
  assert.deepEqual([yielded, closed], [['Error: enough'], true]);
});

test('a window that lets nothing through is refused', async () => {
  for (const window of [0, -1, NaN]) {
    const { yielded, ended } = await new Desk().run([1], { window });
    await ended;
    assert.match(String(yielded), /window is .* and must be 1 or more/);
  }
});
