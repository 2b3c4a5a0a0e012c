// Every state that a real Slurm can put a block into, as SlurmProvider tells it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, test } from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import { Cluster } from './cluster.ts';
import { SlurmSite } from './slurm-site.ts';

const cluster = await Cluster.start({ nodeTimeoutS: 4 });
const site = new SlurmSite(cluster);
afterEach(() => site.clear());
after(() => cluster[Symbol.asyncDispose]());

test('a running block has an end, by the scheduler\'s own clock', async () => {
  const provider = site.provider({ walltime: '00:07:00' });
  const job = await site.start(provider, 'sleep 100');
  const { endsAtMs = 0, ...status } = await site.become(provider, job, 'running');
  assert.deepEqual(status, { state: 'running' });
  const leftMs = endsAtMs - systemClock.now();
  assert.ok(leftMs > 6 * 60_000 && leftMs <= 7 * 60_000 + 2000, `${leftMs} ms`);
});

test('a block that waits is pending, with the scheduler\'s reason', async () => {
  const provider = site.provider({ nodes_per_block: 4 });
  const first = await site.start(provider, 'sleep 100');
  await site.become(provider, first, 'running');
  const second = await site.start(provider, 'true');
  await site.until('a reason', async () => (await site.status(provider, second)).reason === 'Resources');
  assert.deepEqual(await site.status(provider, second), { state: 'pending', reason: 'Resources' });
});

test('a held block is held, and is pending again once it is released', async () => {
  const provider = site.provider({ scheduler_options: '--hold' });
  const job = await site.start(provider, 'sleep 100');
  assert.deepEqual(await site.become(provider, job, 'held'), { state: 'held', reason: 'JobHeldUser' });
  await site.scontrol('hold', job.id);
  assert.deepEqual(await site.become(provider, job, 'held'), { state: 'held', reason: 'JobHeldAdmin' });
  await site.scontrol('release', job.id);
  await site.become(provider, job, 'running');
});

test('a suspended block is held', async () => {
  const provider = site.provider();
  const job = await site.start(provider, 'sleep 100');
  await site.become(provider, job, 'running');
  await site.scontrol('suspend', job.id);
  assert.deepEqual(await site.become(provider, job, 'held'), { state: 'held', reason: 'SUSPENDED' });
  await site.scontrol('resume', job.id);
});

test('a block cancelled behind our back is cancelled, and stays it', async () => {
  const provider = site.provider();
  const running = await site.start(provider, 'sleep 100');
  const waiting = await site.start(site.provider({ nodes_per_block: 4 }), 'true');
  await site.become(provider, running, 'running');
  await site.scancel(running.id, waiting.id);
  assert.equal((await site.become(provider, running, 'cancelled', 'failed')).state, 'cancelled');
  provider.adopt(waiting);
  assert.equal((await site.become(provider, waiting, 'cancelled')).state, 'cancelled');
});

test('a block whose time is over is a timeout; its manager gets a SIGTERM first', async () => {
  const provider = site.provider();
  const job = await site.start(provider, 'trap "echo terminated; exit 0" TERM; while :; do sleep 0.1; done');
  await site.become(provider, job, 'running');
  const soon = new Date(Date.now() + 2000).toISOString().slice(0, 19);
  const update = ['scontrol', 'update', `JobId=${job.id}`, `EndTime=${soon}`];
  await cluster.print(update, { user: 'root', env: { TZ: 'UTC' } });
  assert.deepEqual(await site.become(provider, job, 'timeout', 'failed', 'completed'), { state: 'timeout' });
  await site.until('its last word', async () => (await readFile(job.stdoutPath, 'utf8')) === 'terminated\n');
});

for (const partition of ['preempt', 'requeue']) {
  test(`a block preempted in partition ${partition} is over, and does not come back`, async () => {
    const low = site.provider({ partition, nodes_per_block: 4 });
    const job = await site.start(low, 'sleep 100');
    await site.become(low, job, 'running');
    const high = site.provider({ nodes_per_block: 4 });
    const urgent = await site.start(high, 'sleep 100');
    assert.deepEqual(await site.become(low, job, 'timeout', 'failed', 'cancelled', 'pending'), {
      state: 'timeout', reason: 'PREEMPTED',
    });
    await site.become(high, urgent, 'running');
    assert.deepEqual(await site.queue('%T', `--jobs=${job.id}`), ['PREEMPTED']);
  });
}

