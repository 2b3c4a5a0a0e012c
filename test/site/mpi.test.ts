// MPI programs as tasks of several nodes, on a real Slurm cluster of four.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MpiDone, MpiOrder, MpiTask } from '../fixtures/mpi-client.ts';
import { Cluster, folderOf } from './cluster.ts';

const cluster = await Cluster.start();
after(() => cluster[Symbol.asyncDispose]());

// Not built: it is where the sources are.
const SOURCE = fileURLToPath(new URL('../../../test/fixtures/ranks.c', import.meta.url));
const NODES = ['n1', 'n2', 'n3', 'n4'];

/** Compiles the program that every task runs, where every node sees it. */
async function compile(): Promise<string> {
  const program = join(cluster.homeOf('swy-alice'), 'ranks');
  const { code, stderr } = await cluster.run(['mpicc.openmpi', '-o', program, SOURCE], { user: 'root' })
    .catch((error: unknown) => ({ code: 127, stderr: String(error) }));
  if (code !== 0) {
    throw new Error(`no MPI program for this test: ${stderr}; install openmpi-bin, libopenmpi-dev, gcc and libc6-dev`);
  }
  return program;
}

interface Span {
  readonly beginNs: bigint;
  readonly endNs: bigint;
  readonly nodes: readonly string[];
}

function engineOf(launcher: string, init = ''): object {
  return {
    type: 'GlobusMPIEngine', mpi_launcher: launcher, max_workers_per_block: 4, strategy: 'simple',
    provider: {
      type: 'SlurmProvider', partition: 'debug', walltime: '00:10:00', nodes_per_block: 4, max_blocks: 1,
      worker_init: init,
    },
  };
}

async function runTasks(name: string, order: Omit<MpiOrder, 'directory'>): Promise<MpiDone[]> {
  const { node, dist } = await cluster.installation();
  const directory = await folderOf(cluster, 'swy-alice', name);
  const said = await cluster.print([node, join(dist, 'test/fixtures/mpi-client.js')], {
    input: JSON.stringify({ ...order, directory }), timeoutMs: 300_000,
  });
  const left = await cluster.print(['squeue', '--noheader', '--states=PENDING,RUNNING']);
  assert.equal(left, '', 'no job is left in the queue');
  return said.split('\n').map((line) => JSON.parse(line) as MpiDone);
}

/** Its ranks ran on exactly its nodes, as many on each as it asked for. */
function checkRanks({ task, stdout, stderr, exitCode, error }: MpiDone): Span {
  const lines = stdout.trim().split('\n');
  assert.equal(exitCode, 0, `${error} ${stderr} ${stdout}`);
  const own = lines[0]?.split(' ') ?? [];
  const nodes = own[2]?.split(',') ?? [];
  assert.equal(new Set(nodes).size, task.nodes, stdout);
  const count = task.nodes * task.ranksPerNode;
  const ranks = lines.flatMap((line) => /^rank (\d+) of (\d+) on (\w+) sum (\d+)$/.exec(line)?.slice(1) ?? []);
  assert.equal(ranks.length, 4 * count, `${count} ranks: ${stdout}${stderr}`);
  const hosts = ranks.filter((_, i) => i % 4 === 2);
  assert.deepEqual(hosts.toSorted(), nodes.flatMap((node) => Array<string>(task.ranksPerNode).fill(node)).toSorted());
  assert.deepEqual(new Set(ranks.filter((_, i) => i % 4 === 1)), new Set([String(count)]));
  assert.deepEqual(new Set(ranks.filter((_, i) => i % 4 === 3)), new Set([String(count * (count - 1) / 2)]));
  return { beginNs: BigInt(own[1] ?? 0), endNs: BigInt(lines.at(-1)?.split(' ')[1] ?? 0), nodes };
}

/** No node is in two tasks at once. Returns for how many tasks another ran meanwhile. */
function checkSharing(spans: readonly Span[]): number {
  const together = new Set<Span>();
  for (const [i, one] of spans.entries()) {
    for (const other of spans.slice(i + 1)) {
      if (one.endNs <= other.beginNs || other.endNs <= one.beginNs) continue;
      assert.deepEqual(one.nodes.filter((node) => other.nodes.includes(node)), [], 'a node in two tasks at once');
      together.add(one).add(other);
    }
  }
  return together.size;
}

const script = (program: string): string =>
  `echo begin $(date +%s%N) $PARSL_MPI_NODELIST; $PARSL_MPI_PREFIX ${program} 100; `
  + 'status=$?; echo end $(date +%s%N); exit $status';

test('a hundred MPI programs of 1, 2 and 4 nodes under srun: side by side on their own nodes, in order', async () => {
  const program = await compile();
  const widths = [1, 2, 4, 1, 1, 2, 1, 2, 4, 1];
  const tasks = Array.from({ length: 100 }, (_, i): MpiTask => ({
    nodes: widths[i % widths.length] ?? 1, ranksPerNode: widths[i % widths.length] === 1 ? 2 : 1,
    launcherOptions: '--mpi=pmix',
  }));
  const done = await runTasks('srun', { engine: engineOf('srun'), command: script(program), tasks });
  assert.equal(done.length, 100);
  const spans = done.map(checkRanks);
  assert.ok(checkSharing(spans) > 30, 'tasks that fit beside one another run so');
  assert.deepEqual(new Set(spans.flatMap(({ nodes }) => nodes)), new Set(NODES));
  // However narrow the others are, wide tasks do not wait behind what came later.
  const order = done.map(({ task }, i) => ({ wide: task.nodes === 4, at: spans[i]?.beginNs ?? 0n }))
    .toSorted((a, b) => Number(a.at - b.at));
  const wideAt = order.flatMap(({ wide }, i) => (wide ? [i] : []));
  for (const [i, at] of wideAt.entries()) {
    const due = 10 * Math.floor(i / 2) + (i % 2 === 0 ? 2 : 8);
    assert.ok(Math.abs(at - due) <= 4, `a task of four nodes started as number ${at}, and came as number ${due}`);
  }
});

test('the same with Open MPI\'s mpiexec, though the scheduler counts one rank a node', async () => {
  const program = await compile();
  const tasks = [2, 1, 1, 4, 2, 2].map((nodes): MpiTask => ({ nodes, ranksPerNode: nodes === 1 ? 2 : 1 }));
  const done = await runTasks('mpiexec', { engine: engineOf('mpiexec'), command: script(program), tasks });
  assert.equal(done.length, tasks.length);
  assert.ok(checkSharing(done.map(checkRanks)) >= 2);
});

test('an MPI program that is cancelled ends on all its nodes, and those are free', async () => {
  const program = await compile();
  const done = await runTasks('cancel', {
    engine: engineOf('srun', 'export SLURM_MPI_TYPE=pmix'),
    command: `if [ "$PARSL_NUM_NODES" = 4 ]; then exec $PARSL_MPI_PREFIX ${program} 600000; fi; `
      + 'exec $PARSL_MPI_PREFIX ps -e -o args',
    tasks: [{ nodes: 4, ranksPerNode: 1, cancelAfterMs: 3000 }, { nodes: 2, ranksPerNode: 1 }],
  });
  const [cancelled, next] = done;
  assert.match(cancelled?.error ?? '', /cancelled/);
  assert.equal(next?.exitCode, 0, next?.stderr);
  assert.doesNotMatch(next?.stdout ?? '', /ranks 600000/);
});
