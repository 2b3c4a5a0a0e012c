// Tasks that take several workers, or several nodes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { command, type TaskOptions } from '../../src/sdk/index.ts';
import {
  engineOf, failure, isRunning, kill, linesOf, settled, task, until, withSite, type Site,
} from './harness.ts';

const FOUR = { max_workers_per_node: 4, cores_per_worker: 0.25 };

interface Seen {
  readonly device?: string;
  readonly asked?: string;
  readonly cores?: string;
  readonly threads?: string;
}

const look = async (): Promise<Seen> => {
  const { readFileSync } = await import('node:fs');
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  const cores = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
  const { CUDA_VISIBLE_DEVICES: device, PARSL_GPUS: asked, OMP_NUM_THREADS: threads } = process.env;
  return JSON.parse(JSON.stringify({ device, asked, cores, threads })) as object;
};

test('a task sees the accelerators of all slots that it takes, and the next one in its worker only its own again', () =>
  withSite(engineOf({ ...FOUR, available_accelerators: 4 }), async ({ executor }) => {
    const devices = async (options: TaskOptions): Promise<string[]> =>
      (await executor.with(options).submit(look)).device?.split(',') ?? [];
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await devices({ gpus: 4 }), ['0', '1', '2', '3']);
      assert.equal((await devices({ gpus: 3 })).length, 3);
      assert.equal((await devices({})).length, 1);
    }
    const shell = await executor.with({ gpus: 2 }).submit(command('echo $CUDA_VISIBLE_DEVICES $PARSL_GPUS'));
    assert.match(shell.stdout, /^\d,\d 2\n$/);
    assert.equal((await executor.submit(look)).asked, undefined);
  }));

test('a task of two workers is bound to the cores of both', () =>
  withSite(engineOf({ max_workers_per_node: 2, cores_per_worker: 1, cpu_affinity: 'block' }), async ({ executor }) => {
    const both = await executor.with({ cores: 2 }).submit(look);
    assert.deepEqual([both.cores, both.threads], ['0-1', '2']);
    const one = await executor.submit(look);
    assert.ok(one.cores === '0' || one.cores === '1');
    assert.equal(one.threads, '1');
  }));

test('a task that asks for the memory of two workers has it', () =>
  withSite(engineOf({ ...FOUR, mem_per_worker: 0.06 }), async ({ executor }) => {
    const fill = (mib: number): number => {
      const kept = [];
      for (let i = 0; i < mib; i++) kept.push(Array.from({ length: 131_072 }, (_, at) => at + 0.5));
      return kept.length;
    };
    await failure('WORKER_LOST', executor.submit(fill, 90));
    assert.equal(await executor.with({ memory: 0.2 }).submit(fill, 90), 90);
    assert.equal(await executor.submit(fill, 5), 5);
  }));

/** When each task ran and which devices it saw. */
const watch = async (path: string, ms: number): Promise<void> => {
  const { appendFileSync } = await import('node:fs');
  const devices = process.env['CUDA_VISIBLE_DEVICES'];
  appendFileSync(path, `begin ${devices}\n`);
  await new Promise((resolve) => { setTimeout(resolve, ms); });
  appendFileSync(path, `end ${devices}\n`);
};

test('no two tasks ever share a slot, and wide tasks run under a stream of narrow ones', () =>
  withSite(engineOf({ ...FOUR, available_accelerators: 4 }), async ({ executor, directory }) => {
    const path = join(directory, 'seen');
    const done: string[] = [];
    const submit = (gpus: number, ms: number): Promise<void> =>
      executor.with({ gpus }).submit(watch, path, ms).then(() => { done.push(String(gpus)); });
    const tasks = Array.from({ length: 60 }, (_, i) => submit(1 + (i % 7 === 0 ? i % 4 : 0), 5 + (i % 5) * 5));
    const wide = Array.from({ length: 10 }, () => submit(4, 10));
    const later = Array.from({ length: 200 }, () => submit(1, 5));
    await Promise.all(wide);
    assert.ok(done.length < 200, `${done.length} had ended when the last wide one had`);
    await Promise.all([...tasks, ...later]);
    const taken = new Set<string>();
    for (const line of linesOf(path)) {
      const [what, devices = ''] = line.split(' ');
      for (const device of devices.split(',')) {
        assert.equal(taken.has(device), what === 'end', `device ${device}: ${line}`);
        if (what === 'begin') taken.add(device);
        else taken.delete(device);
      }
    }
    assert.equal(linesOf(path).length, 2 * 270);
  }));

test('what no node has room for is refused: at once where it is known, else when the nodes have come', () =>
  withSite(engineOf({ max_workers_per_node: null, cores_per_worker: 1 }), async ({ executor }) => {
    const error = await failure('TASK_TOO_LARGE', executor.with({ cores: 4096 }).submit(look));
    assert.match(error.message, /cores 4096, which takes 4096 slots of one manager, and the largest .* has \d+:/);
    assert.throws(() => executor.with({ gpus: 1 }), { code: 'TASK_TOO_LARGE' });
    assert.throws(() => executor.with({ cores: -1 }), { code: 'CONFIG_INVALID', message: /cores is -1/ });
    assert.throws(() => executor.with({ nodes: 2 }), { code: 'CONFIG_INVALID', message: /GlobusMPIEngine/ });
  }));

