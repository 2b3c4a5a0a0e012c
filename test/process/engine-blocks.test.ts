// Blocks that come, go, end as planned, or fail: what becomes of the tasks.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { 
  engineOf, failure, kill, linesOf, pause, task, until, within, withSite, type EngineKeys, type Site,
} from './harness.ts';

/** A manager is told to take no more tasks. */
const draining = ({ executor }: Site, victim: number | undefined): Promise<unknown> => until('the drain', () =>
  executor.status().managers.some((manager) => manager.pid === victim && manager.draining), 5000);

const fast = (idle: number): EngineKeys => ({ job_status_kwargs: { max_idletime: idle, strategy_period: 0.1 } });

test('blocks grow to max_blocks with the tasks and shrink to min_blocks when idle', () =>
  withSite(engineOf({ max_workers_per_node: 1, ...fast(0.5) }, { init_blocks: 0, min_blocks: 2, max_blocks: 4 }),
    async ({ executor, directory, connected, managers }) => {
      await connected(2); // min_blocks, with nothing to do
      const path = join(directory, 'notes');
      const release = join(directory, 'release');
      const futures = Array.from({ length: 10 }, (_, i) => executor.submit(task('noteAndWait'), path, `${i}`, release));
      await until('tasks on four blocks', () => linesOf(path).length === 4);
      assert.equal(managers().length, 4);
      writeFileSync(release, '');
      await Promise.all(futures);
      await until('two managers', () => managers().length === 2, 15_000);
      await pause(700); // no further
      assert.equal(managers().length, 2);
      assert.ok(futures.every(({ attempts }) => attempts === 1));
      assert.equal(await executor.submit(task('add'), 1, 1), 2);
    }));

test('with htex_auto_scale idle blocks go while one works; its task is not touched, then it goes, too', () =>
  withSite(engineOf(
    { max_workers_per_node: 1, strategy: 'htex_auto_scale', ...fast(0.5) }, { init_blocks: 0, max_blocks: 3 },
  ), async ({ executor, directory, managers }) => {
    const path = join(directory, 'notes');
    const [short, long] = [join(directory, 'short'), join(directory, 'long')];
    const futures = Array.from({ length: 3 }, (_, i) =>
      executor.submit(task('noteAndWait'), path, `${i}`, i === 1 ? long : short));
    await until('three running tasks', () => linesOf(path).length === 3);
    writeFileSync(short, '');
    await until('one manager', () => managers().length === 1, 15_000);
    await pause(700);
    assert.equal(managers().length, 1);
    assert.equal(futures[1]?.status, 'waiting');
    writeFileSync(long, '');
    assert.deepEqual(await Promise.all(futures), ['0', '1', '2']);
    assert.deepEqual(linesOf(path).length, 3);
    await until('none', () => managers().length === 0, 15_000);
    assert.equal(await executor.submit(task('add'), 1, 1), 2, 'and comes again');
    }));

test('one task asks for one block, however long it takes to come, and parallelism 0 for one, too', () =>
  withSite(engineOf({ ...fast(60) }, { init_blocks: 0, max_blocks: 5, parallelism: 0, worker_init: 'sleep 0.5' }),
    async ({ executor }) => {
      const futures = Array.from({ length: 30 }, (_, i) => executor.submit(task('later'), i, 20));
      assert.deepEqual(await Promise.all(futures), futures.map((_, i) => i));
      assert.equal(executor.status().blocks.length, 1);
    }));

test('a block that ends as planned finishes what runs; the rest goes to the next one, uncharged', () =>
  withSite(engineOf({ drain_period: 3, ...fast(60) }, { max_blocks: 2 }), async (site) => {
    const { executor, directory, connected } = site;
    const [first] = await connected(1);
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const futures = Array.from({ length: 8 }, (_, i) => executor.submit(task('noteAndWait'), path, `${i}`, release));
    await until('running tasks', () => linesOf(path).length >= 2);
    await draining(site, first);
    assert.ok(executor.status().managers.some(({ pid, held }) => pid === first && held === 2), 'what runs goes on');
    writeFileSync(release, '');
    await until('its end', () => !executor.status().managers.some(({ pid }) => pid === first), 5000);
    assert.deepEqual(await within(15_000, 'every task', Promise.all(futures)), futures.map((_, i) => `${i}`));
    assert.ok(futures.every(({ attempts }) => attempts === 1));
    assert.equal(linesOf(path).length, 8, 'each ran exactly once');
    assert.ok(new Set(futures.map(({ ranOn }) => ranOn?.block)).size >= 2);
  }));

