// PBSProProvider over the stand-in keeps what every provider promises.

import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import { buildProvider, parseProvider } from '../../providers/index.ts';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import { providerSuite, until, withBench, type Subject } from './provider.ts';

const home = mkdtempSync(join(realpathSync(tmpdir()), 'pbs-'));
const cluster = new PbsCluster(home, {
  user: 'alice', killDelayMs: 1000, walltimeLookMs: 100,
  nodes: ['p1', 'p2'].map((name) => ({ name, ncpus: 8, up: true })),
});
process.env['PATH'] = `${cluster.bin}:${process.env['PATH'] ?? ''}`;
after(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

const subject: Subject = {
  name: 'PBSProProvider',
  make: (directory, keys = {}) =>
    buildProvider(parseProvider({ type: 'PBSProProvider', ...keys }), { directory, clock: systemClock }),
};

providerSuite(subject);

test('PBSProProvider: a later process adopts the jobs of an earlier one', () =>
  withBench(subject, async ({ start, another, provider, ended }) => {
    const { folder, ...job } = await start('kept', 'sleep 60');
    const later = another();
    later.adopt?.(job);
    assert.equal((await later.status([job.id])).get(job.id)?.state, 'running');
    await later.cancel([job.id]);
    assert.equal((await ended(job, later)).state, 'cancelled');
    assert.equal((await ended(job, provider)).state, 'cancelled', folder);
  }));

test('PBSProProvider: the scheduler says when a job will be ended', () =>
  withBench(subject, async ({ start, another }) => {
    const provider = another({ walltime: '01:00:00' });
    const before = Date.now();
    const job = await start('limited', 'sleep 60', provider);
    const { endsAtMs = 0 } = await until('a running job', async () => {
      const status = (await provider.status([job.id])).get(job.id);
      return status?.state === 'running' ? status : undefined;
    });
    assert.ok(Math.abs(endsAtMs - before - 3_600_000) < 30_000, `${endsAtMs - before} ms`);
  }));

test('PBSProProvider: nodes_per_block nodes, each of its own, with cpus_per_node cpus', () =>
  withBench(subject, async ({ start, another, ended }) => {
    const provider = another({ nodes_per_block: 2, cpus_per_node: 3, launcher: { type: 'SimpleLauncher' } });
    const job = await start('wide', 'sort "$PBS_NODEFILE"', provider);
    await ended(job, provider);
    assert.deepEqual([cluster.state.jobs[job.id]?.execHost, cluster.state.jobs[job.id]?.resources['ncpus']],
      ['p1/0*3+p2/0*3', '6']);
  }));
