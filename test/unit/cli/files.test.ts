import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { findFiles } from '../../../src/cli/files.ts';
import { scratch } from '../../fakes/scratch.ts';

async function tree(at: (name: string) => string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(at(name)), { recursive: true });
    await writeFile(at(name), name);
  }
}

test('a directory stands for every file below it, hidden ones too, in a stable order', async () => {
  await using dir = await scratch();
  await tree(dir.at, ['b.txt', 'a/2', 'a/10', 'a/c/.hidden', '.git/config']);
  const found = await findFiles(['.'], dir.path);
  assert.deepEqual(found.paths, ['.git/config', 'a/10', 'a/2', 'a/c/.hidden', 'b.txt'].map(dir.at));
});

test('patterns match as in a shell', async () => {
  await using dir = await scratch();
  await tree(dir.at, ['x1.txt', 'x2.txt', 'x3.dat', 'x.+', '.x4.txt']);
  await tree(dir.at, ['a/y.txt', 'a/b/z.txt', 'a/b/.w.txt', 'a/[q].txt']);
  const cases: [string, string[]][] = [
    ['*.txt', ['x1.txt', 'x2.txt']],
    ['x[1-2].*', ['x1.txt', 'x2.txt']],
    ['x[!1].*', ['x2.txt', 'x3.dat']],
    ['x?.dat', ['x3.dat']],
    ['*.+', ['x.+']],
    ['.*.txt', ['.x4.txt']],
    ['**/*.txt', ['a/[q].txt', 'a/b/z.txt', 'a/y.txt', 'x1.txt', 'x2.txt']],
    ['a/**', ['a/[q].txt', 'a/b/z.txt', 'a/y.txt']],
    ['**/b/*', ['a/b/z.txt']],
    ['{x3.dat,a/{y,none}.txt}', ['a/y.txt', 'x3.dat']],
    ['*/b/**/*.txt', ['a/b/z.txt']],
    ['a/[q].txt', ['a/[q].txt']],
  ];
  for (const [pattern, names] of cases) {
    const found = await findFiles([pattern], dir.path);
    assert.deepEqual([...found.paths].sort(), names.map(dir.at).sort(), pattern);
  }
});

test('a file that is named twice comes once', async () => {
  await using dir = await scratch();
  await tree(dir.at, ['a/1', 'a/2']);
  const found = await findFiles(['a/2', 'a', 'a/*', '**/1'], dir.path);
  assert.deepEqual(found.paths, ['a/2', 'a/1'].map(dir.at));
});

test('links below a directory are not followed, sockets are passed over', async () => {
  await using dir = await scratch();
  await tree(dir.at, ['real/file']);
  await symlink(dir.at('real'), dir.at('real/loop'));
  await symlink(dir.at('real/file'), dir.at('real/link'));
  await symlink(dir.at('real'), dir.at('named'));
  const server = createServer().listen(dir.at('real/socket'));
  try {
    assert.deepEqual((await findFiles(['real'], dir.path)).paths, [dir.at('real/file')]);
    // What a person names is meant, also through a link.
    assert.deepEqual((await findFiles(['named'], dir.path)).paths, [dir.at('named/file')]);
  } finally {
    server.close();
  }
});

test('an argument that names nothing is a mistake', async () => {
  await using dir = await scratch();
  await tree(dir.at, ['a.txt']);
  await mkdir(dir.at('empty'));
  await assert.rejects(findFiles(['a.txt', 'none.txt'], dir.path), /no such file or directory: none\.txt/);
  await assert.rejects(findFiles(['*.dat'], dir.path), /\*\.dat names no file/);
  await assert.rejects(findFiles(['none/*.dat'], dir.path), /none\/\*\.dat names no file/);
  await assert.rejects(findFiles(['empty'], dir.path), /empty names no file/);
  await assert.rejects(findFiles(['x[z-a]'], dir.path), /'x\[z-a\]' is not a file pattern/);
});
