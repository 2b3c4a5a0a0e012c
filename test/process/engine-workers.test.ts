// Workers that die under a task: only that task is affected, its future hears of it at once, and the slot goes on.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { engineOf, failure, linesOf, settled, task, until, withSite } from './harness.ts';

/** Aimed at: 100 ms. Asserted with room for a machine that does other things, too. */
const NOTICED_MS = 2000;

function noticed(t: TestContext, what: string, path: string, atMs: number): void {
  const ms = atMs - Number(readFileSync(path, 'utf8'));
  t.diagnostic(`${what}: the future knew after ${ms} ms`);
  assert.ok(ms < NOTICED_MS, `${what}: ${ms} ms`);
}

test('three tasks that end their worker fail with WORKER_LOST and the cause; it is replaced each time', (t) =>
  withSite(engineOf({ max_workers_per_node: 1 }), async ({ executor, directory, connected }) => {
    const [manager] = await connected(1);
    for (const code of [0, 1, 42]) {
      const path = join(directory, `exit-${code}`);
      const { error, atMs } = await settled(executor.submit(task('exit'), path, code));
      assert.equal(error.code, 'WORKER_LOST');
      assert.match(error.message, new RegExp(`the worker ended while it ran the task: it exited with code ${code}$`));
      noticed(t, `exit ${code}`, path, atMs);
      assert.equal(await executor.submit(task('add'), code, 1), code + 1);
    }
    assert.deepEqual(await connected(1), [manager], 'the manager is the same');
  }));

test('an exception out of band fails the task that runs, with its name and text', (t) =>
  withSite(engineOf({ max_workers_per_node: 1 }), async ({ executor, directory }) => {
    const path = join(directory, 'thrown');
    const { error, atMs } = await settled(executor.submit(task('throwOutOfBand'), path));
    assert.equal(error.code, 'WORKER_LOST');
    assert.match(error.message, /an uncaught TypeError: nobody catches this/);
    noticed(t, 'exception out of band', path, atMs);
    const { message } = await failure('WORKER_LOST', executor.submit(task('rejectUnhandled')));
    assert.match(message, /TypeError: nobody handles this/);
    assert.equal(await executor.submit(task('add'), 1, 1), 2);
  }));

test('a task that passes its memory limit fails with a message that names the limit', () =>
  withSite(engineOf({ max_workers_per_node: 2, mem_per_worker: 0.08 }), async ({ executor, directory }) => {
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const neighbour = executor.submit(task('noteAndWait'), path, 'n', release);
    await until('the neighbour', () => linesOf(path).length === 1);
    const error = await failure('WORKER_LOST', executor.submit(task('eatMemory')));
    assert.match(error.message, /passed its memory limit \(mem_per_worker\)/);
    assert.equal(neighbour.status, 'waiting', 'the other worker goes on');
    writeFileSync(release, '');
    assert.equal(await neighbour, 'n');
    assert.equal(linesOf(path).length, 1);
  }));

test('who shares a worker, a manager or a batch with the culprit is not affected and runs exactly once', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const path = join(directory, 'notes');
    // Short tasks of one function are handed out in bulk, so that many stand behind the culprit in its own assignment.
    const isCulprit = (i: number): boolean => i % 97 === 50;
    const run = (file: string, i: number, dies: boolean): number => {
      const fs = require('node:fs') as typeof import('node:fs');
      if (dies) process.exit(3);
      fs.appendFileSync(file, `${i}\n`);
      return i;
    };
    await Promise.all(Array.from({ length: 500 }, (_, i) => executor.submit(run, join(directory, 'warm'), i, false)));
    const futures = Array.from({ length: 1000 }, (_, i) => executor.submit(run, path, i, isCulprit(i)));
    for (const [i, future] of futures.entries()) {
      if (isCulprit(i)) await failure('WORKER_LOST', future);
      else assert.equal(await future, i);
    }
    const expected = futures.map((_, i) => i).filter((i) => !isCulprit(i));
    assert.deepEqual(linesOf(path).map(Number).toSorted((a, b) => a - b), expected);
  }));

test('large arguments and results survive the death of a neighbour', () => withSite(engineOf(), async (site) => {
  const { executor, directory } = site;
  const bytes = new Uint8Array(300_000).fill(9);
  const mixed = Array.from({ length: 24 }, (_, i) => (i % 6 === 3
    ? executor.submit(task('exit'), join(directory, 'exit'), 1)
    : executor.submit(task('echo'), bytes)));
  const outcomes = await Promise.all(mixed.map((future) => settled(future)));
  for (const [i, { ok, value, error }] of outcomes.entries()) {
    if (i % 6 === 3) assert.equal(error.code, 'WORKER_LOST');
    else assert.ok(ok && Buffer.compare(value as Uint8Array, bytes) === 0, error.stack);
  }
}));

test('a task that takes down three workers is blamed, whatever retries it has left', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const path = join(directory, 'kills');
    const kill = (file: string): never => {
      (require('node:fs') as typeof import('node:fs')).appendFileSync(file, 'x\n');
      process.exit(9);
    };
    const error = await failure('TASK_BLAMED', executor.with({ retries: 10 }).submit(kill, path));
    assert.equal(linesOf(path).length, 3);
    assert.match(error.message, /on 3 workers when they ended/);
    assert.equal(error.details?.['kills'], 3);
    // Where fewer retries were asked for, those count.
    const once = join(directory, 'once');
    await failure('WORKER_LOST', executor.with({ retries: 1 }).submit(kill, once));
    assert.equal(linesOf(once).length, 2);
    assert.equal(await executor.submit(task('add'), 1, 1), 2);
  }));
