// A run, and a queue that does not do as it is told: held and waiting jobs, a controller that is gone, accounts and
// partitions that refuse. Nothing is asked for twice, and people are told why they wait.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { pause, until } from '../process/harness.ts';
import { Cluster } from './cluster.ts';
import { queueOf, RUN_MS, RunPlace, untilEmpty, type Run } from './run-place.ts';
import { SlurmSite, type Keys } from './slurm-site.ts';

// Its clients give a controller up sooner than others do.
const cluster = await Cluster.start({
  nodes: 2, cpus: 2, accounting: true, conf: ['MessageTimeout=2', 'TCPTimeout=1'],
});
const site = new SlurmSite(cluster);
afterEach(async () => {
  await cluster.revive();
  await cluster.run(['scancel', '--user=swy-bob'], { user: 'root' });
  await site.clear();
});
after(() => cluster[Symbol.asyncDispose]());

const provider = {
  type: 'SlurmProvider', walltime: '00:05:00', max_blocks: 1, account: 'research', launcher: { type: 'SimpleLauncher' },
};

function placeOf(name: string, keys: Keys = {}, engine: Keys = {}): Promise<RunPlace> {
  return RunPlace.make(cluster, name, { ...engine, provider: { ...provider, ...keys } });
}

const COUNT = 4;
const QUICK = ['--command', 'echo {} >>ran; echo', '--count', String(COUNT)];

/** Every task ran, once, and the queue is empty. */
async function checkEnd(place: RunPlace, run: Run): Promise<void> {
  assert.equal(await run.ended(), 0, run.said);
  const rows = await place.results();
  assert.deepEqual([rows.length, rows.every(({ ok, attempts }) => ok && attempts === undefined)], [COUNT, true]);
  assert.equal((await place.lines('ran')).length, COUNT);
  await untilEmpty(cluster);
}

/** The one block, as people see it. */
async function blockWith(place: RunPlace, run: Run, reason: RegExp): Promise<string> {
  const { state } = await until(`a reason like ${reason.source}; ${run.said}`, async () =>
    (await place.blocks()).find((block) => reason.test(block.reason ?? '')), RUN_MS);
  return state;
}

test('a held job keeps its place, and says so; released, it runs', async () => {
  const place = await placeOf('held', { scheduler_options: '--hold' });
  await using run = place.run(...QUICK);
  assert.equal(await blockWith(place, run, /^JobHeldUser$/), 'held');
  const seen = /1 waiting.*waiting: JobHeldUser/;
  await until(`the reason in the progress; ${run.said}`, () => seen.test(run.said), RUN_MS);
  assert.deepEqual(await place.jobs(), { asked: 1, had: 1 });
  const [job = ''] = await queueOf(cluster);
  await site.scontrol('release', job.split(' ')[0] ?? '');
  await checkEnd(place, run);
  assert.deepEqual(await place.jobs(), { asked: 1, had: 1 });
});

test('a job that is pending for long is asked for once, and the reason is there to read', async () => {
  const theirs = ['sbatch', '--account=research', '--nodes=2', '--exclusive', '--output=/dev/null', '--wrap=sleep 600'];
  await cluster.print(theirs, { user: 'swy-bob' });
  await until('their job', async () => (await queueOf(cluster, 'swy-bob'))[0]?.endsWith('RUNNING'), RUN_MS);
  const place = await placeOf('pending');
  await using run = place.run(...QUICK);
  assert.equal(await blockWith(place, run, /^(Resources|Priority)$/), 'pending');
  // While it is looked at often, several times.
  await pause(12_000);
  assert.deepEqual([await place.jobs(), (await queueOf(cluster)).length], [{ asked: 1, had: 1 }, 1]);
  assert.ok(run.running);
  await cluster.run(['scancel', '--user=swy-bob'], { user: 'root' });
  await checkEnd(place, run);
  assert.deepEqual(await place.jobs(), { asked: 1, had: 1 });
});

