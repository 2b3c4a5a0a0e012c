// What every host promises: this machine, and a login node behind a real sshd.

import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { localHost } from '../../providers/host/local.ts';
import type { Host } from '../../providers/host/host.ts';
import { failure, isRunning, linesOf, until } from '../process/harness.ts';
import { withLogin } from '../process/sshd.ts';
import { scratch } from '../fakes/scratch.ts';

type Use = (host: Host, at: (name: string) => string) => Promise<void>;

const HOSTS: Readonly<Record<string, (use: Use) => Promise<void>>> = {
  'this machine': async (use) => {
    await using folder = await scratch();
    await use(localHost, folder.at);
  },
  'a login node': (use) => withLogin((node, { at }) => use(node, at)),
};

const timeoutMs = 20_000;

for (const [name, withHost] of Object.entries(HOSTS)) {
  const contract = (promise: string, use: Use): void => {
    test(`${name}: ${promise}`, () => withHost(use));
  };

  contract('an exit status, or a signal, and both outputs are the answer', async (host) => {
    assert.deepEqual(await host.run(['sh', '-c', 'printf %s "$1"; echo e >&2; exit 7', 'sh', "a 'b'"], { timeoutMs }),
      { code: 7, signal: null, stdout: "a 'b'", stderr: 'e\n' });
    assert.equal((await host.run(['sh', '-c', 'kill -KILL $$'], { timeoutMs })).signal, 'SIGKILL');
  });

  contract('what cannot start was not started', async (host) => {
    const error = await failure('COMMAND_FAILED', host.run(['no-such-command'], { timeoutMs }));
    assert.equal(error.details?.['started'], false);
  });

  contract('what takes too long ends, with its children, and nobody says that it was not started', async (host, at) => {
    const script = `sleep 376 & echo $! >${at('pids')}; echo $$ >>${at('pids')}; wait`;
    const error = await failure('COMMAND_FAILED', host.run(['sh', '-c', script], { timeoutMs: 1500 }));
    assert.notEqual(error.details?.['started'], false);
    const pids = linesOf(at('pids')).map(Number);
    assert.equal(pids.length, 2);
    await until('their end', () => !pids.some(isRunning));
  });

  contract('a file is written whole, with its mode and its folders, and nothing else', async (host, at) => {
    await host.write(at('a/b/file'), 'one €\n', 0o600);
    await host.write(at('a/b/file'), 'two\0\n', 0o700);
    assert.equal(await readFile(at('a/b/file'), 'utf8'), 'two\0\n');
    assert.equal((await stat(at('a/b/file'))).mode & 0o777, 0o700);
    assert.equal((await stat(at('a'))).mode & 0o777, 0o700);
    await mkdir(at('a/b/folder'));
    await failure('STORAGE_FAILED', host.write(at('a/b/folder'), 'x', 0o600));
    await failure('STORAGE_FAILED', host.write(at('a/b/file/below'), 'x', 0o600));
    assert.deepEqual((await readdir(at('a/b'))).toSorted(), ['file', 'folder']);
  });

  contract('an excerpt is bounded, and nothing where there is nothing', async (host, at) => {
    await writeFile(at('file'), `first${'x'.repeat(100_000)}last`);
    const text = await host.excerpt(at('file'), 1000);
    assert.ok(text.startsWith('first') && text.endsWith('last') && text.length === 1003);
    assert.equal(await host.excerpt(at('none'), 1000), '');
  });

  contract('a removed file is gone, and removing it again is fine', async (host, at) => {
    await writeFile(at('file'), '');
    await host.remove(at('file'));
    await host.remove(at('file'));
    await assert.rejects(stat(at('file')), { code: 'ENOENT' });
    await mkdir(at('folder'));
    await failure('STORAGE_FAILED', host.remove(at('folder')));
  });

  contract('what closes twice has closed', async (host) => {
    await host.close();
    await host.close();
  });
}
