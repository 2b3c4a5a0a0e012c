// A real engine over PBSProProvider, with the stand-in for the scheduler: what happens at a site, and what becomes of
// the tasks and of the allocation.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import type { Job, Settings } from '../fakes/pbs/records.ts';
import { engineOf, failure, linesOf, pause, task, until, withSite, type EngineKeys, type Site } from './harness.ts';

const WITHIN_MS = 60_000;

interface Change {
  readonly engine?: EngineKeys;
  readonly provider?: EngineKeys;
  readonly settings?: Partial<Settings>;
}

const workers = { address: '127.0.0.1', max_workers_per_node: 1 };
const fast = (idle: number): EngineKeys => ({ job_status_kwargs: { max_idletime: idle, strategy_period: 0.1 } });

/** An engine on a cluster of its own, of four nodes; no job of it is left behind. */
function withPbs(change: Change, use: (site: Site, cluster: PbsCluster) => Promise<void>): Promise<void> {
  const provider = { type: 'PBSProProvider', init_blocks: 0, walltime: '00:10:00', ...change.provider };
  const engine = engineOf({ ...workers, ...fast(60), ...change.engine }, provider);
  const path = process.env['PATH'] ?? '';
  return withSite(engine, async (site) => {
    const home = join(site.directory, 'home');
    mkdirSync(home);
    await using cluster = new PbsCluster(home, {
      nodes: ['p1', 'p2', 'p3', 'p4'].map((name) => ({ name, ncpus: 2, up: true })),
      killDelayMs: 2000, walltimeLookMs: 100, ...change.settings,
      // By this the harness knows what belongs to the run.
      environment: { SWITCHYARD_TEST_RUN: process.env['SWITCHYARD_TEST_RUN'] ?? '' },
    });
    process.env['PATH'] = `${cluster.bin}:${path}`;
    try {
      await use(site, cluster);
      cluster.set({ health: 'up' });
      await site.executor.close('cancel');
      assert.deepEqual(cluster.open().map(({ id, state }) => [id, state]), [], 'the queue is empty after a close');
    } finally {
      process.env['PATH'] = path;
    }
  });
}

const jobs = (cluster: PbsCluster): Job[] => Object.values(cluster.state.jobs);
const block = (cluster: PbsCluster, n: number): Job => {
  const job = jobs(cluster)[n];
  assert.ok(job, `a job ${n}`);
  return job;
};

test('tasks run on two blocks of two nodes; idle blocks are given back, and the queue is empty', () =>
  withPbs({ engine: fast(1), provider: { nodes_per_block: 2, max_blocks: 2, cpus_per_node: 2 } },
    async ({ executor }, cluster) => {
      const futures = Array.from({ length: 300 }, (_, i) => executor.submit(task('later'), i, 20));
      await until('two blocks', () => cluster.open().filter(({ state }) => state === 'R').length === 2, WITHIN_MS);
      const places = new Set(cluster.open().map(({ execHost }) => execHost));
      assert.deepEqual(places, new Set(['p1/0*2+p2/0*2', 'p3/0*2+p4/0*2']));
      assert.deepEqual(await Promise.all(futures), futures.map((_, i) => i));
      await until('an empty queue', () => cluster.open().length === 0, WITHIN_MS);
      assert.equal(jobs(cluster).length, 2);
      assert.ok(jobs(cluster).every(({ rerunable }) => !rerunable));
    }));

test('while the scheduler does not look, blocks wait, no more are asked for than may be, and then they run', () =>
  withPbs({ provider: { max_blocks: 2 }, settings: { scheduling: false } }, async ({ executor }, cluster) => {
    const futures = Array.from({ length: 20 }, (_, i) => executor.submit(task('echo'), i));
    await until('two queued jobs', () => cluster.open().length === 2, WITHIN_MS);
    await pause(3000); // no more of them
    assert.deepEqual(cluster.open().map(({ state }) => state), ['Q', 'Q']);
    cluster.set({ scheduling: true });
    await cluster.schedule();
    assert.deepEqual(await Promise.all(futures), futures.map((_, i) => i));
    assert.equal(jobs(cluster).length, 2);
  }));

test('a held block keeps its place until it is released', () =>
  withPbs({ provider: { max_blocks: 1, scheduler_options: '-h' } }, async ({ executor }, cluster) => {
    const future = executor.submit(task('add'), 1, 2);
    await until('the word of it', () => executor.status().blocks[0]?.state === 'held', WITHIN_MS);
    assert.equal(executor.status().blocks[0]?.reason, 'held, Hold_Types = u');
    assert.equal(jobs(cluster).length, 1);
    await cluster.release();
    assert.equal(await future, 3);
    assert.equal(jobs(cluster).length, 1);
  }));

