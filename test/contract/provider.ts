// What every provider promises, as one suite. A provider's own test file calls it with the means to make one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, readdir, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { quoteAll } from '../../src/common/quote.ts';
import { TERMINAL_STATES, type Job, type JobStatus, type Provider } from '../../providers/provider.ts';

export interface Subject {
  readonly name: string;
  /** A provider whose own files are in `directory`; `keys` are added to its configuration. */
  readonly make: (directory: string, keys?: Readonly<Record<string, unknown>>) => Provider;
  /** Gives a folder and what is in it to whoever the jobs run as, where that is somebody else. */
  readonly give?: (folder: string) => Promise<void>;
}

const DEADLINE_MS = 20_000;

/** Waits for a condition, not for a time. */
export async function until<T>(
  what: string, look: () => Promise<T | undefined> | T | undefined, deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  while (performance.now() < end) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Whether a process is there and not a zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text !== '' && !'ZX'.includes(text.slice(text.lastIndexOf(')') + 2).slice(0, 1));
}

export interface Bench {
  readonly directory: string;
  /** Starts a job named `name` that runs a bash script. */
  readonly start: (name: string, script: string, provider?: Provider) => Promise<Job & { folder: string }>;
  readonly provider: Provider;
  readonly another: (keys?: Readonly<Record<string, unknown>>) => Provider;
  readonly state: (job: Job, provider?: Provider) => Promise<JobStatus>;
  readonly ended: (job: Job, provider?: Provider) => Promise<JobStatus>;
}

/** A folder and a provider for one test; every job it started is gone after it. */
export async function withBench(subject: Subject, use: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'provider-'));
  await subject.give?.(directory);
  const provider = subject.make(directory);
  const jobs: Job[] = [];
  const state = async (job: Job, asked = provider): Promise<JobStatus> => {
    const status = (await asked.status([job.id])).get(job.id);
    assert.ok(status, 'a job has a status');
    return status;
  };
  const ended = (job: Job, asked = provider): Promise<JobStatus> => until(`the end of job ${job.id}`, async () => {
    const status = await state(job, asked);
    return TERMINAL_STATES.has(status.state) ? status : undefined;
  });
  try {
    await use({
      directory, provider, state, ended,
      another: (keys) => subject.make(directory, keys),
      start: async (name, script, starter = provider) => {
        const folder = join(directory, name);
        await mkdir(join(folder, 'groups'), { recursive: true });
        await subject.give?.(folder);
        const job = await starter.submit({ name, command: quoteAll(['bash', '-c', script]), folder });
        jobs.push(job);
        return { ...job, folder };
      },
    });
  } finally {
    await provider.cancel(jobs.map((job) => job.id), true);
    for (const job of jobs) await ended(job);
    await rm(directory, { recursive: true });
  }
}

