// `switchyard run` of a large batch over blocks of several nodes of a PBS cluster: a stand-in for the server, and a
// real mpiexec that reads the jobs' own node files.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mpiPath } from '../contract/mpi.ts';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import { resultsIn, start, type Started } from './command.ts';
import { linesOf, until, withRun } from './harness.ts';

const COUNT = 20_000;
const WITHIN_MS = 180_000;
/** Short tasks, each by the number of its manager. The last one goes on until it is let go. */
const MODULE = `
import { existsSync } from 'node:fs';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export async function square(n) {
  await pause(2);
  while (n === ${COUNT - 1} && !existsSync('let-go')) await pause(50);
  return { square: n * n, manager: process.pid, environment: process.env.PBS_ENVIRONMENT };
}
`;
const RUN = ['run', './squares.mjs:square', '--count', String(COUNT), '--journal', 'j', '--output', 'out.jsonl',
  '--engine', 'site.yaml', '--run-directory', 'runs'];

interface Scene {
  readonly directory: string;
  readonly cluster: PbsCluster;
  readonly run: () => Started;
}

/** Four nodes of two cores, which are all this machine. */
async function withScene(use: (scene: Scene) => Promise<void>): Promise<void> {
  const path = process.env['PATH'] ?? '';
  await withRun(async (directory) => {
    const home = join(directory, 'home');
    mkdirSync(home);
    await using cluster = new PbsCluster(home, {
      nodes: ['p1', 'p2', 'p3', 'p4'].map((name) => ({ name, ncpus: 2, up: true })), killDelayMs: 2000,
      environment: { SWITCHYARD_TEST_RUN: process.env['SWITCHYARD_TEST_RUN'] ?? '' },
    });
    const provider = {
      type: 'PBSProProvider', walltime: '00:10:00', init_blocks: 0, max_blocks: 2, nodes_per_block: 2,
      cpus_per_node: 2, worker_init: `export PATH=${await mpiPath(directory, 'mpich')}:$PATH`,
      // To the names of its nodes there is no way from here but a fork.
      launcher: { type: 'MpiExecLauncher', overrides: '-launcher fork' },
    };
    writeFileSync(join(directory, 'squares.mjs'), MODULE);
    writeFileSync(join(directory, 'site.yaml'), JSON.stringify({ engine: {
      address: '127.0.0.1', cores_per_worker: 0.1, max_workers_per_node: 2, strategy: 'htex_auto_scale',
      job_status_kwargs: { max_idletime: 1, strategy_period: 0.5 }, provider,
    } }));
    process.env['PATH'] = `${cluster.bin}:${path}`;
    try {
      await use({ directory, cluster, run: () => start(RUN, { cwd: directory, input: '' }) });
    } finally {
      process.env['PATH'] = path;
    }
  });
}

test('20,000 tasks over two blocks of two nodes: stopped, resumed, scaled in, and an empty queue', () =>
  withScene(async ({ directory, cluster, run }) => {
    const out = join(directory, 'out.jsonl');
    {
      await using first = run();
      await until('some results', () => linesOf(join(directory, 'j')).length > 2000, WITHIN_MS);
      first.child.kill('SIGINT');
      const { status, stderr } = await first.ended;
      assert.equal(status, 130, stderr);
      await until('an empty queue', () => cluster.open().length === 0, WITHIN_MS);
    }
    const before = Object.keys(cluster.state.jobs).length;
    const earlier = linesOf(out).length;
    assert.ok(earlier < COUNT / 2);
    await using second = run();
    await until('two blocks', () => cluster.open().filter(({ state }) => state === 'R').length === 2, WITHIN_MS);
    assert.deepEqual(new Set(cluster.open().map(({ execHost }) => execHost)),
      new Set(['p1/0*2+p2/0*2', 'p3/0*2+p4/0*2']));
    await until('all but one', () => existsSync(out) && linesOf(out).length >= COUNT - 1, WITHIN_MS);
    await until('one block to be given back', () => cluster.open().length === 1, WITHIN_MS);
    writeFileSync(join(directory, 'let-go'), '');
    const { status, stderr } = await second.ended;
    assert.equal(status, 0, stderr);
    await until('an empty queue', () => cluster.open().length === 0, WITHIN_MS);
    assert.equal(Object.keys(cluster.state.jobs).length, before + 2);
    checkResults(out, earlier);

    await using third = run();
    const again = await third.ended;
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stderr, /20,000 done before/);
    assert.equal(Object.keys(cluster.state.jobs).length, before + 2, 'what is done needs no block');
  }));

/** `earlier`: lines of the run that was stopped, which come first. */
function checkResults(path: string, earlier: number): void {
  const rows = resultsIn(linesOf(path).join('\n'));
  assert.equal(rows.length, COUNT);
  assert.ok(rows.every(({ ok }) => ok));
  const values = rows.map(({ input, value }) => ({ input: Number(input), ...value as object })) as unknown as {
    input: number; square: number; manager: number; environment: string;
  }[];
  assert.equal(new Set(values.map(({ input }) => input)).size, COUNT);
  assert.ok(values.every(({ input, square, environment }) => square === input ** 2 && environment === 'PBS_BATCH'));
  const managers = new Map<number, number>();
  for (const { manager } of values.slice(earlier)) managers.set(manager, (managers.get(manager) ?? 0) + 1);
  const busy = [...managers.values()].filter((count) => count > COUNT / 40);
  assert.equal(busy.length, 4, `a manager on each node: ${[...managers.values()].join(', ')}`);
}
