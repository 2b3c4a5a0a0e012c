// What a process may do that has a manager's key: it runs beside its users' code, so it may be anything.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeHeader, encodeHeader, type Header } from '../../src/common/codec.ts';
import { PROTOCOL_VERSION, STATUS, type TaskId } from '../../src/common/protocol.ts';
import type { Frame } from '../../engine/socket.ts';
import { until } from './harness.ts';
import { checkService, packed, registration, resultFrames, Wire, WireClient, WireManager } from './wire.ts';

/** A seed that failed, to run it alone. */
const SEED = process.env['SEED'];
const MUTANTS = Number(process.env['MUTANTS'] ?? 1500);

const junk = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, NaN, Infinity, -1, 0, 0.5, 2 ** 31, 2 ** 53, 1n, 2n ** 60n),
  fc.constantFrom<unknown>('', '1', [], {}),
  fc.integer(), fc.string({ maxLength: 20 }), fc.array(fc.integer({ min: -2, max: 50 }), { maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }), fc.constant('x'.repeat(10_000)), fc.constant(Array.from({ length: 5000 }, () => 7)),
  fc.constant([[[[]]]]), fc.record({ type: fc.string(), ids: fc.constant([1, 2, 3]) }),
);

const [HEADER = new Uint8Array(0), ...BODY] = resultFrames([1, 2, 3], 'x');
const RESULTS = decodeHeader(HEADER) as Header & { batches: object[] };

/** Our own messages, each with what may be wrong with a message of its kind. */
const message: fc.Arbitrary<Frame[]> = fc.oneof(
  mutated({ ...registration('0.node.mutant', 4) }),
  mutated({ type: 'returned', ids: [1, 2, 3] }),
  mutated({ type: 'heartbeat' }), mutated({ type: 'draining' }),
  fc.record({
    field: fc.constantFrom('count', 'attempt', 'buffers', 'failures', 'worker', 'startedAtMs', 'hops'), value: junk,
  })
    .map(({ field, value }) => [packed({ ...RESULTS, batches: [{ ...RESULTS.batches[0], [field]: value }] }), ...BODY]),
  mutated(RESULTS, BODY),
  fc.record({
    ids: fc.array(fc.oneof(fc.integer({ min: -2, max: 60 }), fc.double()), { maxLength: 30 }), status: fc.nat(255),
  })
    .map(({ ids, status }) => resultFrames(ids, 'x', {}, status)),
  fc.record({ frames: fc.constant(resultFrames([1, 2, 3], 'x')), drop: fc.nat(3), cut: fc.nat(60) })
    .map(({ frames, drop, cut }) => frames.map((frame, i) => (i === drop ? frame.subarray(0, cut) : frame))),
  fc.record({ frames: fc.constant(resultFrames([1, 2, 3], 'x')), at: fc.nat(200), bit: fc.nat(7) })
    .map(({ frames, at, bit }) => flipped(frames, at, bit)),
  fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 5 }),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => [Uint8Array.of(PROTOCOL_VERSION, ...bytes)]),
);

function mutated(whole: { readonly [field: string]: unknown }, body?: readonly Frame[]): fc.Arbitrary<Frame[]> {
  const field = fc.constantFrom(...Object.keys(whole), 'extra');
  return fc.record({ field, value: junk, frames: fc.array(fc.uint8Array()) })
    .map(({ field: name, value, frames }) => [packed({ ...whole, [name]: value }), ...body ?? frames]);
}

function flipped(frames: readonly Frame[], at: number, bit: number): Frame[] {
  let left = at;
  return frames.map((frame) => {
    const copy = new Uint8Array(frame);
    if (left >= 0 && left < copy.length) copy[left] = (copy[left] ?? 0) ^ (1 << bit);
    left -= frame.length;
    return copy;
  });
}

test('whatever a manager says, the interchange serves on and nobody else is the worse for it', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const good = await new WireManager(wire, 'good').join();
  good.holds = true;
  const kept = client.submit(4);
  await until('the good one has them', () => good.tasks.length === 4);
  // Registered, so that what it says is looked at as closely as can be; and one that never registers.
  const mutant = await new WireManager(wire, 'mutant', 1).join();
  const stranger = new WireManager(wire, 'stranger');
  const seed = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
  const before = await wire.residentMiB();
  for (const [i, frames] of fc.sample(message, { numRuns: MUTANTS, seed }).entries()) {
    (i % 4 === 0 ? stranger : mutant).raw(frames);
    if (i % 100 === 0) await client.dump();
  }
  await client.dump();
  assert.equal(wire.exit, undefined, `with SEED=${seed}`);
  assert.deepEqual([...client.endings.keys()], [], `with SEED=${seed}, a task of another ended`);
  await mutant.close();
  await stranger.close();
  good.finish(kept);
  good.holds = false;
  assert.deepEqual(await client.ended(kept), kept.map(() => `by ${good.id}`), `with SEED=${seed}`);
  await checkService(wire, client, 'after');
  assert.ok(await wire.residentMiB() - before < 200, 'memory is bounded');
});