export function providerSuite(subject: Subject): void {
  const contract = (name: string, use: (bench: Bench) => Promise<void>): void => {
    test(`${subject.name}: ${name}`, () => withBench(subject, use));
  };

  contract('a job that succeeds is completed, with no output of its own', async ({ another, start, ended }) => {
    const provider = another({ launcher: { type: 'SingleNodeLauncher', debug: false } });
    const job = await start('good', 'true', provider);
    assert.deepEqual(await ended(job, provider), { state: 'completed', exitCode: 0 });
    assert.equal(await readFile(job.stdoutPath, 'utf8'), '');
    assert.equal(await readFile(job.stderrPath, 'utf8'), '');
    assert.equal(await provider.stderrTail(job), '');
  });

  contract('a job that fails is failed, with its exit code', async ({ start, ended }) => {
    assert.deepEqual(await ended(await start('bad', 'exit 7')), { state: 'failed', exitCode: 7 });
  });

  contract('stdout and stderr are kept apart and exactly', async ({ another, start, ended, provider }) => {
    const quiet = another({ launcher: { type: 'SimpleLauncher' } });
    const job = await start('output', `printf 'out $HOME\\n'; printf "err 'x'" >&2`, quiet);
    await ended(job, quiet);
    assert.equal(await readFile(job.stdoutPath, 'utf8'), 'out $HOME\n');
    assert.equal(await readFile(job.stderrPath, 'utf8'), "err 'x'");
    assert.equal(await provider.stderrTail(job), "err 'x'");
  });

  contract('a long stderr is cut to its beginning and its end', async ({ start, ended, provider }) => {
    const job = await start('long', 'echo first >&2; head -c 100000 /dev/zero | tr "\\0" x >&2; echo last >&2');
    await ended(job);
    const tail = await provider.stderrTail(job);
    assert.ok(tail.startsWith('first\n') && tail.includes('\n…\n') && tail.endsWith('last\n'));
    assert.ok(tail.length <= 2048 + 3);
  });

  contract('worker_init comes first, and its end ends the job', async ({ another, start, ended }) => {
    const worker_init = "export GREETING='good morning'\nset -eu";
    const exporting = another({ worker_init, launcher: { type: 'SimpleLauncher' } });
    const job = await start('init', 'echo "$GREETING, $JOBNAME"', exporting);
    assert.equal((await ended(job, exporting)).state, 'completed');
    assert.equal(await readFile(job.stdoutPath, 'utf8'), 'good morning, init\n');

    const leaving = another({ worker_init: 'exit 0' });
    const left = await start('left', 'echo never', leaving);
    assert.deepEqual(await ended(left, leaving), { state: 'completed', exitCode: 0 });
    assert.equal(await readFile(left.stdoutPath, 'utf8'), '');
  });

  contract('one call answers for many jobs, and a job nobody knows is missing', async ({ start, ended, provider }) => {
    const jobs = await Promise.all([start('one', 'true'), start('two', 'exit 2'), start('three', 'sleep 60')]);
    await ended(jobs[0]);
    await ended(jobs[1]);
    const status = await provider.status([...jobs.map((job) => job.id), '1-1']);
    assert.deepEqual([...status.values()].map(({ state }) => state), ['completed', 'failed', 'running', 'missing']);
  });

  contract('an ended job stays what it was, whatever is asked of it', async ({ start, ended, state, provider }) => {
    const job = await start('done', 'true');
    const end = await ended(job);
    await provider.cancel([job.id]);
    await provider.cancel([job.id], true);
    await rm(job.folder, { recursive: true });
    assert.deepEqual(await state(job), end);
  });

  contract('cancel ends every process of the job and of no other', async ({ start, ended, state, provider }) => {
    const job = await start('cancelled', 'sleep 61 & echo $$ $! >pids; wait');
    const other = await start('other', 'echo $$ >pids; exec sleep 62');
    const pids = await until('pids', () => pidsOf(job.folder, 2));
    const [spared = 0] = await until('pids', () => pidsOf(other.folder, 1));
    await provider.cancel([job.id]);
    assert.equal((await ended(job)).state, 'cancelled');
    for (const pid of pids) await until(`the end of ${pid}`, async () => ((await isRunning(pid)) ? undefined : true));
    assert.ok(await isRunning(spared));
    assert.equal((await state(other)).state, 'running');
    await provider.cancel([job.id]);
    assert.equal((await state(job)).state, 'cancelled');
  });

  contract('a forced cancel ends what does not listen', async ({ start, ended, provider }) => {
    const job = await start('deaf', `trap '' TERM; echo $$ >pids; while :; do sleep 0.1; done`);
    const [pid = 0] = await until('pids', () => pidsOf(job.folder, 1));
    await provider.cancel([job.id], true);
    assert.equal((await ended(job)).state, 'cancelled');
    await until('its end', async () => ((await isRunning(pid)) ? undefined : true));
  });

  contract('a command that a killed manager left behind ends with the block', async ({ start, ended }) => {
    // The manager starts a command in a process group of its own, writes it down, and is killed.
    const manager = `setsid sleep 63 & echo $! | tee pids >groups/0
      until [ -e go ]; do sleep 0.02; done; kill -KILL $$`;
    const job = await start('orphan', manager);
    const [command = 0] = await until('pids', () => pidsOf(job.folder, 1));
    assert.ok(await isRunning(command));
    await writeFile(join(job.folder, 'go'), '');
    assert.deepEqual(await ended(job), { state: 'failed', exitCode: 137 });
    await until('its end', async () => ((await isRunning(command)) ? undefined : true));
  });

  contract('what groups/ says is not trusted further than a process group', async ({ start, ended }) => {
    const witness = await start('witness', 'exec sleep 64');
    const job = await start('odd', `cd groups; echo -1 >a; echo 1 >b; echo '$(touch ../owned)' >c; echo 0 >d; : >e`);
    assert.equal((await ended(job)).state, 'completed');
    await assert.rejects(readFile(join(job.folder, 'owned')));
    assert.equal((await ended(await start('last', 'true'))).state, 'completed');
    assert.ok(witness);
  });

  contract('the job\'s name and folder may hold anything', async ({ start, ended }) => {
    const job = await start(`it's "$HOME"`, 'echo "$JOBNAME"');
    assert.equal((await ended(job)).state, 'completed');
    assert.match(await readFile(job.stdoutPath, 'utf8'), /it's "\$HOME"/);
  });

  contract('a refused submit says which job and why', async ({ provider, directory }) => {
    await writeFile(join(directory, 'file'), '');
    const folder = join(directory, 'file', 'folder');
    await assert.rejects(provider.submit({ name: 'refused', command: 'true', folder }), { name: 'ComputeError' });
  });

  contract('nothing is left in the process table', async ({ start, ended }) => {
    const job = await start('clean', 'sleep 0.05');
    await ended(job);
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    assert.deepEqual(processes.filter((line) => line.includes(job.folder)), []);
  });
}

/** What a job in this folder has written to its file `pids`, as the pids that its processes have on this machine. */
async function pidsOf(folder: string, count: number): Promise<number[] | undefined> {
  const inside = await numbers(join(folder, 'pids'), count);
  if (inside === undefined) return undefined;
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(names.map(async (name) => {
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    // The last is the one in the innermost namespace: a node of a test cluster may be one.
    const pid = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]);
    const at = inside.indexOf(pid);
    return at >= 0 && await readlink(`/proc/${name}/cwd`).catch(() => '') === folder ? [{ at, pid: Number(name) }] : [];
  }));
  const pids = found.flat().sort((a, b) => a.at - b.at).map(({ pid }) => pid);
  return pids.length === count ? pids : undefined;
}

export async function numbers(path: string, count: number): Promise<number[] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = text.trim().split(/\s+/).filter((word) => word !== '').map(Number);
  return found.length === count && text.endsWith('\n') ? found : undefined;
}
