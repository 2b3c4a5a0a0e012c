// MPI programs as tasks of several nodes on a PBS cluster: a stand-in for the server, and a real program under MPICH.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/common/exec.ts';
import { mpiPath } from '../contract/mpi.ts';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import { resultsIn, start } from './command.ts';
import { linesOf, until, withRun } from './harness.ts';

const WITHIN_MS = 120_000;
const NODES = ['p1', 'p2', 'p3', 'p4'];
// Not built: it is where the sources are.
const SOURCE = fileURLToPath(new URL('../../../test/fixtures/ranks.c', import.meta.url));
/** Says when it began and ended, on which nodes, and what each rank of the program says. */
const COMMAND = 'echo begin $(date +%s%N) $PARSL_MPI_NODELIST; $PARSL_MPI_PREFIX ./ranks 100; status=$?; '
  + 'echo end $(date +%s%N); exit $status; : {}';

interface Span {
  readonly begin: bigint;
  readonly end: bigint;
  readonly nodes: readonly string[];
}

function spanOf(stdout: string, width: number, count: number): Span {
  const lines = stdout.trim().split('\n');
  const [, begin = '', list = ''] = lines[0]?.split(' ') ?? [];
  const ranks = lines.flatMap((line) => /^rank (\d+) of (\d+) on \S+ sum (\d+)$/.exec(line)?.slice(1) ?? []);
  const sum = count * (count - 1) / 2;
  const expected = Array.from({ length: count }, (_, rank) => [rank, count, sum].map(String));
  const said = Array.from({ length: ranks.length / 3 }, (_, i) => ranks.slice(3 * i, 3 * i + 3));
  assert.deepEqual(said.toSorted((a, b) => Number(a[0]) - Number(b[0])), expected, stdout);
  const nodes = list.split(',');
  assert.equal(new Set(nodes).size, width, stdout);
  assert.ok(nodes.every((node) => NODES.includes(node)), stdout);
  return { begin: BigInt(begin), end: BigInt(lines.at(-1)?.split(' ')[1] ?? ''), nodes };
}

function checkSharing(spans: readonly Span[]): void {
  for (const [i, one] of spans.entries()) {
    for (const other of spans.slice(i + 1)) {
      if (one.end <= other.begin || other.end <= one.begin) continue;
      assert.deepEqual(one.nodes.filter((node) => other.nodes.includes(node)), [], 'a node in two tasks at once');
    }
  }
}

/** Compiles the program that every task runs. */
async function compile(directory: string): Promise<void> {
  const argv = ['mpicc.mpich', '-o', join(directory, 'ranks'), SOURCE] as const;
  const { code, stderr } = await exec([...argv], { timeoutMs: WITHIN_MS })
    .catch((error: unknown) => ({ code: 127, stderr: String(error) }));
  assert.equal(code, 0, `no MPI program for this test: ${stderr}; install mpich, libmpich-dev, gcc and libc6-dev`);
}

test('MPI programs on 1, 2 and 4 nodes of a PBS job have their ranks, and nodes of their own', () =>
  withRun(async (directory) => {
    await compile(directory);
    const path = process.env['PATH'] ?? '';
    const home = join(directory, 'home');
    mkdirSync(home);
    await using cluster = new PbsCluster(home, {
      nodes: NODES.map((name) => ({ name, ncpus: 2, up: true })), killDelayMs: 2000,
      environment: { SWITCHYARD_TEST_RUN: process.env['SWITCHYARD_TEST_RUN'] ?? '' },
    });
    writeFileSync(join(directory, 'mpi.yaml'), JSON.stringify({ engine: {
      type: 'GlobusMPIEngine', mpi_launcher: 'mpiexec', max_workers_per_block: 4, address: '127.0.0.1',
      provider: {
        type: 'PBSProProvider', walltime: '00:10:00', init_blocks: 0, max_blocks: 1, nodes_per_block: 4,
        cpus_per_node: 2,
        // To the names of its nodes there is no way from here but a fork, and all of them have one memory.
        worker_init: `export PATH=${await mpiPath(directory, 'mpich')}:$PATH HYDRA_LAUNCHER=fork UCX_TLS=self,sm,posix`,
        launcher: { type: 'SimpleLauncher' },
      },
    } }));
    process.env['PATH'] = `${cluster.bin}:${path}`;
    try {
      for (const width of [1, 2, 4]) {
        const out = `out-${width}.jsonl`;
        const ranksPerNode = width === 1 ? 2 : 1;
        await using run = start(['run', '--command', COMMAND, '--count', '8', '--nodes', String(width),
          '--ranks-per-node', String(ranksPerNode), '--timeout', '60s', '--retries', '2', '--engine', 'mpi.yaml',
          '--output', out, '--run-directory', 'runs', '--quiet',
        ], { cwd: directory, input: '' });
        const { status, stderr } = await run.ended;
        assert.equal(status, 0, stderr);
        const spans = resultsIn(linesOf(join(directory, out)).join('\n'))
          .map(({ value }) => spanOf((value as { stdout: string }).stdout, width, width * ranksPerNode));
        assert.equal(spans.length, 8);
        checkSharing(spans);
        await until('an empty queue', () => cluster.open().length === 0, WITHIN_MS);
      }
    } finally {
      process.env['PATH'] = path;
    }
  }));