test('a result counts only from a manager that was given the task', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const good = await new WireManager(wire, 'good', 2).join();
  good.holds = true;
  const held = client.submit(2);
  await until('the good one has them', () => good.tasks.length === 2);
  const bad = await new WireManager(wire, 'bad', 1).join();
  bad.holds = true;
  const [own, ...waiting] = client.submit(3);
  await until('the bad one has one', () => bad.tasks.length === 1);
  assert.ok(own !== undefined);
  for (const status of Object.values(STATUS)) bad.finish([...held, ...waiting, 999], {}, status);
  bad.send({ type: 'returned', ids: [...held, ...waiting, 999 as TaskId] });
  bad.send({ ...registration(bad.id, 1), held: [own, ...held, ...waiting] });
  await client.dump();
  assert.deepEqual([...client.endings], []);
  good.holds = false;
  good.finish(held);
  assert.deepEqual(await client.ended([...held, ...waiting]), [1, 2, 3, 4].map(() => `by ${good.id}`));
  bad.finish([own]);
  assert.deepEqual(await client.ended([own]), [`by ${bad.id}`]);
});

test('what is said again, too much or too little changes no count', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const bad = await new WireManager(wire, 'bad', 4).join();
  bad.holds = true;
  const ids = client.submit(8);
  await until('it has what it has slots for', () => bad.tasks.length === 4);
  const [first = 0 as TaskId, second = 0 as TaskId] = bad.tasks;
  bad.finish([first, first, first]);
  bad.finish([first]);
  bad.send({ type: 'returned', ids: Array.from({ length: 100_000 }, () => second) });
  await until('as many as became free', () => bad.tasks.length === 6);
  const { held, waiting } = await client.dump();
  assert.deepEqual({ held, waiting }, { held: 4, waiting: 3 });
  for (const window of [-1, 0.5, 1e15, NaN, '9', null]) {
    bad.raw([packed({ type: 'results', window, batches: [] })]);
  }
  assert.deepEqual(pick(await client.dump(), 'held', 'waiting'), { held: 4, waiting: 3 });
  bad.send({ type: 'returned', ids: [] });
  bad.holds = false;
  bad.finish(bad.tasks);
  // What is said twice in one breath reaches the client twice, which passes over the second.
  const endings = (await client.ended(ids)).flatMap((ending) => ending.split(', then '));
  assert.deepEqual(endings.filter((ending) => ending !== `by ${bad.id}`), []);
});

test('a registration under another name, of another version or without sense is refused, and only that', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const good = await new WireManager(wire, 'good', 2).join();
  good.holds = true;
  const ids = client.submit(2);
  await until('the good one has them', () => good.tasks.length === 2);
  const other = encodeHeader(registration('0.node.other', 4));
  other[0] = PROTOCOL_VERSION + 1;
  const refusals: [Frame, RegExp][] = [
    [encodeHeader(registration(good.id, 4)), /a name that is not its own/],
    [other, new RegExp(`protocol version ${PROTOCOL_VERSION + 1} and this interchange speaks ${PROTOCOL_VERSION}`)],
    [encodeHeader({ ...registration('0.node.bad2', 4), version: 7 }), /protocol version 7/],
    [encodeHeader({ ...registration('0.node.bad3', 4), slots: 0 }), /a register message with a bad slots/],
    [encodeHeader({ ...registration('0.node.bad4', 4), held: [1n] }), /a bad held/],
    [encodeHeader({ ...registration('0.node.bad5', 4), block: 'b'.repeat(300) }), /a bad block/],
  ];
  for (const [i, [frame, reason]] of refusals.entries()) {
    const bad = new WireManager(wire, `bad${i}`);
    bad.raw([frame]);
    await until(`refusal ${i}`, () => bad.heard.length > 0);
    assert.equal(bad.heard[0]?.type, 'refused');
    assert.match(String(bad.heard[0]?.['reason']), reason);
  }
  const joined = client.heard.filter(({ type }) => type === 'manager-joined');
  assert.equal(joined.length, 1);
  good.finish(ids);
  assert.deepEqual(await client.ended(ids), ids.map(() => `by ${good.id}`));
});

test('who takes over the name of a manager gets none of its tasks, and each ends once', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const good = await new WireManager(wire, 'good', 2).join();
  good.holds = true;
  const ids = client.submit(2);
  await until('the good one has them', () => good.tasks.length === 2);
  const thief = wire.dial(good.id);
  const heard: string[] = [];
  thief.listen((frames) => heard.push(String(frames.length)));
  thief.send([encodeHeader({ type: 'heartbeat' })]);
  await until('the thief was answered', () => heard.length > 0);
  await thief.close(true);
  const another = await new WireManager(wire, 'another').join();
  const endings = await client.ended(ids);
  assert.deepEqual(endings, ids.map(() => `by ${another.id}`));
  assert.equal(wire.exit, undefined);
});

function pick(from: { readonly [field: string]: unknown }, ...fields: string[]): { [field: string]: unknown } {
  return Object.fromEntries(fields.map((field) => [field, from[field]]));
}
