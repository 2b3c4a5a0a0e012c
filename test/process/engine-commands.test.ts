// Shell commands as tasks.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { command, type CommandResult } from '../../src/sdk/index.ts';
import {
  engineOf, failure, isRunning, linesOf, pause, settled, until, within, withSite, type Settled, type Site,
} from './harness.ts';

const results = async (future: PromiseLike<unknown>): Promise<CommandResult> => await future as CommandResult;
const zeros = (count: number, as: string): string => `head -c ${count} /dev/zero | tr "\\0" ${as}`;

test('a command gives back exit code, signal and output; a failing one is a result, not a failure', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    assert.deepEqual(await executor.submit(command('echo out; echo err >&2; exit 3')),
      { exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n', truncated: false });
    const killed = await results(executor.submit(command('kill -TERM $$')));
    assert.deepEqual([killed.exitCode, killed.signal], [null, 'SIGTERM']);
    assert.equal((await results(executor.submit(command('pwd', { cwd: directory })))).stdout, `${directory}\n`);
    const lost = await failure('COMMAND_FAILED', executor.submit(command('pwd', { cwd: join(directory, 'gone') })));
    assert.match(lost.message, /could not start a shell in .*gone/);
    const missing = await results(executor.submit(command('no-such-program --flag')));
    assert.equal(missing.exitCode, 127);
    assert.match(missing.stderr, /no-such-program/);
    // Nobody answers questions.
    const asking = await results(executor.submit(command('read -r line || echo nothing to read')));
    assert.equal(asking.stdout, 'nothing to read\n');
  }));

test('output is bounded; what was cut is named, and beginning and end are kept', () =>
  withSite(engineOf(), async ({ executor }) => {
    const bounded = command(`echo first; ${zeros(5_000_000, 'x')}; echo; echo last`, { outputBytesMax: 2000 });
    const { stdout, truncated, exitCode } = await results(executor.submit(bounded));
    assert.deepEqual([exitCode, truncated], [0, true]);
    assert.ok(stdout.startsWith('first\nxxx') && stdout.endsWith('xxx\nlast\n'));
    assert.match(stdout, /\n… 4998012 bytes cut …\n/);
    assert.ok(stdout.length < 2100);
    const exact = await results(executor.submit(command(zeros(2000, 'y'), { outputBytesMax: 2000 })));
    assert.deepEqual([exact.stdout.length, exact.truncated], [2000, false]);
    const large = await results(executor.submit(command(zeros(900_000, 'z'))));
    assert.deepEqual([large.stdout.length, large.truncated], [900_000, false]);
  }));

test('arguments are quoted for the shell, whatever they contain', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const folder = join(directory, 'files');
    mkdirSync(folder);
    const hostile = [
      'a b', "it's", '"', '$(touch pwned)', '`touch pwned`', ';touch pwned', '-n', '--help', '*', '~', 'new\nline',
      '\\', '{}', '&& touch pwned', '\t', '$HOME', 'ü\u{1F600}', '|tee pwned', '#', '!!',
    ];
    for (const [i, name] of hostile.entries()) writeFileSync(join(folder, name), String(i));
    const cat = command('cat ./{}', { cwd: folder });
    const seen = await Promise.all(hostile.map((name) => results(executor.submit(cat, name))));
    assert.deepEqual(seen.map(({ stdout }) => stdout), hostile.map((_, i) => String(i)));
    const printed = await results(executor.submit(command('printf %s'), 'a b;c'));
    assert.equal(printed.stdout, 'a b;c', 'without {} arguments are appended');
    assert.equal((await results(executor.submit(command('printf "%s|" {} {} {}'), 'x y', 2))).stdout, 'x y|2|2|');
    assert.equal(existsSync(join(folder, 'pwned')), false);
  }));