test('a job that is deleted behind our back is replaced, and its tasks run elsewhere, uncharged', () =>
  withPbs({ provider: { max_blocks: 1 } }, async ({ executor, directory }, cluster) => {
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const future = executor.submit(task('noteAndWait'), path, 'x', release);
    await until('a running task', () => linesOf(path).length === 1, WITHIN_MS);
    const { id } = block(cluster, 0);
    assert.equal((await cluster.run('qdel', [id])).exitCode, 0);
    await until('the task once more', () => linesOf(path).length === 2, WITHIN_MS);
    writeFileSync(release, '');
    assert.equal(await future, 'x');
    const [first] = executor.status().blocks;
    assert.deepEqual([first?.job, first?.state, first?.reason], [id, 'cancelled', 'terminated by alice@pbshead']);
    assert.equal(jobs(cluster).length, 2);
    assert.equal(block(cluster, 0).exitStatus, 271);
  }));

test('a node that loses its power takes no task with it', () =>
  withPbs({ provider: { max_blocks: 1 } }, async ({ executor, directory }, cluster) => {
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const future = executor.submit(task('noteAndWait'), path, 'x', release);
    await until('a running task', () => linesOf(path).length === 1, WITHIN_MS);
    cluster.powerOff('p1');
    await until('the task on another node', () => linesOf(path).length === 2, WITHIN_MS);
    writeFileSync(release, '');
    assert.equal(await future, 'x');
    assert.deepEqual([block(cluster, 0).exitStatus, block(cluster, 1).execHost], [-20, 'p2/0']);
    const [first] = executor.status().blocks;
    assert.deepEqual([first?.state, first?.reason], ['failed', 'its first node was lost (Exit_status -20)']);
  }));

test('when the walltime is over, what had not finished runs in the next block', () =>
  withPbs({ provider: { max_blocks: 1, walltime: '00:00:06' } }, async ({ executor, directory }, cluster) => {
    const path = join(directory, 'notes');
    const futures = Array.from({ length: 8 }, (_, i) => executor.submit(task('noteAndSleep'), path, `${i}`, 1000));
    assert.deepEqual(await Promise.all(futures), futures.map((_, i) => `${i}`));
    assert.ok(jobs(cluster).length >= 2, 'one block was not enough');
    const ended = jobs(cluster).filter(({ state }) => state === 'F').map(({ exitStatus }) => exitStatus);
    assert.ok(ended.every((status) => status === -29 || status === 0 || status === 271), String(ended));
  }));

test('a queue that refuses is told with its words, and what waits fails', () =>
  withPbs({ provider: { init_blocks: 1, queue: 'nosuch' } }, async ({ executor }, cluster) => {
    const error = await failure('BLOCKS_FAILED', executor.submit(task('add'), 1, 2));
    assert.match(error.message, /qsub: Unknown queue/);
    assert.deepEqual(jobs(cluster), []);
  }));

test('a server that hangs for a while: what runs goes on, nothing is submitted twice, nothing is taken for ended', () =>
  withPbs({ provider: { max_blocks: 1, cmd_timeout: 1 } }, async ({ executor }, cluster) => {
    assert.equal(await executor.submit(task('add'), 1, 2), 3);
    cluster.set({ health: 'hung' });
    const futures = Array.from({ length: 12 }, (_, i) => executor.submit(task('later'), i, 500));
    assert.deepEqual(await Promise.all(futures), futures.map((_, i) => i));
    assert.deepEqual(executor.status().blocks.map(({ state }) => state), ['running']);
    cluster.set({ health: 'up' });
    assert.equal(await executor.submit(task('add'), 3, 4), 7);
    assert.equal(jobs(cluster).length, 1);
  }));

test('a submission that was not answered is found by its name, and not repeated', () =>
  withPbs({ provider: { max_blocks: 1, cmd_timeout: 8 }, settings: { health: 'mute' } },
    async ({ executor }, cluster) => {
      const future = executor.submit(task('add'), 1, 2);
      await until('the job', () => jobs(cluster).length === 1, WITHIN_MS);
      assert.equal(await future, 3, 'its manager needs no scheduler');
      cluster.set({ health: 'up' });
      await until('its block', () => executor.status().blocks[0]?.state === 'running', WITHIN_MS);
      await pause(3000); // no other
      assert.equal(jobs(cluster).length, 1);
      assert.equal(executor.status().blocks.length, 1);
    }));

test('a server that is down gets its block when it is back', () =>
  withPbs({ provider: { max_blocks: 1 }, settings: { health: 'down' } },
    async ({ executor }, cluster) => {
      const future = executor.submit(task('add'), 1, 2);
      const words = (): string => executor.status().blocks[0]?.reason ?? '';
      await until('its words', () => /qsub: cannot connect to server pbshead/.test(words()), WITHIN_MS);
      assert.equal(executor.status().blocks[0]?.state, 'pending');
      cluster.set({ health: 'up' });
      assert.equal(await future, 3);
      assert.equal(jobs(cluster).length, 1);
    }));
