// PBSProProvider when the server is not well, keeps no records, or has many jobs: what is known of the jobs, and with
// how many commands.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, type Clock } from '../../src/common/clock.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { BatchProvider } from '../../providers/batch.ts';
import type { Host } from '../../providers/host/host.ts';
import { localHost } from '../../providers/host/local.ts';
import { parsePbsPro, pbsPro } from '../../providers/pbspro.ts';
import type { Job, JobState, JobStatus } from '../../providers/provider.ts';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import type { Health, Settings } from '../fakes/pbs/records.ts';
import { scratch } from '../fakes/scratch.ts';
import { until } from './harness.ts';

const WITHIN_MS = 60_000;

/** A busy machine must not be taken for a server that hangs. */
const PATIENCE_MS: Readonly<Record<Health, number>> = { up: 60_000, down: 60_000, hung: 300, mute: 8000 };

interface Bench {
  readonly cluster: PbsCluster;
  readonly provider: BatchProvider;
  /** The commands that it ran, as they were. */
  readonly commands: string[];
  readonly start: (name: string, script: string) => Promise<Job>;
  readonly status: (job: Job) => Promise<JobStatus>;
  readonly become: (job: Job, state: JobState) => Promise<JobStatus>;
  /** Real time, and as much more as the test wants to have passed. */
  readonly pass: (ms: number) => void;
}

async function withBench(
  keys: Readonly<Record<string, unknown>>, settings: Partial<Settings>, use: (bench: Bench) => Promise<void>,
): Promise<void> {
  await using folder = await scratch();
  const home = folder.at('home');
  mkdirSync(home);
  await using cluster = new PbsCluster(home, { killDelayMs: 1000, walltimeLookMs: 100, ...settings });
  const commands: string[] = [];
  const host: Host = {
    ...localHost,
    run: (argv) => {
      commands.push(quoteAll(argv));
      const timeoutMs = PATIENCE_MS[cluster.state.settings.health];
      return localHost.run(['env', `PATH=${cluster.bin}:${process.env['PATH'] ?? ''}`, ...argv], { timeoutMs });
    },
  };
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const config = parsePbsPro({ launcher: { type: 'SimpleLauncher' }, ...keys });
  const provider = new BatchProvider(config, pbsPro(config), { host, clock });
  const status = async (job: Job): Promise<JobStatus> =>
    (await provider.status([job.id])).get(job.id) ?? { state: 'unknown', reason: 'no answer' };
  await use({
    cluster, provider, commands, status,
    pass: (ms) => { aheadMs += ms; },
    start: (name, script) => {
      const at = join(home, name);
      mkdirSync(join(at, 'groups'), { recursive: true });
      return provider.submit({ name, command: quoteAll(['bash', '-c', script]), folder: at });
    },
    become: (job, state) => until(`${job.id} to be ${state}`, async () => {
      const now = await status(job);
      return now.state === state && now;
    }, WITHIN_MS),
  });
}

const UNWELL = [['hung', /^qstat gave no answer/], ['down', /cannot connect to server pbshead/]] as const;
const spared = (times: number): object =>
  ({ code: 'COMMAND_FAILED', message: new RegExp(`^not asked: the scheduler failed ${times} times`) });

for (const [health, words] of UNWELL) {
  test(`a server that is ${health} ends no job, is left alone between questions, and is believed when it is back`, () =>
    withBench({}, {}, async ({ cluster, start, status, become, pass, commands }) => {
      const job = await start('a', 'sleep 100');
      await become(job, 'running');
      cluster.set({ health });
      commands.length = 0;
      await assert.rejects(status(job), { code: 'COMMAND_FAILED', message: words });
      await assert.rejects(status(job), spared(1));
      pass(2000);
      await assert.rejects(status(job), { code: 'COMMAND_FAILED', message: words });
      await assert.rejects(status(job), spared(2));
      assert.equal(commands.length, 2);
      cluster.set({ health: 'up' });
      pass(120_000);
      assert.equal((await status(job)).state, 'running');
    }));
}

test('a submission that got no answer is one job, when the server answers again', () =>
  withBench({}, { health: 'mute' }, async ({ cluster, start, become, pass, provider }) => {
    const job = await start('a', 'sleep 100');
    assert.equal(Object.keys(cluster.state.jobs).length, 1);
    cluster.set({ health: 'up' });
    pass(10_000);
    await become(job, 'running');
    await provider.cancel([job.id]);
    assert.equal((await become(job, 'cancelled')).reason, 'terminated by alice@pbshead');
    assert.equal(Object.keys(cluster.state.jobs).length, 1);
  }));

