// Managers and interchanges that are killed or stand still: every task settles once, and what ran is not run again
// where that can be known.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TaskFuture } from '../../src/sdk/index.ts';
import {
  engineOf, failure, isRunning, kill, linesOf, pause, task, until, within, withSite, type Site,
} from './harness.ts';

const two = { init_blocks: 2, min_blocks: 2, max_blocks: 2 };

/** Tasks that run until `release` is there, and more behind them. */
function submitMany({ executor, directory }: Site, count: number): {
  futures: TaskFuture<string>[]; path: string; release: () => void;
} {
  const path = join(directory, 'notes');
  const release = join(directory, 'release');
  const futures = Array.from({ length: count }, (_, i) => executor.submit(task('noteAndWait'), path, `${i}`, release));
  return { futures, path, release: () => writeFileSync(release, '') };
}

test('tasks of a killed manager run elsewhere in 2 s, uncharged', () => withSite(engineOf({}, two), async (site) => {
  const { connected, executor } = site;
  const [victim] = await connected(2);
  assert.ok(victim !== undefined);
  const { futures, path, release } = submitMany(site, 12);
  await until('four running tasks', () => linesOf(path).length === 4);
  const held = new Set(linesOf(path));
  kill(victim, 'SIGKILL');
  release();
  const since = performance.now();
  const values = await within(2000 + 3000, 'every task', Promise.all(futures));
  assert.deepEqual(values, futures.map((_, i) => `${i}`), `after ${performance.now() - since} ms`);
  for (const future of futures) assert.equal(future.attempts, 1, 'a lost manager is no attempt');
  const notes = linesOf(path);
  const twice = notes.filter((line, i) => notes.indexOf(line) < i);
  assert.ok(twice.length === 2 && twice.every((line) => held.has(line)), `ran again: ${twice.join(' ')}`);
  await until('a manager in its place', () => executor.status().managers.length === 2
    && !executor.status().managers.some(({ pid }) => pid === victim));
}));

test('the only block is replaced when its manager is killed, and its commands end with it', () =>
  withSite(engineOf(), async (site) => {
    const { connected, directory, executor } = site;
    const [victim] = await connected(1);
    const { futures, path, release } = submitMany(site, 6);
    await until('two running tasks', () => linesOf(path).length === 2);
    kill(victim ?? 0, 'SIGKILL');
    release();
    assert.deepEqual(await within(8000, 'every task', Promise.all(futures)), ['0', '1', '2', '3', '4', '5']);
    assert.ok(!isRunning(victim ?? 0));
    assert.equal(await executor.submit(task('note'), join(directory, 'after'), 'x'), 'x');
  }));

test('a task that takes down three managers is blamed; those that were with it are not', () =>
  withSite(engineOf({ max_workers_per_node: 1 }, { max_blocks: 2 }), async ({ executor, directory, connected }) => {
    await connected(1);
    const path = join(directory, 'kills');
    const culprit = executor.submit((file: string) => {
      (require('node:fs') as typeof import('node:fs')).appendFileSync(file, `${process.pid}\n`);
      process.kill(process.pid, 'SIGKILL');
    }, path);
    const others = Array.from({ length: 20 }, (_, i) => executor.submit(task('add'), i, 0));
    const error = await failure('TASK_BLAMED', culprit);
    assert.match(error.message, /on 3 managers when they ended/);
    assert.deepEqual(await within(20_000, 'the others', Promise.all(others)), others.map((_, i) => i));
    assert.ok(linesOf(path).length >= 3 && linesOf(path).length <= 4, `${linesOf(path).length} managers`);
  }));

test('a killed interchange is replaced; what runs is not run again, and everything settles once', () =>
  withSite(engineOf({}, two), async (site) => {
    const { connected, executor, interchange, managers } = site;
    const before = await connected(2);
    const { futures, path, release } = submitMany(site, 40);
    const quick = Array.from({ length: 1000 }, (_, i) => executor.submit(task('add'), i, 0));
    await until('four running tasks', () => linesOf(path).length === 4);
    const first = interchange();
    kill(first, 'SIGKILL');
    const inTheGap = Array.from({ length: 20 }, (_, i) => executor.submit(task('add'), i, 1));
    const doomed = executor.submit(task('spin'));
    void doomed.cancel();
    await until('another interchange', () => interchange() !== first && managers().length === 2);
    assert.deepEqual(new Set(managers()), new Set(before), 'the managers are the same');
    release();
    assert.deepEqual(await within(15_000, 'every task', Promise.all(futures)), futures.map((_, i) => `${i}`));
    assert.deepEqual([new Set(linesOf(path)).size, linesOf(path).length], [40, 40], 'each ran exactly once');
    await Promise.all([...quick, ...inTheGap]);
    await failure('TASK_CANCELLED', doomed);
    assert.equal(executor.status().settled, 40 + 1000 + 20 + 1);
  }));

