// SlurmProvider where Slurm keeps records: the second source, accounts and limits, and clusters by name.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { Cluster } from './cluster.ts';
import { SlurmSite } from './slurm-site.ts';

const cluster = await Cluster.start({ nodes: 2, accounting: true, minJobAgeS: 4 });
const site = new SlurmSite(cluster);
afterEach(async () => {
  await cluster.revive();
  await site.clear();
});
after(() => cluster[Symbol.asyncDispose]());

async function forgotten(): Promise<void> {
  await site.until('squeue to forget', async () => (await site.queue('%i')).length === 0);
}

test('how a block ended that squeue has forgotten, the records know; it is not gone before they say so', async () => {
  const provider = site.provider();
  const [failed, good] = [await site.start(provider, 'exit 7'), await site.start(provider, 'true')];
  await forgotten();
  assert.deepEqual(await site.become(provider, failed, 'failed', 'missing', 'completed'), {
    state: 'failed', exitCode: 7,
  });
  assert.deepEqual(await site.become(provider, good, 'failed', 'missing', 'completed'), {
    state: 'completed', exitCode: 0,
  });
  assert.ok(site.commands.includes('sacct'));
});

test('while the records cannot be read, a forgotten block is unknown', async () => {
  const provider = site.provider();
  const job = await site.start(provider, 'exit 5');
  await forgotten();
  await cluster.head('stop', 'slurmdbd');
  const { state, reason = '' } = await site.status(provider, job);
  assert.equal(state, 'unknown');
  assert.match(reason, /^not listed any more, and the records cannot be read: /);
  await cluster.revive();
  assert.deepEqual(await site.become(provider, job, 'failed', 'missing'), { state: 'failed', exitCode: 5 });
});

test('a job that squeue lists is not looked up in the records, however far behind they are', async () => {
  const provider = site.provider();
  site.commands.length = 0;
  const job = await site.start(provider, 'sleep 100');
  assert.match((await site.status(provider, job)).state, /^(pending|running)$/);
  assert.deepEqual(site.commands, ['sbatch', 'squeue']);
});

test('accounts and limits that refuse do so in their own words', async () => {
  const refused: [keys: Record<string, unknown>, words: RegExp][] = [
    [{ account: 'nosuch' }, /Invalid account or account\/partition combination specified/],
    [{ account: 'teaching' }, /Invalid account or account\/partition combination specified/],
    [{ qos: 'nosuch' }, /Invalid qos specification/],
  ];
  for (const [keys, words] of refused) {
    await assert.rejects(site.start(site.provider(keys), 'true'), { code: 'SUBMIT_FAILED', message: words });
  }
  const limited = site.provider({ account: 'research', qos: 'limited', walltime: '00:05:00' });
  const jobs = await Promise.all([1, 2, 3, 4].map(() => site.start(limited, 'sleep 100')));
  await assert.rejects(site.start(limited, 'true'), { code: 'SUBMIT_FAILED', message: /QOSMaxSubmitJobPerUserLimit/ });
  await site.until('a limit as the reason', async () => {
    const answers = await limited.status(jobs.map(({ id }) => id));
    return [...answers.values()].filter(({ reason }) => reason === 'QOSMaxJobsPerUserLimit').length === 3;
  });
});

test('a block of a cluster by name is asked about and ended there', async () => {
  const provider = site.provider({ clusters: 'switchyard' });
  const job = await site.start(provider, 'sleep 100');
  assert.match(job.id, /^\d+;switchyard$/);
  await site.become(provider, job, 'running');
  await provider.cancel([job.id]);
  assert.equal((await site.become(provider, job, 'cancelled')).state, 'cancelled');
  const ended = await site.start(provider, 'exit 4');
  await forgotten();
  assert.deepEqual(await site.become(provider, ended, 'failed', 'missing'), { state: 'failed', exitCode: 4 });
  await assert.rejects(site.start(site.provider({ clusters: 'nosuch' }), 'true'), {
    code: 'SUBMIT_FAILED', message: /No cluster 'nosuch' known by database/,
  });
});
