// The ledger on a real disk. A crash is a copy of its file, cut at any byte.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../src/common/clock.ts';
import { silentLog } from '../../../src/common/log.ts';
import { Ledger } from '../../../src/endpoint/ledger.ts';
import { decodeRecord } from '../../../src/endpoint/ledger-record.ts';
import { scratch } from '../../fakes/scratch.ts';

const deps = { log: silentLog, clock: systemClock };

type Step =
  | { readonly type: 'accept'; readonly count: number; readonly bytes: number }
  | { readonly type: 'settle' | 'confirm'; readonly which: number }
  | { readonly type: 'flush' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('accept' as const), count: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(200) }),
  fc.record({ type: fc.constant('settle' as const), which: fc.nat() }),
  fc.record({ type: fc.constant('confirm' as const), which: fc.nat() }),
  fc.record({ type: fc.constant('flush' as const) }),
);

/** What has to be there after it all: contents of tasks without a result, results without a confirmation. */
interface Model {
  readonly open: Map<string, string>;
  readonly results: Map<string, string>;
}

async function play(ledger: Ledger, steps: readonly Step[]): Promise<Model> {
  const open = new Map<string, string>();
  const results = new Map<string, string>();
  for (const one of steps) {
    switch (one.type) {
      case 'accept': {
        const ids = Array.from({ length: one.count }, () => randomUUID());
        const content = `${ids.join()}${'x'.repeat(one.bytes)}`;
        for (const id of ids) open.set(id, content);
        void ledger.accept(ids, Buffer.from(content));
        break;
      }
      case 'settle': {
        const id = [...open.keys()][one.which % Math.max(1, open.size)];
        if (id === undefined) break;
        open.delete(id);
        results.set(id, `result of ${id}`);
        ledger.settle(id, () => Buffer.from(`result of ${id}`));
        break;
      }
      case 'confirm': {
        const id = [...results.keys()][one.which % Math.max(1, results.size)];
        if (id === undefined) break;
        results.delete(id);
        ledger.confirm([id]);
        break;
      }
      case 'flush': await ledger.flushed(); break;
    }
  }
  return { open, results };
}

async function contentsOf(ledger: Ledger): Promise<Model> {
  const open = new Map<string, string>();
  for await (const { ids, content } of ledger.unfinished()) {
    for (const id of ids) open.set(id, Buffer.from(content).toString());
  }
  const results = new Map<string, string>();
  for (const id of ledger.settledIds()) {
    results.set(id, Buffer.from(await ledger.resultOf(id) ?? []).toString());
  }
  return { open, results };
}

test('what was said is there again, however often the file was written anew', async () => {
  await using files = await scratch();
  let runs = 0;
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.constantFrom(200, 2_000, 1e9), async (
    steps, deadBytesMax,
  ) => {
    const directory = files.at(String(++runs));
    await mkdir(directory);
    const ledger = await Ledger.open({ directory, deadBytesMax }, deps);
    const model = await play(ledger, steps);
    assert.deepEqual([ledger.unsettled, ledger.unconfirmed], [model.open.size, model.results.size]);
    await ledger.close(10_000);
    const again = await Ledger.open({ directory, deadBytesMax }, deps);
    assert.deepEqual(await contentsOf(again), model);
    await again.close(10_000);
  }), { numRuns: 40 });
});

test('a crash at any byte leaves what was said until then, and nothing that was on the disk is lost', async () => {
  await using files = await scratch();
  let runs = 0;
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), place, async (steps, where) => {
    const directory = files.at(String(++runs));
    await mkdir(directory);
    const ledger = await Ledger.open({ directory }, deps);
    await play(ledger, steps);
    await ledger.flushed();
    const whole = await readFile(join(directory, 'ledger'));
    await ledger.close(10_000);
    const cut = Math.round(whole.length * where);
    const crashed = files.at(`${runs}-crashed`);
    await mkdir(crashed);
    await writeFile(join(crashed, 'ledger'), whole.subarray(0, cut));
    const again = await Ledger.open({ directory: crashed }, deps);
    assert.deepEqual(await contentsOf(again), modelOf(whole, cut));
    // It can be gone on with.
    const id = randomUUID();
    await again.accept([id], Buffer.from('later'));
    await again.close(10_000);
    const third = await Ledger.open({ directory: crashed }, deps);
    assert.ok(third.has(id));
    await third.close(10_000);
  }), { numRuns: 60 });
});

