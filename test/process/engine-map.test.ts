// Many inputs through one function: order, back-pressure, and what is left when somebody stops early.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineOf, linesOf, until, within, withSite } from './harness.ts';

test('map yields every result, as they complete or in the order of the inputs', () =>
  withSite(engineOf(), async ({ executor }) => {
    const inputs = Array.from({ length: 500 }, (_, i) => i);
    const ordered: number[] = [];
    for await (const value of executor.map((x: number) => x * 2, inputs, { ordered: true })) ordered.push(value);
    assert.deepEqual(ordered, inputs.map((x) => x * 2));

    const sleep = async (ms: number): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    };
    const completed: number[] = [];
    for await (const value of executor.map(sleep, [400, 1, 2])) completed.push(value);
    assert.equal(completed.at(-1), 400);
    assert.deepEqual(completed.toSorted((a, b) => a - b), [1, 2, 400]);
    const none: number[] = [];
    for await (const value of executor.map(sleep, [])) none.push(value);
    assert.deepEqual(none, []);
  }));

test('an endless source is read no further than the window, and is closed when the taker stops', () =>
  withSite(engineOf(), async ({ executor }) => {
    let read = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (;;) yield read++;
      } finally {
        closed = true;
      }
    }
    let taken = 0;
    let furthest = 0;
    for await (const _ of executor.map((x: number) => x, endless(), { window: 50 })) {
      taken++;
      furthest = Math.max(furthest, read - taken);
      if (taken === 1000) break;
    }
    assert.ok(furthest <= 52, `read ${furthest} ahead`);
    assert.ok(closed);
    await within(5000, 'what was open', executor.drain());
    assert.equal(executor.status().waiting, 0);
  }));

test('a taker that stops early cancels what is open, and a signal does while the taker waits', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const run = async ([file, ms]: [string, number]): Promise<number> => {
      (require('node:fs') as typeof import('node:fs')).appendFileSync(file, 'x\n');
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    };
    const inputs = (file: string, first: number): [string, number][] =>
      Array.from({ length: 20 }, (_, i) => [file, i === 0 ? first : 60_000]);
    const early = join(directory, 'early');
    for await (const value of executor.map(run, inputs(early, 1))) {
      assert.equal(value, 1);
      break;
    }
    await within(5000, 'what was open', executor.drain());
    const started = linesOf(early).length;
    assert.ok(started <= 4, `${started} were started`);

    const waiting = join(directory, 'waiting');
    const controller = new AbortController();
    const iterator = executor.map(run, inputs(waiting, 60_000), { signal: controller.signal });
    const first = iterator.next();
    await until('running tasks', () => linesOf(waiting).length === 2);
    controller.abort(new Error('enough'));
    await within(5000, 'the end', assert.rejects(first, { message: 'enough' }));
    await within(5000, 'what was open', executor.drain());
    assert.deepEqual([linesOf(waiting).length, linesOf(early).length], [2, started], 'nothing more was started');
  }));

test('the first failure of a task or of the source ends the iteration and cancels the rest', () =>
  withSite(engineOf(), async ({ executor }) => {
    const failing = async (x: number): Promise<number> => {
      if (x === 3) throw new RangeError('three');
      if (x > 3) await new Promise((resolve) => setTimeout(resolve, 60_000));
      return x;
    };
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const value of executor.map(failing, [0, 1, 2, 3, 4, 5, 6], { ordered: true })) seen.push(value);
    }, { name: 'RangeError', message: 'three' });
    assert.deepEqual(seen, [0, 1, 2]);
    async function* source(): AsyncGenerator<number> {
      yield 1;
      throw new TypeError('the source is broken');
    }
    await assert.rejects(async () => {
      for await (const _ of executor.map((x: number) => x, source())) { /* taken */ }
    }, { name: 'TypeError', message: 'the source is broken' });
    await within(8000, 'what was open', executor.drain());
  }));