test('a wide task that is cancelled, runs late or kills its worker frees all its slots', () =>
  withSite(engineOf(FOUR), async ({ executor, directory }) => {
    const path = join(directory, 'ran');
    const all = executor.with({ cores: 1 });
    const running = all.submit(task('noteAndSleep'), path, 'a', 60_000);
    await until('the task to run', () => linesOf(path).length === 1);
    await running.cancel();
    await failure('TASK_CANCELLED', running);
    await failure('TASK_TIMEOUT', executor.with({ cores: 1, timeoutMs: 100 }).submit(task('never')));
    await failure('WORKER_LOST', all.submit(task('exit'), join(directory, 'exit'), 3));
    assert.equal(await all.submit(task('add'), 1, 2), 3);
    const four = await Promise.all([1, 2, 3, 4].map((n) => executor.submit(task('later'), n, 50)));
    assert.deepEqual(four, [1, 2, 3, 4]);
  }));

test('wide tasks outlive managers and the interchange', () =>
  withSite(engineOf(FOUR, { init_blocks: 2, max_blocks: 2 }), async (site) => {
    const { executor, directory, connected, interchange } = site;
    const [victim] = await connected(2);
    const path = join(directory, 'ran');
    const three = executor.with({ cores: 0.75 });
    const wide = [1, 2, 3, 4].map((n) => three.submit(task('noteAndSleep'), path, `${n}`, 1500));
    await until('both to run', () => linesOf(path).length >= 2);
    const old = interchange();
    kill(old, 'SIGKILL');
    kill(victim ?? 0, 'SIGKILL');
    const ends = await Promise.all(wide.map((future) => settled(future)));
    assert.deepEqual(ends.map(({ value }) => value), ['1', '2', '3', '4']);
    assert.ok(!isRunning(old));
    const line = linesOf(path).length;
    assert.ok(line >= 5 && line <= 7, `${line} starts: only what the lost manager had ran again`);
  }));

const MPI = (provider: object = {}, keys: object = {}): Record<string, unknown> => ({
  type: 'GlobusMPIEngine', ...keys,
  provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1, nodes_per_block: 4, ...provider },
});

const text = async (site: Site, options: TaskOptions, shell: string): Promise<string> =>
  (await site.executor.with(options).submit(command(shell))).stdout.trim();

test('an MPI task finds its numbers, nodes and prefixes, in commands and in functions', () =>
  withSite(MPI({}, { mpi_launcher: 'srun' }), async (site) => {
    const numbers = 'echo $PARSL_NUM_NODES $PARSL_RANKS_PER_NODE $PARSL_NUM_RANKS';
    assert.equal(await text(site, { nodes: 2, ranksPerNode: 3 }, numbers), '2 3 6');
    const all = await text(site, { nodes: 3, numRanks: 3 },
      'for name in MPI_PREFIX SRUN_PREFIX MPIEXEC_PREFIX MPI_NODELIST; do eval "echo \\$PARSL_$name"; done');
    const [prefix, srun, mpiexec, nodes] = all.split('\n');
    assert.equal(prefix, srun);
    assert.match(prefix ?? '', /^srun .*--nodes 3 --ntasks 3 --ntasks-per-node 1/);
    assert.match(mpiexec ?? '', /^mpiexec -n 3 /);
    assert.equal(nodes?.split(',').length, 3);
    const fn = (): string | undefined => process.env['PARSL_NUM_RANKS'];
    assert.equal(await site.executor.with({ ranksPerNode: 5 }).submit(fn), '5');
    // The prefix is for the shell to split into words.
    const words = await text(site, { launcherOptions: '--own' }, 'set -- $PARSL_MPI_PREFIX true; shift 7; echo $#');
    assert.equal(words, '5');
  }));

test('an MPI task that does not say what it takes is refused', () =>
  withSite(MPI(), async ({ executor }) => {
    const error = { code: 'CONFIG_INVALID', message: /resource specification/ };
    assert.throws(() => executor.submit(task('add'), 1, 2), error);
    assert.throws(() => executor.with({ nodes: 5 }), { code: 'TASK_TOO_LARGE', message: /nodes_per_block is 4/ });
    assert.equal(await executor.with({ nodes: 1 }).submit(task('add'), 1, 2), 3);
  }));

for (const workers of [2, 4]) {
  test(`a hundred tasks of 1, 2 and 4 nodes on 4, ${workers} at a time: all end, and no node is taken twice`, () =>
    withSite(MPI({}, { max_workers_per_block: workers }), async ({ executor, directory }) => {
      const path = join(directory, 'seen');
      const note = async (file: string, width: number): Promise<number> => {
        const { appendFileSync } = await import('node:fs');
        appendFileSync(file, `begin ${width}\n`);
        await new Promise((resolve) => { setTimeout(resolve, 5); });
        appendFileSync(file, `end ${width}\n`);
        return process.env['PARSL_MPI_NODELIST']?.split(',').length ?? 0;
      };
      const widths = Array.from({ length: 100 }, (_, i) => [1, 2, 4][(i * 7 + (i >> 3)) % 3] ?? 1);
      const lengths = await Promise.all(widths.map((nodes) => executor.with({ nodes }).submit(note, path, nodes)));
      assert.deepEqual(lengths, widths);
      let nodes = 0;
      let running = 0;
      for (const line of linesOf(path)) {
        const [what, width] = line.split(' ');
        nodes += what === 'begin' ? Number(width) : -Number(width);
        running += what === 'begin' ? 1 : -1;
        assert.ok(nodes <= 4 && running <= workers, `${nodes} nodes, ${running} tasks`);
      }
      assert.equal(nodes, 0);
    }));
}