test('a run that starts while the controller is gone waits for it, and says why', async () => {
  await cluster.head('stop');
  const place = await placeOf('early');
  await using run = place.run(...QUICK);
  await until(`the reason in the progress; ${run.said}`, () =>
    /1 waiting.*waiting: SlurmProvider could not submit .*Unable to contact slurm controller/.test(run.said), RUN_MS);
  const listed = await place.say('blocks');
  assert.equal(listed.code, 69, 'blocks cannot say more than that');
  assert.match(listed.stderr, /its scheduler could not be asked: .*Unable to contact slurm controller/);
  assert.ok(run.running);
  await cluster.revive();
  await checkEnd(place, run);
  assert.equal((await place.jobs()).had, 1);
});

test('while the controller is gone tasks go on; nothing is submitted twice, nothing taken for ended', async () => {
  // The second block does not fit beside the first, so that the controller is asked about it all the time.
  const place = await placeOf('gone', { max_blocks: 2, nodes_per_block: 2, launcher: { type: 'SrunLauncher' } });
  const steps = 'echo {} >>ran; for i in 1 2 3 4 5 6; do date +%s >>beats; [ -e let-go ] || sleep 0.5; done';
  await using run = place.run('--command', steps, '--count', '200');
  const before = await until(`two jobs; ${run.said}`, async () => {
    const queue = (await queueOf(cluster)).toSorted();
    return /RUNNING.*PENDING/.test(queue.join()) && queue;
  }, RUN_MS);
  const seenAtMs = Date.now();
  await until('the controller to write both down', async () =>
    (await stat(join(cluster.root, 'state/job_state'))).mtimeMs > seenAtMs, RUN_MS);
  await cluster.head('kill');
  const results = (await place.lines('out.jsonl')).length;
  await until(`results meanwhile; ${run.said}`, async () =>
    (await place.lines('out.jsonl')).length >= results + 16, RUN_MS);
  await until('two questions without an answer', async () => await unanswered(place) >= 2, RUN_MS);
  assert.deepEqual(await place.jobs(), { asked: 2, had: 2 });
  await cluster.revive();
  assert.deepEqual((await queueOf(cluster)).toSorted(), before);
  await place.write('let-go', '');
  assert.equal(await run.ended(), 0, run.said);
  const rows = await place.results();
  assert.ok(rows.every(({ ok, attempts }) => ok && attempts === undefined));
  assert.equal((await place.lines('ran')).length, 200, 'none ran twice');
  assert.deepEqual(await place.jobs(), { asked: 2, had: 2 });
  await untilEmpty(cluster);
});

/** Status commands that failed, as the run's log has it. */
async function unanswered(place: RunPlace): Promise<number> {
  const { stdout } = await cluster.run(['sh', '-c', 'cat runs/*/*.log'], { cwd: place.folder });
  return stdout.split('\n').filter((line) => line.includes('status of jobs not known')).length;
}

const REFUSED: readonly (readonly [what: string, keys: Keys, words: RegExp])[] = [
  ['an account that does not exist', { account: 'nosuch' }, /Invalid account or account\/partition combination/],
  ['a partition that does not exist', { partition: 'nosuch' }, /invalid partition specified: nosuch/],
  ['a partition that takes no such jobs', { walltime: '02:00:00' }, /Requested time limit is invalid/],
  ['a partition that is closed', { partition: 'long' }, /Required partition not available/],
];
for (const [what, keys, words] of REFUSED) {
  test(`${what}: the run ends within seconds, in Slurm's words, and Slurm is not asked over and over`, async () => {
    await site.scontrol('update', 'PartitionName=long', 'State=DRAIN');
    try {
      const place = await placeOf(what.replaceAll(' ', '-'), keys);
      await using run = place.run(...QUICK);
      const begun = performance.now();
      assert.equal(await run.ended(), 69, run.said);
      assert.ok(performance.now() - begun < 20_000);
      assert.match(run.said, /failed before a manager connected; block \d ended: SlurmProvider refused/);
      assert.match(run.said, words);
      const { asked, had } = await place.jobs();
      // Once for the first block, and once for the tasks that came after it.
      assert.ok(asked <= 2 && had === 0, `${asked} ${had}`);
      assert.deepEqual(await queueOf(cluster), []);
    } finally {
      await site.scontrol('update', 'PartitionName=long', 'State=UP');
    }
  });
}
