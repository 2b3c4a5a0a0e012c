// Accidents under a run on a real Slurm cluster whose nodes have cables of their own: a node loses its power, its
// network for a while or for good, or the block its job. No task is charged, and nothing is left in the queue.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { pause, until } from '../process/harness.ts';
import { Cluster } from './cluster.ts';
import { queueOf, RUN_MS, RunPlace, untilEmpty, type Run } from './run-place.ts';
import { SlurmSite, type Keys } from './slurm-site.ts';

// Slurm gives up a silent node after more than the time for which a cable is cut here.
const cluster = await Cluster.start({ nodes: 3, cpus: 2, network: true, nodeTimeoutS: 20 });
const site = new SlurmSite(cluster);
afterEach(() => site.clear());
after(() => cluster[Symbol.asyncDispose]());

/** The moment, the node, the task: a line when it starts. It works until it, or all, are let go. */
const WAIT = `echo $(date +%s%3N) $(uname -n) {} >>started
  while [ ! -e let-go ] && [ ! -e let-{}-go ]; do sleep 0.05; done; echo {}`;

interface Start {
  readonly atMs: number;
  readonly node: string;
  readonly input: string;
}

interface Scene {
  readonly place: RunPlace;
  readonly run: Run;
  readonly starts: () => Promise<Start[]>;
  /** Lets every task end and sees to it that each has, once and uncharged, and that nothing is left. */
  readonly finish: () => Promise<void>;
}

async function withRun(
  name: string, keys: { engine?: Keys; provider?: Keys; tasks: number }, use: (scene: Scene) => Promise<void>,
): Promise<void> {
  const provider = {
    type: 'SlurmProvider', walltime: '00:05:00', max_blocks: 1, launcher: { type: 'SrunLauncher' }, ...keys.provider,
  };
  const place = await RunPlace.make(cluster, name, { ...keys.engine, provider });
  await using run = place.run('--command', WAIT, '--count', String(keys.tasks));
  const starts = async (): Promise<Start[]> => (await place.lines('started')).map((line) => {
    const [at = '', node = '', input = ''] = line.split(' ');
    return { atMs: Number(at), node, input };
  });
  await until(`running tasks; ${run.said}`, async () => (await starts()).length === keys.tasks, RUN_MS);
  const finish = async (): Promise<void> => {
    await place.write('let-go', '');
    assert.equal(await run.ended(), 0, run.said);
    const rows = await place.results();
    assert.deepEqual(rows.map(({ input }) => Number(input)).toSorted((a, b) => a - b),
      Array.from({ length: keys.tasks }, (_, n) => n));
    assert.ok(rows.every(({ ok, attempts }) => ok && attempts === undefined), JSON.stringify(rows));
    await untilEmpty(cluster);
  };
  await use({ place, run, starts, finish });
}

/** The task's second start. */
async function again({ starts, run }: Scene, input: string): Promise<Start> {
  return until(`task ${input} to start again; ${run.said}`, async () =>
    (await starts()).filter((start) => start.input === input)[1], RUN_MS);
}

/** Until Slurm uses the node again. */
async function back(node: string): Promise<void> {
  await site.until(`${node} to be back`, async () =>
    /^(idle|alloc|mix)[a-z]*$/.test(await cluster.print(['sinfo', '--noheader', `--nodes=${node}`, '--format=%T'])));
}