test('a submission that never reached the server is given up after a while, and not before', () =>
  withBench({}, { health: 'hung' }, async ({ cluster, start, status, pass }) => {
    const job = await start('a', 'true');
    cluster.set({ health: 'up' });
    pass(10_000);
    assert.equal((await status(job)).state, 'unknown');
    pass(25_000);
    assert.equal((await status(job)).state, 'unknown');
    pass(10_000);
    const { state, reason = '' } = await status(job);
    assert.equal(state, 'missing');
    assert.match(reason, /^was never queued: qsub gave no answer/);
  }));

test('where no history is kept, a job that ended is missing, once it stayed away', () =>
  withBench({}, { history: false }, async ({ cluster, start, become, status, pass }) => {
    const job = await start('a', 'sleep 100');
    await become(job, 'running');
    await cluster.run('qdel', [job.id]);
    await until('its end', () => cluster.open().length === 0, WITHIN_MS);
    assert.equal((await status(job)).state, 'unknown');
    pass(11_000);
    const { state, reason = '' } = await status(job);
    assert.equal(state, 'missing');
    assert.match(reason, /keeps no records of how jobs end/);
  }));

test('a job that is exiting keeps its nodes until its files are home', () =>
  withBench({}, { exitingMs: 1500 }, async ({ cluster, start, become, status }) => {
    const job = await start('a', 'exit 3');
    await until('its exit', () => cluster.state.jobs[job.id]?.state === 'E', WITHIN_MS);
    assert.deepEqual(await status(job), { state: 'running' });
    assert.deepEqual(await become(job, 'failed'), { state: 'failed', exitCode: 3 });
  }));

test('the time when a job ends is the scheduler\'s, whatever zone its commands print in', () =>
  withBench({ walltime: '02:00:00' }, {}, async ({ cluster, start, become }) => {
    const job = await start('a', 'sleep 100');
    const { endsAtMs = 0 } = await become(job, 'running');
    assert.equal(endsAtMs, ((cluster.state.jobs[job.id]?.stime ?? 0) + 7200) * 1000);
  }));

test('over its walltime a job is a timeout, and its stderr says so', () =>
  withBench({ walltime: 1 }, {}, async ({ provider, start, become }) => {
    const job = await start('a', 'echo begun >&2; sleep 100');
    assert.deepEqual(await become(job, 'timeout'), { state: 'timeout', reason: 'its walltime was over' });
    assert.match(await provider.stderrTail(job), /^begun\n(.*\n)?=>> PBS: job killed: walltime \d exceeded limit 1\n/);
  }));

test('many jobs are watched with one command, and cancelled with one each, which no server crashes of', () =>
  withBench({ scheduler_options: '-h' }, {}, async ({ cluster, provider, start, commands, become }) => {
    const jobs: Job[] = [];
    for (let i = 0; i < 8; i += 1) jobs.push(await start(`b${i}`, 'true'));
    const [gone, ...held] = jobs;
    assert.ok(gone !== undefined);
    cluster.change((state) => delete state.jobs[gone.id]);
    commands.length = 0;
    const before = await provider.status(held.map(({ id }) => id));
    assert.deepEqual([...before.values()].map(({ state }) => state), held.map(() => 'held'));
    assert.equal(commands.length, 1);
    await provider.cancel(jobs.map(({ id }) => id));
    assert.deepEqual(commands.filter((command) => command.startsWith('qdel')), held.map(({ id }) => `qdel ${id}`));
    assert.equal(cluster.state.settings.health, 'up');
    for (const job of held) assert.equal((await become(job, 'cancelled')).state, 'cancelled');
  }));

test('what the server refuses is refused at once, in its words, with the command', () =>
  withBench({ queue: 'restricted' }, {}, async ({ start }) => {
    await assert.rejects(start('a', 'true'), (error: Error & { readonly details?: Record<string, unknown> }) => {
      assert.match(error.message, /PBSProProvider refused a: qsub: Unauthorized Request/);
      assert.match(String(error.details?.['command']), /^qsub \/.*\/a\..*\.sh$/);
      return true;
    });
  }));
