// The bench on a login node: what it measures, and that it leaves nothing in the queue, however it ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/common/exec.ts';
import type { BenchReport } from '../../bench/results.ts';
import { Cluster } from './cluster.ts';

const cluster = await Cluster.start();
after(() => cluster[Symbol.asyncDispose]());
const { node, dist } = await cluster.installation();
const BENCH = [node, join(dist, 'src/cli/main.js'), 'bench', '--quick', '--only', 'slurm'];

async function nothingIsLeft(): Promise<void> {
  assert.equal(await cluster.print(['squeue', '--noheader', '--states=PENDING,RUNNING,SUSPENDED']), '');
  const kept = readdirSync(join(cluster.homeOf('swy-alice'), '.switchyard'));
  assert.deepEqual(kept.filter((name) => name.startsWith('bench-')), []);
}

test('an ordinary user measures the first result and the cost of watching 500 jobs', async () => {
  const report = JSON.parse(await cluster.print([...BENCH, '--partition', 'long', '--json'])) as BenchReport;
  const { slurm } = report;
  assert.ok(slurm !== undefined, JSON.stringify(report.failures));
  const { first_result_s, first_block_submitted_ms, watch_500_ms, watch_500_commands, spread } = slurm;
  for (const figure of [first_result_s, first_block_submitted_ms, watch_500_ms]) assert.ok(figure > 0, String(figure));
  assert.ok(first_block_submitted_ms < first_result_s * 1000);
  assert.equal(watch_500_commands, 1);
  assert.deepEqual([spread.first_result_s.samples.length, spread.watch_500_ms.samples.length], [2, 3]);
  const jobs = await cluster.print(['squeue', '--noheader', '--states=all', '--format=%P']);
  assert.deepEqual([...new Set(jobs.split('\n').map((line) => line.trim()))], ['long']);
  await nothingIsLeft();
});

for (const moment of ['round 2', 'asking about']) {
  test(`Ctrl-C at "${moment}" gives back every job`, async () => {
    const [program, ...args] = cluster.command(BENCH);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const ended = once(child, 'exit');
    let words = '';
    await Promise.race([ended, new Promise<void>((resolve) => {
      child.stderr.on('data', (text: Buffer) => {
        words += text.toString();
        if (words.includes(moment)) resolve();
      });
    })]);
    assert.equal(child.exitCode, null, words);
    process.kill(-(child.pid ?? 0), 'SIGINT'); // as a terminal does it: to all that are there
    assert.deepEqual(await ended, [130, null], words);
    await nothingIsLeft();
  });
}

test('a command beside a cluster of its own is answered by it, and takes it down with its end', async () => {
  const main = fileURLToPath(new URL('./with-cluster.js', import.meta.url));
  const script = 'sinfo --noheader --format=%D && echo "$SLURM_CONF" && exit 3';
  const { code, stdout, stderr } = await exec([process.execPath, main, 'sh', '-c', script], { timeoutMs: 60_000 });
  const [nodes, conf = ''] = stdout.trim().split('\n').slice(-2);
  assert.deepEqual([code, nodes], [3, '4'], stderr);
  assert.ok(conf.endsWith('/etc/slurm.conf') && !existsSync(dirname(dirname(conf))), conf);
});