/** By the records that are whole before `end`. */
function modelOf(bytes: Buffer, end: number): Model {
  const open = new Map<string, string>();
  const results = new Map<string, string>();
  for (let at = 0; at < end;) {
    const placed = decodeRecord(bytes, at);
    if (placed === undefined || at + placed.length > end) break;
    at += placed.length;
    const { record } = placed;
    if (record.type === 'accepted') for (const id of record.ids) open.set(id, Buffer.from(record.content).toString());
    if (record.type === 'settled') {
      open.delete(record.id);
      results.set(record.id, Buffer.from(record.content).toString());
    }
    if (record.type === 'confirmed') {
      for (const id of record.ids) {
        open.delete(id);
        results.delete(id);
      }
    }
  }
  return { open, results };
}

test('a result that is confirmed at once is never written', async () => {
  await using files = await scratch();
  const ledger = await Ledger.open({ directory: files.path }, deps);
  const id = randomUUID();
  await ledger.accept([id], Buffer.from('task'));
  const { size } = await stat(files.at('ledger'));
  ledger.settle(id, () => { throw new Error('was asked for'); });
  ledger.confirm([id]);
  await ledger.flushed();
  assert.ok((await stat(files.at('ledger'))).size < size + 50);
  assert.ok(ledger.has(id), 'its message may come once more');
  await ledger.close(10_000);
  assert.equal((await stat(files.at('ledger'))).size, 0, 'nothing is open');
});

test('a message whose tasks are over before its turn comes is never written', async () => {
  await using files = await scratch();
  const ledger = await Ledger.open({ directory: files.path }, deps);
  const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
  const both = ledger.accept([first, second], Buffer.from('both'));
  const other = ledger.accept([third], Buffer.from('other'));
  for (const id of [first, second]) {
    ledger.settle(id, () => { throw new Error('was asked for'); });
    ledger.confirm([id]);
  }
  await both;
  assert.equal((await stat(files.at('ledger'))).size, 0, 'the broker may forget it before anything is written');
  await other;
  const bytes = await readFile(files.at('ledger'));
  assert.ok(bytes.includes('other') && !bytes.includes('both'));
  assert.ok(ledger.has(first) && ledger.has(second), 'its message may come once more');
  assert.deepEqual([...(await contentsOf(ledger)).open], [[third, 'other']]);
  await ledger.close(10_000);
});

test('a file that grows and grows is written anew while it is used', async () => {
  await using files = await scratch();
  const ledger = await Ledger.open({ directory: files.path, deadBytesMax: 10_000 }, deps);
  const kept = randomUUID();
  await ledger.accept([kept], Buffer.from('kept'));
  for (let i = 0; i < 200; i++) {
    const ids = [randomUUID(), randomUUID()];
    await ledger.accept(ids, Buffer.alloc(1_000));
    ledger.confirm(ids);
  }
  await ledger.flushed();
  assert.ok((await stat(files.at('ledger'))).size < 25_000);
  const { open } = await contentsOf(ledger);
  assert.deepEqual([...open], [[kept, 'kept']]);
  await ledger.close(10_000);
});

test('a directory that is not there says where and what', async () => {
  await assert.rejects(Ledger.open({ directory: '/nowhere/at/all' }, deps), (error: Error) => {
    assert.match(error.message, /\/nowhere\/at\/all\/ledger could not be opened/);
    return Reflect.get(error, 'code') === 'STORAGE_FAILED';
  });
});