test('a timeout ends the whole process group, with grandchildren in the background, and keeps what was printed', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const pids = join(directory, 'pids');
    const sleeper = `sleep 300 & echo $! >> ${pids}`;
    const text = `echo before; ${sleeper}; (${sleeper}; wait) & echo $$ >> ${pids}; wait`;
    const error = await failure('TASK_TIMEOUT', executor.with({ timeoutMs: 500 }).submit(command(text)));
    assert.match(error.message, /longer than 0\.5 s/);
    assert.equal((error.details as { stdout: string }).stdout, 'before\n');
    assert.equal(linesOf(pids).length, 3);
    await allGone(pids);
    // One that ignores the polite signal, and whose children do, too.
    const deaf = join(directory, 'deaf');
    const loop = `trap '' TERM; echo $$ >> ${deaf}; while :; do sleep 1; done`;
    const stubborn = command(`trap '' TERM; (${loop}) & echo $! >> ${deaf}; wait`);
    await failure('TASK_TIMEOUT', executor.with({ timeoutMs: 300 }).submit(stubborn));
    await allGone(deaf);
    assert.equal((await results(executor.submit(command('echo next')))).stdout, 'next\n');
  }));

test('cancelling a command ends it and its children, at whatever moment', () =>
  withSite(engineOf(), async ({ executor, directory, processes }) => {
    const pids = join(directory, 'pids');
    const future = executor.submit(command(`sleep 300 & echo $! >> ${pids}; echo $$ >> ${pids}; wait`));
    await until('a running command', () => linesOf(pids).length === 2);
    assert.equal(await within(5000, 'the cancel', future.cancel()), true);
    await allGone(pids);
    // Right at the start there is a moment in which the process exists and has not been announced yet.
    const outcomes: Settled[] = [];
    for (let i = 0; i < 60; i++) {
      const early = executor.submit(command('sleep 301'));
      await pause(i / 10);
      void early.cancel();
      outcomes.push(await settled(early));
    }
    assert.ok(outcomes.every(({ error }) => 'code' in error && error.code === 'TASK_CANCELLED'));
    await noneOf('sleep 301', processes);
  }));

test('what a command left in the background ends with it, and its pipes hold up nobody', () =>
  withSite(engineOf(), async ({ executor, directory, processes }) => {
    const { stdout } = await within(5000, 'the command', results(executor.submit(command('sleep 302 & echo done'))));
    assert.equal(stdout, 'done\n');
    await noneOf('sleep 302', processes);
    // A daemon leaves the group: it is its own master, but the task does not wait for it.
    const pid = join(directory, 'daemon');
    const daemon = `setsid sh -c 'echo $$ > ${pid}; exec sleep 303' & while [ ! -s ${pid} ]; do sleep 0.01; done`;
    const away = await within(8000, 'the command', results(executor.submit(command(`${daemon}; echo left`))));
    assert.equal(away.stdout, 'left\n');
    process.kill(Number(linesOf(pid)[0]), 'SIGKILL');
  }));

async function allGone(path: string): Promise<void> {
  for (const pid of linesOf(path)) await until(`the end of ${pid}`, () => !isRunning(Number(pid)), 3000);
}

async function noneOf(text: string, processes: Site['processes']): Promise<void> {
  await until(`the end of every ${text}`, () => !processes().some(({ command: line }) => line.includes(text)), 3000);
}

const WAYS = [['dies of it', ''], ['has its own way to end', 'trap "exit 7" TERM; ']] as const;
for (const [how, trap] of WAYS) {
  test(`a scheduler's SIGTERM to manager and command, which ${how}: the task runs again, uncharged`, () =>
    withSite(engineOf(), async ({ executor, directory, connected }) => {
      const [victim] = await connected(1);
      const path = join(directory, 'notes');
      const release = join(directory, 'release');
      const text = `${trap}echo $$ >>${path}; while [ ! -e ${release} ]; do sleep 0.05; done; echo done`;
      const future = executor.submit(command(text));
      const [group] = await until('a running command', () => linesOf(path).length === 1 && linesOf(path));
      // In either order, as it comes.
      const both = [victim ?? 0, -Number(group)];
      for (const pid of trap === '' ? both.toReversed() : both) process.kill(pid, 'SIGTERM');
      await until('a second start', () => linesOf(path).length === 2, 12_000);
      writeFileSync(release, '');
      assert.equal((await results(future)).stdout, 'done\n');
      assert.equal(future.attempts, 1);
    }));
}