test('results that were on their way when the interchange was killed are not lost', () =>
  withSite(engineOf({}, two), async ({ connected, executor, directory, interchange }) => {
    await connected(2);
    const path = join(directory, 'notes');
    const futures: PromiseLike<string>[] = [];
    let done = 0;
    for (let round = 0; round < 3; round++) {
      const before = done;
      for (let i = 0; i < 2000; i++) {
        const future = executor.submit(task('note'), path, `${round}.${i}`);
        void future.then(() => { done++; });
        futures.push(future);
      }
      await until('some results', () => done > before);
      kill(interchange(), 'SIGKILL');
    }
    await within(20_000, 'every task', Promise.all(futures));
    assert.equal(executor.status().settled, 6000);
    const ran = linesOf(path);
    assert.equal(new Set(ran).size, 6000);
    assert.equal(ran.length, 6000, `${ran.length - 6000} ran twice`);
  }));

test('an interchange that keeps dying is given up fast: every task fails with ENGINE_LOST and nothing hangs', () =>
  withSite(engineOf(), async (site) => {
    const { connected, executor, interchange } = site;
    await connected(1);
    const { futures } = submitMany(site, 10);
    let last = 0;
    for (let i = 0; i < 6; i++) {
      last = await until('an interchange', () => interchange() !== last && isRunning(interchange()) && interchange());
      kill(last, 'SIGKILL');
    }
    for (const future of futures) {
      const error = await failure('ENGINE_LOST', future);
      assert.match(error.message, /ended 6 times within 60 s .*its log is .*interchange\.log/);
    }
    assert.throws(() => executor.submit(task('add'), 1, 1), { code: 'ENGINE_LOST' });
    await within(5000, 'drain', executor.drain());
    await within(15_000, 'close', executor.close());
  }));

test('closing while the interchange is replaced leaves nothing behind', () => withSite(engineOf(), async (site) => {
  await site.connected(1);
  const { futures, path } = submitMany(site, 4);
  await until('running tasks', () => linesOf(path).length === 2);
  kill(site.interchange(), 'SIGKILL');
  await until('its end', () => !isRunning(site.interchange()));
  await within(20_000, 'close', site.executor.close('cancel'));
  for (const future of futures) await failure('ENGINE_CLOSED', future);
}));

test('a manager that stands still is given up by its heartbeat; when it goes on it serves again', () =>
  withSite(engineOf({ heartbeat_period: 0.3, heartbeat_threshold: 1 }, two), async (site) => {
    const { connected, executor, managers } = site;
    const [victim] = await connected(2);
    assert.ok(victim !== undefined);
    const { futures, path, release } = submitMany(site, 8);
    await until('four running tasks', () => linesOf(path).length === 4);
    kill(victim, 'SIGSTOP');
    await until('its loss', () => !managers().includes(victim), 5000);
    release();
    assert.deepEqual(await within(8000, 'every task', Promise.all(futures)), futures.map((_, i) => `${i}`));
    kill(victim, 'SIGCONT');
    await until('its return', () => managers().includes(victim), 8000);
    assert.equal(executor.status().settled, 8);
    assert.deepEqual(await Promise.all(Array.from({ length: 50 }, (_, i) => executor.submit(task('add'), i, 1))),
      Array.from({ length: 50 }, (_, i) => i + 1));
    await until('work on it', async () => {
      const future = executor.submit(task('later'), 0, 20);
      const both = [future, executor.submit(task('later'), 0, 20), executor.submit(task('later'), 0, 20)];
      await Promise.all(both);
      const manager = executor.status().managers.find(({ pid }) => pid === victim)?.manager;
      return both.some(({ ranOn }) => ranOn?.manager === manager);
    }, 8000);
  }));

test('after a standstill of the whole machine everything goes on: nobody is given up, nothing runs twice', () =>
  withSite(engineOf({ heartbeat_period: 0.3, heartbeat_threshold: 2.5 }, two), async (site) => {
    const { connected, executor, interchange, managers } = site;
    const before = await connected(2);
    const { futures, path, release } = submitMany(site, 3);
    await until('three running tasks', () => linesOf(path).length === 3);
    const all = [interchange(), ...before];
    for (const pid of all) kill(pid, 'SIGSTOP');
    const late = executor.submit(task('add'), 1, 1);
    await pause(4000);
    assert.equal(late.status, 'waiting', 'it stands still');
    for (const pid of all) kill(pid, 'SIGCONT');
    assert.equal(await within(5000, 'a task', late), 2);
    await pause(3000); // for whoever would be given up now
    release();
    await within(8000, 'every task', Promise.all(futures));
    assert.equal(linesOf(path).length, 3, 'each ran exactly once');
    assert.deepEqual(new Set(managers()), new Set(before));
  }));
