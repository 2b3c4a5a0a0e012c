// What SlurmProvider makes of a controller that is down, hangs, crashes and forgets: nothing ends a block but Slurm's
// word or its repeated silence, and nothing is submitted twice.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { Cluster, folderOf } from './cluster.ts';
import { SlurmSite } from './slurm-site.ts';

const cluster = await Cluster.start({ nodes: 2, minJobAgeS: 4, conf: ['MessageTimeout=2', 'TCPTimeout=1'] });
const site = new SlurmSite(cluster);
afterEach(async () => {
  await cluster.revive();
  await site.clear();
});
after(() => cluster[Symbol.asyncDispose]());

interface Failure extends Error {
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  throw new Error('it did not fail');
}

test('while the controller is down nothing ends and nothing is submitted, and it is left alone', async () => {
  const provider = site.provider();
  const job = await site.start(provider, 'sleep 100');
  const before = await site.become(provider, job, 'running');
  await cluster.head('stop');

  const refused = await failureOf(site.start(provider, 'true'));
  assert.equal(refused.code, 'COMMAND_FAILED');
  assert.match(refused.message, /^SlurmProvider could not submit block-\d+: .*Unable to contact slurm controller/);

  const failure = await failureOf(provider.status([job.id]));
  assert.equal(failure.code, 'COMMAND_FAILED');
  assert.match(failure.message, /^squeue failed: .*Unable to contact slurm controller .* \(exit 1\)$/);
  assert.match(String(failure.details?.['command']), /squeue .*--jobs=\d+$/);
  assert.match(String(failure.details?.['stderr']), /connect failure/);

  site.commands.length = 0;
  const again = await failureOf(provider.status([job.id]));
  assert.match(again.message, /^not asked: the scheduler failed 1 times? in a row/);
  assert.deepEqual([again.cause, site.commands], [failure, []]);
  const cancel = await failureOf(provider.cancel([job.id]));
  assert.equal(cancel.code, 'COMMAND_FAILED');

  await cluster.revive();
  site.clock.aheadMs += 10_000;
  assert.deepEqual(await site.status(provider, job), before);
  assert.deepEqual(await site.queue('%j', '--user=swy-alice', '--states=RUNNING,PENDING'), [job.name]);
});

test('a block whose submission was not answered is found by its name, and is there once', async () => {
  const provider = site.provider();
  await cluster.head('hang');
  const job = await site.start(provider, 'sleep 100');
  await assert.rejects(provider.status([job.id]), { code: 'COMMAND_FAILED' });
  await cluster.head('wake');

  site.clock.aheadMs += 10_000;
  await site.become(provider, job, 'running');
  assert.deepEqual(await site.queue('%T', `--name=${job.name}`), ['RUNNING']);

  // A later process knows it by what was kept of it.
  const later = site.provider();
  later.adopt(job);
  await site.become(later, job, 'running');
  await later.cancel([job.id]);
  assert.equal((await site.become(provider, job, 'cancelled')).state, 'cancelled');
});

test('a submission that was lost with the controller keeps its place until it has been looked for', async () => {
  const provider = site.provider({ cmd_timeout: 1 });
  await cluster.head('hang');
  const job = await site.start(provider, 'sleep 100');
  assert.match((await failureOf(provider.status([job.id]))).message, /^squeue gave no answer/);
  await cluster.head('kill');
  await cluster.revive();

  site.clock.aheadMs += 10_000;
  const { state, reason = '' } = await site.status(provider, job);
  assert.equal(state, 'unknown');
  assert.match(reason, /^not known whether it was queued: /);
  await provider.cancel([job.id]);
  site.clock.aheadMs += 40_000;
  const end = await site.status(provider, job);
  assert.equal(end.state, 'missing');
  assert.match(end.reason ?? '', /^was never queued: sbatch gave no answer/);
  assert.equal(end.neverQueued, true);
});

test('a block that comes after it was told to end is ended when it comes', async () => {
  const provider = site.provider({ cmd_timeout: 1 });
  await cluster.head('hang');
  const job = await site.start(provider, 'sleep 100');
  await cluster.head('kill');
  await cluster.revive();
  await provider.cancel([job.id]);
  assert.equal((await site.status(provider, job)).state, 'unknown');
  await cluster.print(['sbatch', `--job-name=${job.name}`, '--output=/dev/null', '--wrap=sleep 100']);
  assert.equal((await site.become(provider, job, 'cancelled', 'completed')).state, 'cancelled');
});

test('a job with the id of ours and another name is not ours, and is not cancelled', async () => {
  const provider = site.provider();
  // The controller writes down the first of several changes at once and the others some seconds later.
  await site.start(provider, 'sleep 100');
  const job = await site.start(provider, 'sleep 100');
  assert.equal(await theirsAfterCrash(job.id), job.id, 'the controller gave out the id again');

  assert.equal((await site.status(provider, job)).state, 'unknown');
  await provider.cancel([job.id]);
  site.clock.aheadMs += 20_000;
  const { state, reason } = await site.status(provider, job);
  assert.deepEqual([state, reason], ['missing', 'not listed any more, and this site keeps no records of how jobs end']);
  assert.deepEqual(await site.queue('%j %T', `--jobs=${job.id}`, '--states=PENDING,RUNNING'), ['theirs PENDING']);
});

test('a block that the scheduler has forgotten is missing, and one whose end was seen stays what it was', async () => {
  const provider = site.provider();
  const seen = await site.start(provider, 'exit 3');
  const end = await site.become(provider, seen, 'failed');
  const unseen = await site.start(provider, 'true');
  await site.until('both to be forgotten', async () => (await site.queue('%i')).length === 0);

  assert.deepEqual(await site.status(provider, unseen), {
    state: 'unknown', reason: 'not listed any more, and this site keeps no records of how jobs end',
  });
  site.clock.aheadMs += 20_000;
  assert.equal((await site.status(provider, unseen)).state, 'missing');
  assert.deepEqual(await site.status(provider, seen), end);
  assert.deepEqual(end, { state: 'failed', exitCode: 3 });
  await provider.cancel([seen.id, unseen.id, 'never']);
});

test('a command that does not end is not waited for, and says nothing of the block', async () => {
  const provider = site.provider({ cmd_timeout: 1 });
  const job = await site.start(provider, 'sleep 100');
  await cluster.head('hang', 'munged');
  const failure = await failureOf(provider.status([job.id]));
  assert.deepEqual([failure.code, failure.message], [
    'COMMAND_FAILED', 'squeue gave no answer (cmd_timeout is 1 s)',
  ]);
  await cluster.head('wake', 'munged');
  site.clock.aheadMs += 10_000;
  await site.become(provider, job, 'running');
});

/** Crashes the controller before it has written down this job, and lets somebody submit until the id comes again. */
async function theirsAfterCrash(id: string): Promise<string> {
  await cluster.head('kill');
  await cluster.revive();
  const cwd = await folderOf(cluster, 'swy-alice', 'theirs');
  const script = ['sbatch', '--parsable', '--hold', '--job-name=theirs', '--output=/dev/null', '--wrap=sleep 100'];
  const ids: string[] = [];
  while (ids.length < 5 && !ids.includes(id)) ids.push(await cluster.print(script, { cwd }));
  return ids.find((one) => one === id) ?? `only ${ids.join(', ')}`;
}
