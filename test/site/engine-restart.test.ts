// A run on Slurm whose process is killed: taken over by the same command, or cleaned away. Nothing stays in the queue.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until, within } from '../process/harness.ts';
import { Cluster, folderOf } from './cluster.ts';

const cluster = await Cluster.start({ nodes: 2, cpus: 2 });
after(() => cluster[Symbol.asyncDispose]());
const { node, dist } = await cluster.installation();

interface Place {
  readonly folder: string;
  /** `switchyard …` here; ends with what it printed. */
  readonly say: (...args: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
  readonly start: (...args: readonly string[]) => ChildProcess;
  /** The same, with these variables. */
  readonly startWith: (env: Readonly<Record<string, string>>, ...args: readonly string[]) => ChildProcess;
  readonly run: readonly string[];
}

/** A folder of its own with an engine file, two workers on one node, in alice's home. */
async function place(name: string, keys = ''): Promise<Place> {
  const folder = await folderOf(cluster, 'swy-alice', name);
  const engine = `engine:
  cores_per_worker: 1
  max_workers_per_node: 2
  ${keys}
  provider:
    type: SlurmProvider
    walltime: 00:05:00
    max_blocks: 1
    exclusive: false
    launcher: {type: SimpleLauncher}
`;
  await cluster.run(['tee', 'site.yaml'], { cwd: folder, input: engine });
  const words = (args: readonly string[]): string[] =>
    [node, join(dist, 'src/cli/main.js'), ...args, '--run-directory', join(folder, 'runs')];
  const startWith: Place['startWith'] = (env, ...args) => {
    const [file, ...rest] = cluster.command(words(args), { cwd: folder, env });
    return spawn(file, rest, { stdio: ['ignore', 'inherit', 'inherit'] });
  };
  return {
    folder,
    say: (...args) => cluster.run(words(args), { cwd: folder }),
    start: (...args) => startWith({}, ...args),
    startWith,
    run: ['run', '--command', 'echo $$ >> ran; sleep 0.3; echo {}', '--count', '40', '--journal', 'j', '--output',
      'out.jsonl', '--engine', 'site.yaml', '--quiet'],
  };
}

const jobs = async (): Promise<string[]> =>
  (await cluster.print(['squeue', '--noheader', '--format=%i %T'])).split('\n').filter((line) => line !== '');
const linesIn = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const submitted = async ({ folder }: Place): Promise<number> => {
  const runs = await readdir(join(folder, 'runs')).catch(() => []);
  const files = await Promise.all(runs.map((run) => linesIn(join(folder, 'runs', run, 'run.jsonl'))));
  return files.flat().filter((line) => line.includes('"type":"submitted"')).length;
};

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test('a run that is killed and started again goes on with the block that it had', async () => {
  const here = await place('again');
  const first = here.start(...here.run);
  await until('some results', async () => (await linesIn(join(here.folder, 'j'))).length > 6, 30_000);
  const before = await jobs();
  assert.equal(before.length, 1);
  await killed(first);
  const second = await within(60_000, 'the second run', here.say(...here.run));
  assert.equal(second.code, 0, second.stderr);
  assert.equal((await linesIn(join(here.folder, 'out.jsonl'))).length, 40);
  assert.equal(await submitted(here), 1, 'the block was used again');
  // What ran when it was killed, and no more, ran twice.
  assert.ok((await linesIn(join(here.folder, 'ran'))).length <= 44);
  await until('an empty queue', async () => (await jobs()).length === 0);
  const listed = await here.say('blocks');
  assert.equal(listed.stdout, 'no run is open, and none has left blocks behind\n');
});

test('a run that is killed while its block is queued keeps its place in the queue', async () => {
  const here = await place('queued');
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=DOWN'], { user: 'root' });
  const first = here.start(...here.run);
  const [job] = await until('a queued job', async () => (await jobs()).find((line) => line.endsWith('PENDING')))
    .then((line) => line.split(' '));
  await until('its note', async () => await submitted(here) === 1);
  await killed(first);
  const listed = await here.say('blocks', '--json');
  const { blocks } = JSON.parse(listed.stdout) as { blocks: { job: string; state: string; reason: string }[] };
  assert.deepEqual(blocks.map(({ job: one, state }) => [one, state]), [[job, 'pending']]);
  assert.match(blocks[0]?.reason ?? '', /PartitionDown/);
  const second = here.say(...here.run);
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=UP'], { user: 'root' });
  const { code, stderr } = await within(60_000, 'the second run', second);
  assert.equal(code, 0, stderr);
  assert.equal(await submitted(here), 1);
  await until('an empty queue', async () => (await jobs()).length === 0);
});

test('a run that is killed before its interchange listens tells its block later where that is', async () => {
  const here = await place('unheard');
  const gone = join(here.folder, 'never');
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=DOWN'], { user: 'root' });
  const hold = join(dist, 'test/fixtures/held-interchange.js');
  const first = here.startWith({ NODE_OPTIONS: `--import=${hold}`, SWITCHYARD_TEST_HELD_UNTIL: gone }, ...here.run);
  await until('its note', async () => await submitted(here) === 1);
  await killed(first);
  const second = here.say(...here.run);
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=UP'], { user: 'root' });
  assert.equal((await within(60_000, 'the second run', second)).code, 0);
  assert.equal(await submitted(here), 1, 'the block was used');
  await until('an empty queue', async () => (await jobs()).length === 0);
});

test('blocks clean ends what a killed run left in the queue, and says so', async () => {
  const here = await place('cleaned');
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=DOWN'], { user: 'root' });
  try {
    const first = here.start(...here.run);
    await until('its note', async () => await submitted(here) === 1);
    const [name = ''] = await readdir(join(here.folder, 'runs'));
    const refused = await here.say('blocks', 'clean', '--run', name);
    assert.deepEqual([refused.code, (await jobs()).length], [64, 1], 'a run that lives is left alone');
    assert.match(refused.stderr, /is running, as process \d+/);
    await killed(first);
    const shown = await here.say('blocks', 'clean', '--dry-run');
    assert.match(shown.stdout, /would end 1 block/);
    assert.equal((await jobs()).length, 1);
    const cleaned = await here.say('blocks', 'clean');
    assert.deepEqual([cleaned.code, cleaned.stdout], [0, `${name}: 1 block ended\n`], cleaned.stderr);
    assert.deepEqual(await jobs(), []);
    assert.match((await here.say('blocks', 'clean')).stdout, /no run has left blocks behind/);
  } finally {
    await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=UP'], { user: 'root' });
  }
});

test('started again with another engine file, a run gives its old block back and asks for another', async () => {
  const here = await place('changed');
  const first = here.start(...here.run);
  await until('some results', async () => (await linesIn(join(here.folder, 'j'))).length > 4, 30_000);
  const [before = ''] = await jobs();
  await killed(first);
  await cluster.print(['sed', '--in-place', 's/walltime:.*/walltime: 00:06:00/', 'site.yaml'], { cwd: here.folder });
  const second = await within(60_000, 'the second run', here.say(...here.run));
  assert.equal(second.code, 0, second.stderr);
  assert.equal(await submitted(here), 2);
  const state = await cluster.print(['squeue', '--states=all', `--jobs=${before.split(' ')[0]}`, '-h', '-o', '%T']);
  assert.match(state, /CANCELLED|COMPLETED/);
  await until('an empty queue', async () => (await jobs()).length === 0);
});

test('where somebody else has taken its port meanwhile, a run gives its block back and asks for another', async () => {
  const here = await place('port');
  const first = here.start(...here.run);
  await until('some results', async () => (await linesIn(join(here.folder, 'j'))).length > 4, 30_000);
  await killed(first);
  const [name = ''] = await readdir(join(here.folder, 'runs'));
  const notes = await linesIn(join(here.folder, 'runs', name, 'run.jsonl'));
  const { managerPort } = JSON.parse(notes.find((line) => line.includes('"type":"port"')) ?? '{}') as Ports;
  const other = createServer();
  await until('the end of the old interchange', () => new Promise<boolean>((resolve) => {
    other.once('error', () => resolve(false)).listen(managerPort, () => resolve(true));
  }));
  try {
    const second = await within(60_000, 'the second run', here.say(...here.run));
    assert.equal(second.code, 0, second.stderr);
    assert.equal(await submitted(here), 2);
    await until('an empty queue', async () => (await jobs()).length === 0);
  } finally {
    other.close();
  }
});

interface Ports {
  readonly managerPort: number;
}

test('a job whose id the killed process could not note any more is found by its name, and ended', async () => {
  const here = await place('unnoted');
  await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=DOWN'], { user: 'root' });
  try {
    const first = here.start(...here.run);
    await until('its note', async () => await submitted(here) === 1);
    await killed(first);
    const [name = ''] = await readdir(join(here.folder, 'runs'));
    await cluster.print(['sed', '--in-place', '/"type":"submitted"/d', `runs/${name}/run.jsonl`], { cwd: here.folder });
    assert.equal((await jobs()).length, 1);
    const cleaned = await here.say('blocks', 'clean');
    assert.deepEqual([cleaned.code, cleaned.stdout], [0, `${name}: 1 block ended\n`], cleaned.stderr);
    assert.deepEqual(await jobs(), []);
  } finally {
    await cluster.print(['scontrol', 'update', 'PartitionName=debug', 'State=UP'], { user: 'root' });
  }
});

test('blocks of a killed run that nobody starts again end by themselves, soon', async () => {
  const here = await place('alone', 'restart_timeout: 2');
  const first = here.start(...here.run);
  await until('some results', async () => (await linesIn(join(here.folder, 'j'))).length > 4, 30_000);
  await killed(first);
  await until('an empty queue', async () => (await jobs()).length === 0, 15_000);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} leaves nothing in the queue`, async () => {
    const here = await place(signal);
    const run = here.start(...here.run);
    await until('some results', async () => (await linesIn(join(here.folder, 'j'))).length > 2, 30_000);
    const ended = once(run, 'exit');
    run.kill(signal);
    await within(30_000, 'its end', ended);
    await until('an empty queue', async () => (await jobs()).length === 0);
  });
}

test('a block drains before its walltime ends; what is left runs on the next one, and nothing is charged', async () => {
  const here = await place('walltime');
  await cluster.print(['sed', '--in-place', 's/walltime:.*/walltime: 00:01:00/', 'site.yaml'], { cwd: here.folder });
  const args = ['run', '--command', 'echo $$ >> ran; sleep 4; echo {}', '--count', '34', '--output', 'out.jsonl',
    '--engine', 'site.yaml', '--quiet'];
  const { code, stderr } = await within(200_000, 'the run', cluster.run(
    [node, join(dist, 'src/cli/main.js'), ...args, '--run-directory', join(here.folder, 'runs')],
    { cwd: here.folder, timeoutMs: 200_000 }));
  assert.equal(code, 0, stderr);
  const results = (await linesIn(join(here.folder, 'out.jsonl'))).map((line) => JSON.parse(line) as object);
  assert.equal(results.length, 34);
  assert.ok(results.every((result) => !('attempts' in result)), 'each counts as tried once');
  assert.equal((await linesIn(join(here.folder, 'ran'))).length, 34, 'what ran was let finish');
  assert.ok(await submitted(here) >= 2);
  await until('an empty queue', async () => (await jobs()).length === 0);
});

test('a dry run prints the script that Slurm would get, and needs no Slurm', async () => {
  const here = await place('dry');
  const { code, stdout, stderr } = await here.say('run', '--engine', 'site.yaml', '--dry-run');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^#!\/bin\/bash\n(#SBATCH .*\n)+/);
  assert.match(stdout, /^#SBATCH --time=/m);
  assert.match(stderr, /submitted with\n  sbatch --parsable .*\.sh\n.*\n  bash .*\/manager\.sh\n/);
  assert.deepEqual(await jobs(), []);
});
