// What a manager leaves behind on its node is ended by its keeper, and nothing else is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { managerScript } from '../../engine/blocks/manager-script.ts';
import { isRunning, numbers, until } from '../contract/provider.ts';
import { scratch } from '../fakes/scratch.ts';
import { command as shell } from '../../src/sdk/index.ts';
import { engineOf, linesOf, withSite } from './harness.ts';

/** Runs a command in a process group of its own, notes it, and does what comes then. Like Node, hands no pipe on. */
const manager = (then: string): string => `setsid sleep 71 9>&- & echo "$! $(uname -n)" >"groups/$(uname -n)-$$-0"
  echo "$$ $!" >pids; ${then}`;

async function withManager(
  then: string, use: (folder: string, pids: { manager: number; command: number }) => Promise<void>,
): Promise<void> {
  await using folder = await scratch();
  await mkdir(folder.at('groups'));
  await writeFile(folder.at('manager.sh'), managerScript(folder.path, ['bash', '-c', manager(then)]));
  const child = spawn('bash', [folder.at('manager.sh')], { cwd: folder.path, stdio: 'ignore' });
  const ended = once(child, 'exit');
  try {
    const [pid = 0, command = 0] = await until('a command', () => numbers(folder.at('pids'), 2));
    assert.equal(pid, child.pid, 'the manager takes the place of its script');
    await use(folder.path, { manager: pid, command });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function gone(pid: number): Promise<void> {
  await until(`the end of ${pid}`, async () => ((await isRunning(pid)) ? undefined : true));
}

test('the command of a manager that was killed ends, and its note is gone', () =>
  withManager('exec sleep 72', async (folder, { manager: pid, command }) => {
    assert.ok(await isRunning(command));
    process.kill(pid, 'SIGKILL');
    await gone(command);
    await until('an empty folder', async () => ((await readdir(`${folder}/groups`)).length === 0 ? true : undefined));
  }));

test('a manager that ends by itself, with any status, leaves nothing either', () =>
  withManager('exit 3', (_, { command }) => gone(command)));

test('commands of other managers, on this node and on others with the same pids, are not touched', () =>
  withManager('exec sleep 72', async (folder, { manager: pid, command }) => {
    const witness = spawn('sleep', ['73'], { detached: true, stdio: 'ignore' });
    try {
      const note = `${witness.pid} ${hostname()}`;
      const notes = [`${hostname()}-${pid}1-0`, `elsewhere-${pid}-0`, `${hostname()}x-${pid}-0`];
      await Promise.all(notes.map((name) => writeFile(`${folder}/groups/${name}`, note)));
      process.kill(pid, 'SIGKILL');
      await gone(command);
      assert.ok(await isRunning(witness.pid ?? 0));
      assert.deepEqual((await readdir(`${folder}/groups`)).toSorted(), notes.toSorted());
    } finally {
      witness.kill('SIGKILL');
    }
  }));

test('what a note says is not trusted further than a process group', () =>
  withManager('exec sleep 72', async (folder, { manager: pid, command }) => {
    const odd = ['-1', '1', '0', '$(touch owned)', `${process.pid};`, ''];
    await Promise.all(odd.map((text, i) => writeFile(`${folder}/groups/${hostname()}-${pid}-${i + 1}`, text)));
    process.kill(pid, 'SIGKILL');
    await gone(command);
    await until('its notes read', async () =>
      ((await readdir(`${folder}/groups`)).every((name) => name.endsWith('-6')) ? true : undefined));
    assert.ok(!(await readdir(folder)).includes('owned'));
  }));

const twoManagers = engineOf({ max_workers_per_node: 1 }, { nodes_per_block: 2 });

test('in an engine, too: a command ends with its manager while the block lives on', () =>
  withSite(twoManagers, async ({ connected, directory, executor }) => {
    await connected(2);
    const path = join(directory, 'pids');
    const future = executor.submit(shell(`echo $$ $PPID >>${path}; exec sleep 74`));
    const [first = ''] = await until('a command', () => (linesOf(path).length > 0 ? linesOf(path) : undefined));
    const [group = 0, pid = 0] = first.split(' ').map(Number);
    process.kill(pid, 'SIGKILL');
    await gone(group);
    await until('the command elsewhere', () => (linesOf(path).length === 2 ? true : undefined));
    assert.equal(executor.status().blocks.length, 1, 'the block is the same');
    await future.cancel();
  }));