test('SIGTERM to a manager: what waits goes elsewhere at once, what runs is finished or handed back, uncharged', () =>
  withSite(engineOf({ prefetch_capacity: 4 }, { init_blocks: 2, min_blocks: 2, max_blocks: 2 }),
    async (site) => {
      const { executor, directory, connected } = site;
      const [victim] = await connected(2);
      const path = join(directory, 'notes');
      const release = join(directory, 'release');
      const futures = Array.from({ length: 12 }, (_, i) => executor.submit(task('noteAndWait'), path, `${i}`, release));
      await until('four running tasks', () => linesOf(path).length === 4);
      kill(victim ?? 0, 'SIGTERM');
      await draining(site, victim);
      writeFileSync(release, '');
      assert.deepEqual(await within(8000, 'every task', Promise.all(futures)), futures.map((_, i) => `${i}`));
      assert.equal(linesOf(path).length, 12, 'each ran exactly once');
      assert.ok(futures.every(({ attempts }) => attempts === 1));
    }));

test('SIGTERM to the only manager: a long task is handed back after the grace and starts anew, uncharged', () =>
  withSite(engineOf(), async ({ executor, directory, connected }) => {
    const [victim] = await connected(1);
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const future = executor.submit(task('noteAndWait'), path, 'x', release);
    await until('a running task', () => linesOf(path).length === 1);
    kill(victim ?? 0, 'SIGTERM');
    await until('a second start', () => linesOf(path).length === 2, 12_000);
    writeFileSync(release, '');
    assert.equal(await future, 'x');
    assert.equal(future.attempts, 1);
  }));

const INITS = [['fails', 'echo broken module >&2; exit 3', 3], ['ends', 'echo bye >&2; exit 0', 0]] as const;
for (const [what, init, code] of INITS) {
  test(`where every block ${what} before a manager connects, waiting tasks fail with its exit code and stderr`, () =>
    withSite(engineOf({}, { init_blocks: 2, max_blocks: 2, worker_init: init }), async ({ executor, managers }) => {
      const futures = [executor.submit(task('add'), 1, 1), executor.submit(task('add'), 2, 2)];
      for (const future of futures) {
        const error = await within(8000, 'the verdict', failure('BLOCKS_FAILED', future));
        assert.match(error.message, /2 blocks in a row failed before a manager connected/);
        assert.match(error.message, new RegExp(`exit code ${code}\\b`));
        assert.match(error.message, code === 3 ? /broken module/ : /bye/);
      }
      assert.deepEqual(managers(), []);
      const states = executor.status().blocks.map(({ state, exitCode }) => [state, exitCode]);
      assert.deepEqual(states, states.map(() => [code === 0 ? 'completed' : 'failed', code]));
    }));
}

test('after blocks have failed, a later task tries again and succeeds when the site is well', () =>
  withSite(engineOf({ ...fast(60) }, { worker_init: '[ -e "$PWD_OF_TEST/well" ] || { echo ill >&2; exit 4; }' }),
    async ({ executor, directory }) => {
      // The block's script inherits the environment of this process.
      process.env['PWD_OF_TEST'] = directory;
      try {
        const { message } = await failure('BLOCKS_FAILED', executor.submit(task('add'), 1, 1));
        assert.match(message, /exit code 4.*\n.*\nill$/s);
        writeFileSync(join(directory, 'well'), '');
        // A block that was asked for before the verdict may still fail after it, and be the next task's verdict.
        const sum = (): Promise<number> => within(15_000, 'the next try', executor.submit(task('add'), 1, 1));
        assert.equal(await sum().catch(() => sum()), 2);
      } finally {
        delete process.env['PWD_OF_TEST'];
      }
    }));

test('a block that is scaled in before its manager came is no failure', () =>
  withSite(engineOf(fast(0.3), { worker_init: '[ -e "$PWD_OF_TEST/go" ] || sleep 30' }),
    async ({ executor, directory }) => {
      process.env['PWD_OF_TEST'] = directory;
      try {
        await executor.start();
        await until('its end', () => executor.status().blocks.every(({ state }) => state === 'cancelled'), 15_000);
        writeFileSync(join(directory, 'go'), '');
        assert.equal(await executor.submit(task('add'), 1, 1), 2);
      } finally {
        delete process.env['PWD_OF_TEST'];
      }
    }));

test('closing gives back every block, also one whose manager has not come yet', () =>
  withSite(engineOf({}, { init_blocks: 3, max_blocks: 3, worker_init: '[ "${JOBNAME##*-}" != 2 ] || sleep 30' }),
    async ({ executor, connected }) => {
      await connected(2);
      await within(10_000, 'close', executor.close());
      const states = executor.status().blocks.map(({ state }) => state);
      assert.ok(states.every((state) => state === 'completed' || state === 'cancelled'), states.join(' '));
      assert.equal(states.length, 3);
    }));
