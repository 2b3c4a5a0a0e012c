import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BenchReport } from '../../bench/results.ts';
import { start, switchyard } from './command.ts';

let cwd: string;
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'bench-test-'));
});
after(() => rm(cwd, { recursive: true }));

test('a quick bench of limits and latency prints its report as JSON and writes its chart', async () => {
  const args = ['bench', '--quick', '--only', 'limits,latency', '--json', '--svg', 'chart.svg'];
  const { status, stdout, stderr } = await switchyard(args, { cwd });
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout) as BenchReport;
  const { limits, latency, ratios, machine } = report;
  const figures = {
    zmq: limits?.zmq?.tasks_per_s, rtt: limits?.zmq?.p50_ms, bytes: limits?.zmq?.mb_per_s,
    piscina: limits?.piscina?.tasks_per_s, p50: latency?.p50_ms, p99: latency?.p99_ms,
    ratio: ratios?.latency_p50_to_zmq, cores: machine.cores,
  };
  for (const [name, value] of Object.entries(figures)) assert.ok(Number.isFinite(value) && Number(value) > 0, name);
  assert.ok(latency !== undefined && latency.p50_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms);
  assert.equal(latency.hops.length, 9);
  const others = ['no_op', 'payload', 'memory', 'peers', 'failures'];
  assert.deepEqual(others.filter((key) => key in report), []);
  assert.match(await readFile(join(cwd, 'chart.svg'), 'utf8'), /^<svg .*<\/svg>\n$/s);
  assert.match(stderr, /^limits: raw ZeroMQ/m);
});

test('an unknown section is refused with the nearest one, before anything starts', async () => {
  const { status, stdout, stderr } = await switchyard(['bench', '--only', 'limits,laten', '--quiet'], { cwd });
  assert.deepEqual({ status, stdout }, { status: 64, stdout: '' });
  assert.equal(stderr, "switchyard bench: there is no section 'laten'; did you mean latency?\n");
});

test('where no Slurm cluster answers, its section says so and what to do', async () => {
  process.env['SLURM_CONF'] = '/dev/null';
  const { status, stdout } = await switchyard(['bench', '--only', 'slurm', '--json', '--quiet'], { cwd });
  const { failures, slurm } = JSON.parse(stdout) as BenchReport;
  assert.deepEqual({ status, slurm, failures }, { status: 1, slurm: undefined, failures: [{
    section: 'slurm', message: 'no Slurm cluster answers (sinfo): run it on a login node, or as npm run bench:slurm',
  }] });
});

test('Ctrl-C ends a bench and every process of it', async () => {
  await using run = start(['bench', '--only', 'latency'], { cwd });
  const { child, ended, texts } = run;
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', () => {
      if (texts.stderr.includes('round 1')) resolve();
    });
    child.once('exit', () => resolve());
  });
  const family = await descendants(child.pid ?? 0);
  assert.ok(family.length >= 5, `it had ${family.length} processes`); // section, raw path, interchange, manager
  child.kill('SIGINT');
  const { status, stdout } = await ended;
  assert.deepEqual({ status, stdout }, { status: 130, stdout: '' });
  await gone(family);
});

/** Process ids below this one, by the kernel's table. */
async function descendants(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    const stat = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '') : '';
    if (stat !== '') parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Waits until none of them is there; one that stays fails the test. */
async function gone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 20_000;
  const left = async (): Promise<number[]> => {
    const states = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
    return pids.filter((_, index) => !/^$|\) Z /.test(states[index] ?? ''));
  };
  for (let some = await left(); some.length > 0; some = await left()) {
    assert.ok(performance.now() < deadline, `still there: ${some.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
