import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BenchReport } from '../../bench/results.ts';
import { exec } from '../../src/common/exec.ts';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

async function bench(...args: string[]): ReturnType<typeof exec> {
  return exec([process.execPath, CLI, 'bench', ...args], { timeoutMs: 120_000 });
}

function isFigure(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

test('a quick bench of limits and latency prints its report as JSON and writes its chart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-bench-'));
  try {
    const chart = join(folder, 'chart.svg');
    const { code, stdout, stderr } = await bench('--quick', '--only', 'limits,latency', '--json', '--svg', chart);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as BenchReport;
    const { limits, latency, ratios, machine } = report;
    const figures = {
      zmq: limits?.zmq?.tasks_per_s, rtt: limits?.zmq?.p50_ms, bytes: limits?.zmq?.mb_per_s,
      piscina: limits?.piscina?.tasks_per_s, p50: latency?.p50_ms, p99: latency?.p99_ms,
      ratio: ratios?.latency_p50_to_zmq, cores: machine.cores,
    };
    assert.ok(Object.values(figures).every(isFigure), JSON.stringify(figures));
    assert.ok(latency !== undefined && latency.p50_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms);
    assert.equal(latency.hops.length, 9);
    assert.deepEqual(
      Object.keys(report).filter((key) => ['no_op', 'payload', 'memory', 'peers', 'failures'].includes(key)), [],
    );
    assert.match(await readFile(chart, 'utf8'), /^<svg .*<\/svg>\n$/s);
    assert.match(stderr, /^limits: raw ZeroMQ/m);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an unknown section is refused with the nearest one, before anything starts', async () => {
  const { code, stdout, stderr } = await bench('--only', 'limits,laten', '--quiet');
  assert.deepEqual({ code, stdout }, { code: 64, stdout: '' });
  assert.equal(stderr, "switchyard bench: there is no section 'laten': did you mean latency?\n");
});
