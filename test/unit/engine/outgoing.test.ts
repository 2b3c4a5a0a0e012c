import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settleEnded, settleResults } from '../../../engine/incoming.ts';
import { batchFrames, Outgoing } from '../../../engine/outgoing.ts';
import { Pending, type SentBatch } from '../../../engine/pending.ts';
import { decodeTaskColumns, encodeResultColumns } from '../../../src/common/columns.ts';
import { STATUS, type FunctionId, type Kind, type ResultBatch, type TaskId } from '../../../src/common/protocol.ts';

const kindOf = (fn: string): Kind => ({ fn: fn as FunctionId, timeoutMs: 0, retries: 0, minRemainingMs: 0 });
const HOPS = { submittedAtMs: 0, sentAtMs: 0, queuedAtMs: 0, dispatchedAtMs: 0, receivedAtMs: 0 };

interface Desk {
  readonly out: Outgoing;
  readonly batches: SentBatch[];
  readonly add: (id: number, kind: Kind, bytes: Uint8Array, buffers?: Uint8Array[]) => void;
}

function outgoing(): Desk {
  const batches: SentBatch[] = [];
  const out = new Outgoing((batch) => batches.push(batch));
  const add: Desk['add'] = (id, kind, bytes, buffers = []) =>
    out.add(id as TaskId, kind, bytes, buffers, () => id);
  return { out, batches, add };
}

/** Ids and payloads as they would arrive. */
function arriving(batch: SentBatch, isOpen?: (id: number) => boolean): [number, string][] {
  const { header, frames: [columns, payload] } = batchFrames(batch, 0, isOpen);
  assert.ok(columns && payload);
  const { ids, sizes } = decodeTaskColumns(columns, header.count);
  let at = 0;
  return Array.from(ids, (id, i) => [id, Buffer.from(payload.subarray(at, at += sizes[i] ?? 0)).toString()]);
}

test('tasks of one kind that are submitted in one go become one batch', () => {
  const { out, batches, add } = outgoing();
  const [f, g] = [kindOf('f'), kindOf('g')];
  add(1, f, Buffer.from('one'));
  add(2, f, Buffer.from(''));
  add(3, g, Buffer.from('three'));
  assert.equal(out.empty, false);
  out.flush();
  out.flush();
  const told = batches.map(({ kind, first, count, submittedAtMs }) => [kind.fn, first, count, submittedAtMs]);
  assert.deepEqual(told, [['f', 1, 2, 1], ['g', 3, 1, 3]]);
  assert.deepEqual(batches.flatMap((batch) => arriving(batch)), [[1, 'one'], [2, ''], [3, 'three']]);
});

test('a task with large buffers travels alone, in its turn', () => {
  const { out, batches, add } = outgoing();
  const f = kindOf('f');
  const large = new Uint8Array(5);
  add(1, f, Buffer.from('a'));
  add(2, f, Buffer.from('b'), [large]);
  add(3, f, Buffer.from('c'));
  out.flush();
  assert.deepEqual(batches.map(({ first, count, buffers }) => [first, count, buffers.length]),
    [[1, 1, 0], [2, 1, 1], [3, 1, 0]]);
  const [, second] = batches;
  assert.ok(second);
  const { header, frames } = batchFrames(second, 0);
  assert.deepEqual([header.buffers, frames[2]], [1, large]);
});

test('a batch is closed when it is long or heavy, and what is larger than all grows it', () => {
  const { out, batches, add } = outgoing();
  const f = kindOf('f');
  for (let id = 1; id <= 1500; id++) add(id, f, Uint8Array.of(id & 255));
  for (let id = 1501; id <= 1504; id++) add(id, f, new Uint8Array(600_000).fill(id & 255));
  out.flush();
  assert.deepEqual(batches.map(({ count }) => count), [1024, 477, 1, 1, 1]);
  assert.deepEqual(batches.flatMap((batch) => arriving(batch)).map(([id]) => id),
    Array.from({ length: 1504 }, (_, i) => i + 1));
  assert.ok(batches.at(-1)?.payload.every((byte) => byte === (1504 & 255)));
});

test('what is sent again are the open tasks only, with their own payloads', () => {
  const { out, batches, add } = outgoing();
  const f = kindOf('f');
  for (let id = 1; id <= 5; id++) add(id, f, Buffer.from('x'.repeat(id)));
  out.flush();
  const [batch] = batches;
  assert.ok(batch);
  assert.deepEqual(arriving(batch, (id) => id % 2 === 0), [[2, 'xx'], [4, 'xxxx']]);
  assert.deepEqual(arriving(batch, () => false), []);
});

/** Five open tasks in one batch, and what their sinks are told. */
function five(): { pending: Pending; told: string[] } {
  const pending = new Pending();
  const told: string[] = [];
  for (let n = 1; n <= 5; n++) {
    pending.add({
      onOutcome: (ok, outcome, arrived, at) =>
        told.push(`${n} ${ok ? 'ok' : 'failed'} ${Buffer.from(outcome).toString()} ${arrived.runMs[at]}`),
      onFailure: ({ code }) => told.push(`${n} ${code}`),
    });
  }
  pending.keep({
    kind: kindOf('f'), first: 1, count: 5, submittedAtMs: 0, sizes: new Uint32Array(5), payload: new Uint8Array(0),
    buffers: [], open: 5,
  });
  return { pending, told };
}

function results(
  ids: readonly number[], failed: readonly number[] = [],
): { header: ResultBatch; frames: Uint8Array[] } {
  const columns = encodeResultColumns({
    ids: Float64Array.from(ids), startedMs: new Float32Array(ids.length), runMs: Float32Array.from(ids),
    sizes: new Uint32Array(ids.length).fill(2),
    status: Uint8Array.from(ids, (id) => (failed.includes(id) ? STATUS.failed : STATUS.ok)),
  });
  const header: ResultBatch = {
    count: ids.length, attempt: 1, buffers: 0, failures: failed.length > 0, worker: 0, startedAtMs: 0,
    returnedAtMs: 0, hops: HOPS,
  };
  return { header, frames: [columns, Buffer.from(ids.map((id) => `r${id}`).join(''))] };
}

test('each result reaches whoever waits for it, once, and duplicates reach nobody', () => {
  const { pending, told } = five();
  const [one, two] = [results([4, 2], [2]), results([2, 4, 1, 77])];
  const frames = [new Uint8Array(0), ...one.frames, ...two.frames];
  assert.equal(settleResults(pending, [one.header, two.header], frames, 0), 3);
  assert.deepEqual(told, ['4 ok r4 4', '2 failed r2 2', '1 ok r1 1']);
  assert.equal(settleResults(pending, [one.header], frames, 0), 0);
  assert.deepEqual([pending.open, [...pending.batches()].map(({ open }) => open)], [2, [2]]);
});

test('tasks that ended without a manager are told why, once', () => {
  const { pending, told } = five();
  const failure = { code: 'TASK_CANCELLED', name: 'ComputeError', message: 'the task was cancelled' } as const;
  const frames = [new Uint8Array(0), new Uint8Array(Float64Array.of(1, 2, 3, 3, 9).buffer)];
  assert.equal(settleEnded(pending, { type: 'ended', count: 5, failure }, frames, 0), 3);
  assert.deepEqual(told, ['1 TASK_CANCELLED', '2 TASK_CANCELLED', '3 TASK_CANCELLED']);
  assert.throws(() => settleEnded(pending, { type: 'ended', count: 4, failure }, frames, 0), { code: 'BAD_MESSAGE' });
  assert.throws(() => settleResults(pending, [results([1]).header], [], 0), { code: 'BAD_MESSAGE' });
});
