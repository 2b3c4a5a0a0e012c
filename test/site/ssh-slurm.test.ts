// An engine here, its blocks on a real Slurm cluster behind a real sshd of an ordinary user.

import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, test } from 'node:test';
import { Executor, moduleFunction } from '../../src/sdk/index.ts';
import { failure, kill, within } from '../process/harness.ts';
import { withSsh, type Sshd } from '../process/sshd.ts';
import { Cluster, folderOf } from './cluster.ts';

const USER = 'swy-alice';
const cluster = await Cluster.start({ nodes: 2 });
after(() => cluster[Symbol.asyncDispose]());

interface Site {
  readonly executor: Executor;
  readonly server: Sshd;
  /** Where the files of blocks are, on the cluster's side. */
  readonly scripts: string;
  readonly echo: (value: number, ms: number) => PromiseLike<number>;
  readonly queue: () => Promise<string>;
}

async function withEngine(
  name: string, keys: Readonly<Record<string, unknown>>, use: (site: Site) => Promise<void>,
): Promise<void> {
  const { node, dist } = await cluster.installation();
  const scripts = await folderOf(cluster, USER, `scripts-${name}`);
  const folder = await folderOf(cluster, USER, `sshd-${name}`);
  await withSsh(async (ssh) => {
    const server = await ssh.sshd({
      authorized: [ssh.key('id_ed25519')],
      as: { user: USER, folder, command: (argv) => cluster.command(argv, { user: USER }) },
    });
    ssh.know(server.knownHost());
    const channel = {
      type: 'SSHChannel', hostname: '127.0.0.1', port: server.port, username: USER, ssh_config: 'none',
      key_filename: join(ssh.home, '.ssh/id_ed25519'), known_hosts: join(ssh.home, '.ssh/known_hosts'),
      script_dir: scripts, envs: { SLURM_CONF: cluster.conf }, node, package_dir: dirname(dist), ...keys,
    };
    const executor = new Executor({
      directory: ssh.at('runs'),
      engine: {
        address: '127.0.0.1', max_workers_per_node: 2, cores_per_worker: 0.1,
        provider: {
          type: 'SlurmProvider', walltime: '00:05:00', init_blocks: 1, max_blocks: 1, exclusive: false, channel,
          launcher: { type: 'SimpleLauncher' },
        },
      },
    });
    const fixtures = pathToFileURL(join(dist, 'test/fixtures/tasks.js'));
    const later = moduleFunction<[value: number, ms: number], number>(fixtures, 'later');
    try {
      await use({
        executor, server, scripts,
        echo: (value, ms) => executor.submit(later, value, ms),
        queue: () => cluster.print(['squeue', '--noheader', '--states=PENDING,RUNNING', `--user=${USER}`]),
      });
    } finally {
      await within(60_000, 'closing the executor', executor.close('cancel'));
    }
    assert.equal(await cluster.print(['squeue', '--noheader', '--states=PENDING,RUNNING']), '');
  });
}

/** Every file below a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('tasks run on a cluster behind SSH; its keys are private while it runs and gone after it', async () => {
  let folder = '';
  await withEngine('run', {}, async ({ executor, scripts, echo }) => {
    const values = Array.from({ length: 200 }, (_, n) => n);
    assert.deepEqual(await Promise.all(values.map((value) => echo(value, 1))), values);
    folder = scripts;
    const keys = (await filesIn(scripts)).filter((file) => file.endsWith('/manager.json'));
    assert.equal(keys.length, 1);
    assert.equal((await stat(keys[0] ?? '')).mode & 0o777, 0o600);
    assert.deepEqual(executor.status().blocks.map(({ state }) => state), ['running']);
  });
  const left = await filesIn(folder);
  assert.ok(!left.some((file) => file.endsWith('/manager.json')), left.join('\n'));
  assert.ok(left.some((file) => file.endsWith('.sh')) && left.some((file) => file.endsWith('.out')), left.join('\n'));
});

test('tasks do not feel that the connection to the login node breaks, and the blocks end all the same', () =>
  withEngine('break', {}, async ({ server, echo, queue }) => {
    assert.equal(await echo(1, 1), 1);
    const running = Promise.all([echo(2, 1500), echo(3, 1500), echo(4, 1)]);
    const sessions = server.sessions();
    assert.ok(sessions.length > 0);
    for (const pid of sessions) kill(pid, 'SIGKILL');
    assert.deepEqual(await running, [2, 3, 4]);
    assert.notEqual(await queue(), '');
  }));

test('without Node on the other side the engine does not start, and nothing is submitted', () =>
  withEngine('premises', { node: '/nowhere/node' }, async ({ executor, echo, queue }) => {
    const error = await failure('START_FAILED', executor.start());
    assert.match(error.message, /there is no program \/nowhere\/node on 127\.0\.0\.1.*set the channel's node/);
    assert.throws(() => echo(1, 1), { code: 'START_FAILED' });
    assert.equal(await queue(), '');
  }));