test('a block whose node loses power has failed, with the reason', async () => {
  const provider = site.provider();
  const job = await site.start(provider, 'sleep 100');
  await site.become(provider, job, 'running');
  const [node = ''] = await site.queue('%N', `--jobs=${job.id}`);
  await cluster.powerOff(node);
  try {
    const { state, reason = '' } = await site.become(provider, job, 'failed', 'pending', 'cancelled');
    assert.equal(state, 'failed');
    assert.match(reason, /^NODE_FAIL(, NodeDown)?$/);
  } finally {
    await cluster.powerOn(node);
    await site.until('the node', async () => /idle/.test(await cluster.print(['sinfo', '-hn', node, '-o', '%T'])));
  }
});

test('what Slurm refuses is refused at once, in its own words, with the command', async () => {
  const refused: [keys: Record<string, unknown>, words: RegExp][] = [
    [{ partition: 'nosuch' }, /invalid partition specified: nosuch/],
    [{ walltime: '02:00:00' }, /Requested time limit is invalid/],
    [{ constraint: 'nosuch' }, /Invalid feature specification/],
    [{ nodes_per_block: 50 }, /More processors requested than permitted/],
    [{ mem_per_node: 900 }, /Memory specification can not be satisfied/],
    [{ scheduler_options: '--nosuch=1' }, /unrecognized option '--nosuch=1'/],
  ];
  for (const [keys, words] of refused) {
    await assert.rejects(site.start(site.provider(keys), 'true'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'SUBMIT_FAILED');
      assert.match(error.message, words);
      assert.match(JSON.stringify(error), /"command":"sbatch --parsable /);
      return true;
    });
  }
});

test('every key reaches Slurm as it was meant', async () => {
  const provider = site.provider({
    partition: 'long', constraint: '', exclusive: false, mem_per_node: 1.5, cores_per_node: 2, gpus_per_node: 1,
    nodes_per_block: 2, walltime: 5400, account: 1234, qos: 'any',
    scheduler_options: '#SBATCH --comment="two words"\n\n# a remark\n--nice=7',
  });
  const job = await site.start(provider, 'sleep 100');
  const shown = await site.scontrol('--oneliner', 'show', 'job', job.id);
  const expected = [
    'Partition=long', 'Account=1234', 'TimeLimit=01:30:00', 'NumNodes=2', 'CPUs/Task=2', 'MinMemoryNode=1.50G',
    'TresPerNode=gres:gpu:1', 'Comment=two words', 'Nice=7', 'Requeue=0', 'OverSubscribe=OK', `JobName=${job.name} `,
    `StdOut=${job.stdoutPath} `, `StdErr=${job.stderrPath} `,
  ];
  for (const one of expected) assert.ok(shown.includes(one), `${one} is not in ${shown}`);
  const alone = await site.start(site.provider(), 'true');
  assert.match(await site.scontrol('show', 'job', alone.id), /OverSubscribe=NO/);
});

test('many blocks are watched with one command', async () => {
  const provider = site.provider({ scheduler_options: '--hold' });
  const jobs = await Promise.all(Array.from({ length: 40 }, () => site.start(provider, 'true')));
  site.commands.length = 0;
  const answers = await provider.status(jobs.map(({ id }) => id));
  assert.deepEqual(site.commands, ['squeue']);
  assert.deepEqual(new Set([...answers.values()].map(({ state }) => state)), new Set(['held']));
  await provider.cancel(jobs.map(({ id }) => id));
  assert.deepEqual(site.commands, ['squeue', 'squeue', 'scancel']);
  await site.until('the end of all', async () => {
    const ended = await provider.status(jobs.map(({ id }) => id));
    return [...ended.values()].every(({ state }) => state === 'cancelled');
  });
});
