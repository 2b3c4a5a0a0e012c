// `switchyard run` of a large batch over blocks of several nodes of a real Slurm cluster, by an ordinary user: it asks
// for nodes as it needs them, gives them back as it does not, and leaves nothing.

import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { after, test } from 'node:test';
import { KINDS, mpiPath } from '../contract/mpi.ts';
import { until } from '../process/harness.ts';
import { Cluster, folderOf } from './cluster.ts';
import { queueOf, RUN_MS, RunPlace, untilEmpty } from './run-place.ts';
import type { Keys } from './slurm-site.ts';

const cluster = await Cluster.start({ nodes: 4, cpus: 2 });
after(() => cluster[Symbol.asyncDispose]());

const COUNT = 20_000;
const NODES = ['n1', 'n2', 'n3', 'n4'];
/** Short tasks. The last one goes on until it is let go, so that there is a time when one block is enough. */
const MODULE = `
import { appendFileSync, existsSync } from 'node:fs';
import { hostname } from 'node:os';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export async function square(n) {
  appendFileSync('ran-' + hostname(), n + '\\n');
  await pause(2);
  while (n === ${COUNT - 1} && !existsSync('let-go')) await pause(50);
  return { square: n * n, node: hostname() };
}
`;

/** Two blocks of two nodes; idle ones go after a second. */
async function placeOf(name: string, provider: Keys): Promise<RunPlace> {
  const place = await RunPlace.make(cluster, name, {
    strategy: 'htex_auto_scale', job_status_kwargs: { max_idletime: 1, strategy_period: 0.5 },
    provider: {
      type: 'SlurmProvider', walltime: '00:10:00', init_blocks: 0, max_blocks: 2, nodes_per_block: 2, ...provider,
    },
  });
  await place.write('squares.mjs', MODULE);
  return place;
}

const ARGS = ['./squares.mjs:square', '--count', String(COUNT), '--journal', 'j'];

/** From the start, or a resumption, to an empty queue. */
async function completed(place: RunPlace): Promise<void> {
  await using run = place.run(...ARGS);
  await until('two blocks', async () => (await queueOf(cluster)).length === 2, RUN_MS);
  await until(`all but one; ${run.said}`, async () => (await place.lines('out.jsonl')).length >= COUNT - 1, RUN_MS);
  await until('one block to be given back', async () => (await queueOf(cluster)).length === 1, RUN_MS);
  assert.ok(run.running);
  await place.write('let-go', '');
  assert.equal(await run.ended(), 0, run.said);
  await untilEmpty(cluster);
}

async function checkResults(place: RunPlace): Promise<void> {
  const rows = await place.results();
  const squares = new Map(rows.map(({ input, value }) => [input, (value as { square: number }).square]));
  assert.equal(rows.length, COUNT);
  for (let n = 0; n < COUNT; n += 1) assert.equal(squares.get(n), n * n);
  assert.ok(rows.every(({ ok, attempts }) => ok && attempts === undefined));
  assert.deepEqual([...new Set(rows.map(({ value }) => (value as { node: string }).node))].toSorted(), NODES);
  const ran = await Promise.all(NODES.map((node) => place.lines(`ran-${node}`)));
  const parts = ran.map((lines) => lines.length);
  assert.ok(parts.every((part) => part > COUNT / 20), `each node has its part: ${parts.join(', ')}`);
  assert.equal(ran.flat().length, COUNT, 'no task ran twice');
}

test('20,000 tasks with SrunLauncher: stopped and resumed, over four nodes, nothing twice', async () => {
  const place = await placeOf('srun', { launcher: { type: 'SrunLauncher' } });
  {
    await using run = place.run(...ARGS);
    await until(`some results; ${run.said}`, async () => (await place.lines('j')).length > 2000, RUN_MS);
    run.signal('SIGINT');
    assert.equal(await run.ended(), 130, run.said);
    await untilEmpty(cluster);
    assert.ok((await place.lines('j')).length < COUNT);
  }
  await completed(place);
  await checkResults(place);
  const before = await place.jobs();
  await using again = place.run(...ARGS);
  assert.equal(await again.ended(), 0, again.said);
  assert.match(again.said, /20,000 done before/);
  assert.deepEqual(await place.jobs(), before, 'what is done needs no block');
});

for (const kind of KINDS) {
  test(`20,000 tasks with MpiExecLauncher, ${kind}, over four nodes`, async () => {
    const folder = await folderOf(cluster, 'swy-alice', 'mpi');
    await chmod(folder, 0o777);
    const path = await mpiPath(folder, kind);
    const launcher = { type: 'MpiExecLauncher' };
    const place = await placeOf(kind, { launcher, worker_init: `export PATH=${path}:$PATH` });
    await completed(place);
    await checkResults(place);
    assert.deepEqual(await place.jobs(), { asked: 2, had: 2 });
  });
}