test('a node loses its power: its tasks run elsewhere within 5 s, and the block\'s other node serves on', () =>
  withRun('power', { tasks: 4, provider: { nodes_per_block: 2 } }, async (scene) => {
    const [job] = await queueOf(cluster);
    const starts = await scene.starts();
    const [here, there] = ['n1', 'n2'].map((node) => starts.filter((start) => start.node === node));
    assert.deepEqual([here?.length, there?.length], [2, 2]);
    // Room for what is about to be lost.
    for (const { input } of here ?? []) await scene.place.write(`let-${input}-go`, '');
    await until('both to end', async () => (await scene.place.results()).length === 2);
    const cutAtMs = Date.now();
    await cluster.powerOff('n2');
    try {
      for (const { input } of there ?? []) {
        const { atMs, node } = await again(scene, input);
        assert.equal(node, 'n1');
        assert.ok(atMs - cutAtMs < 5000, `${atMs - cutAtMs} ms`);
      }
      assert.deepEqual(await queueOf(cluster), [job], 'the same block');
    } finally {
      await cluster.powerOn('n2');
      await back('n2');
    }
    await scene.finish();
    assert.equal((await scene.starts()).length, 6);
    assert.deepEqual(await scene.place.jobs(), { asked: 1, had: 1 });
  }));

test('a scancel behind the engine\'s back: the block is replaced, and its tasks run again, uncharged', () =>
  withRun('scancel', { tasks: 2 }, async (scene) => {
    const [job = ''] = await queueOf(cluster);
    await site.scancel(job.split(' ')[0] ?? '');
    for (const input of ['0', '1']) await again(scene, input);
    const [next] = await queueOf(cluster);
    assert.notEqual(next, job);
    await scene.finish();
    assert.deepEqual(await scene.place.jobs(), { asked: 2, had: 2 });
  }));

test('a time limit is reached with tasks running: they run elsewhere, uncharged', () =>
  withRun('limit', { tasks: 2 }, async (scene) => {
    const [job = ''] = await queueOf(cluster);
    const id = job.split(' ')[0] ?? '';
    // Sooner than the engine was told: there is no time to drain.
    const soon = new Date(Date.now() + 1000).toISOString().slice(0, 19);
    await cluster.print(['scontrol', 'update', `JobId=${id}`, `EndTime=${soon}`], { user: 'root', env: { TZ: 'UTC' } });
    for (const input of ['0', '1']) await again(scene, input);
    assert.deepEqual(await site.queue('%T', `--jobs=${id}`), ['TIMEOUT']);
    await scene.finish();
    assert.deepEqual(await scene.place.jobs(), { asked: 2, had: 2 });
  }));

test('a cable that is cut for 10 s: the tasks go on, what they gave meanwhile arrives, and each settles once', () =>
  withRun('cut', { tasks: 4, provider: { nodes_per_block: 2 } }, async (scene) => {
    const beyond = (await scene.starts()).find(({ node }) => node === 'n2');
    assert.ok(beyond);
    await cluster.node('n2', 'cut');
    try {
      await scene.place.write(`let-${beyond.input}-go`, '');
      await pause(10_000);
      assert.deepEqual(await scene.place.results(), []);
    } finally {
      await cluster.node('n2', 'mend');
    }
    await until(`its result; ${scene.run.said}`, async () =>
      (await scene.place.results()).some(({ input }) => String(input) === beyond.input), RUN_MS);
    await scene.finish();
    assert.equal((await scene.starts()).length, 4, 'none was started again');
    assert.deepEqual(await scene.place.jobs(), { asked: 1, had: 1 });
  }));

test('a cable that is cut for good: the tasks run elsewhere, and the job that nobody hears of is ended', () =>
  withRun('gone', {
    tasks: 2, engine: { heartbeat_period: 1, heartbeat_threshold: 4 }, provider: { max_blocks: 2, nodes_per_block: 1 },
  }, async (scene) => {
    const [lost] = await scene.starts();
    assert.ok(lost);
    const [job = ''] = await queueOf(cluster);
    await cluster.node(lost.node, 'cut');
    try {
      const { node } = await again(scene, lost.input);
      assert.notEqual(node, lost.node);
      await scene.finish();
      const state = await site.queue('%T', `--jobs=${job.split(' ')[0]}`);
      assert.match(state.join(), /^(CANCELLED|NODE_FAIL|COMPLETED|FAILED)$/);
    } finally {
      await cluster.node(lost.node, 'mend');
      await back(lost.node);
    }
  }));
