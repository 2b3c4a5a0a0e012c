import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import { buildProvider, parseProvider } from '../../providers/index.ts';
import { isRunning, numbers, providerSuite, until, withBench, type Subject } from './provider.ts';

const subject: Subject = {
  name: 'LocalProvider',
  make: (directory, keys = {}) =>
    buildProvider(parseProvider({ type: 'LocalProvider', ...keys }), { directory, clock: systemClock }),
};

providerSuite(subject);

test('LocalProvider: a later process finds the jobs of an earlier one', () =>
  withBench(subject, async ({ start, ended, another, provider }) => {
    const job = await start('kept', 'until [ -e go ]; do sleep 0.02; done; exit 3');
    assert.equal((await another().status([job.id])).get(job.id)?.state, 'running');
    await writeFile(join(job.folder, 'go'), '');
    await ended(job);
    assert.deepEqual((await another().status([job.id])).get(job.id), { state: 'failed', exitCode: 3 });

    const cancelled = await start('dropped', 'sleep 65');
    await another().cancel([cancelled.id]);
    assert.equal((await ended(cancelled, another())).state, 'cancelled');
    assert.equal((await ended(cancelled, provider)).state, 'cancelled');
  }));

test('LocalProvider: a job with the pid of a later process is not running, and cancel does not touch that', () =>
  withBench(subject, async ({ start, directory, another }) => {
    const job = await start('bystander', 'exec sleep 66');
    const [pid = '', started = ''] = job.id.split('-');
    const stale = `${pid}-${Number(started) - 1}`;
    const record: object = JSON.parse(await readFile(join(directory, `${job.id}.json`), 'utf8'));
    const stem = join(directory, 'stale');
    const earlier = { ...record, started: String(Number(started) - 1), stem };
    await writeFile(join(directory, `${stale}.json`), JSON.stringify(earlier));
    const provider = another();
    assert.equal((await provider.status([stale])).get(stale)?.state, 'failed');
    await provider.cancel([stale], true);
    assert.ok(await isRunning(Number(pid)));
  }));

test('LocalProvider: a killed leader is a failed job, and nothing of the job survives it', () =>
  withBench(subject, async ({ start, ended }) => {
    const job = await start('headless', 'echo $$ >pids; exec sleep 67');
    const [manager = 0] = await until('pids', async () => numbers(join(job.folder, 'pids'), 1));
    process.kill(Number(job.id.split('-')[0]), 'SIGKILL');
    const status = await ended(job);
    assert.deepEqual(status, { state: 'failed', reason: 'killed before it could leave an exit status' });
    await until('its end', async () => ((await isRunning(manager)) ? undefined : true));
  }));

test('LocalProvider: the end of a job is told without being asked for', () =>
  withBench(subject, async ({ start, state, provider }) => {
    const job = await start('told', 'until [ -e go ]; do sleep 0.02; done');
    let told = 0;
    provider.watch?.(job.id, () => { told += 1; });
    await writeFile(join(job.folder, 'go'), '');
    // With a timer: a job alone does not keep a process alive.
    await until('the first word', () => (told === 1 ? true : undefined));
    assert.equal((await state(job)).state, 'completed');
    provider.watch?.(job.id, () => { told += 1; });
    await until('the second word', () => (told === 2 ? true : undefined));
  }));

test('LocalProvider: nodes_per_block managers run side by side', () =>
  withBench(subject, async ({ another, start, ended }) => {
    const provider = another({ nodes_per_block: 3, launcher: { type: 'SingleNodeLauncher', debug: false } });
    const meet = 'mkdir -p seen; : >seen/$$; until [ "$(ls seen | wc -l)" = 3 ]; do sleep 0.02; done';
    const job = await start('nodes', meet, provider);
    assert.equal((await ended(job, provider)).state, 'completed');
    assert.equal((await readdir(join(job.folder, 'seen'))).length, 3);
  }));

test('LocalProvider: a job outlives the process that started it and loses nothing by it', () =>
  withBench(subject, async ({ directory, another, ended }) => {
    const script = `
      const [index, time] = process.argv.slice(1);
      const { buildProvider, parseProvider } = await import(index);
      const { systemClock: clock } = await import(time);
      const provider = buildProvider(parseProvider({}), { directory: ${JSON.stringify(directory)}, clock });
      const command = "bash -c 'until [ -e go ]; do sleep 0.02; done; exit 4'";
      const job = await provider.submit({ name: 'left', command, folder: ${JSON.stringify(join(directory, 'left'))} });
      console.log(JSON.stringify(job));`;
    const modules = ['../../providers/index.js', '../../src/common/clock.js'].map((path) => import.meta.resolve(path));
    const argv = ['--input-type=module', '-e', script, '--', ...modules];
    const job = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }));
    assert.equal((await another().status([job.id])).get(job.id)?.state, 'running');
    await writeFile(join(directory, 'left', 'go'), '');
    assert.deepEqual(await ended(job, another()), { state: 'failed', exitCode: 4 });
  }));
