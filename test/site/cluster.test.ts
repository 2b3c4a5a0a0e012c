// The cluster that the other tests of this folder stand on does what they take for granted.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { Cluster } from './cluster.ts';

const cluster = await Cluster.start();
after(() => cluster[Symbol.asyncDispose]());

test('a job of an ordinary user runs on nodes with names of their own', async () => {
  const names = await cluster.print(['srun', '--nodes=2', 'sh', '-c', 'echo $(uname -n) $(id -un)']);
  assert.deepEqual(names.split('\n').sort(), ['n1 swy-alice', 'n2 swy-alice']);
});

test('this build runs as an ordinary user on a node', async () => {
  const { node, dist } = await cluster.installation();
  const said = await cluster.print(['srun', node, `${dist}/src/cli/main.js`, '--version']);
  assert.match(said, /^\d+\.\d+\.\d+$/);
});

test('a second cluster stands beside the first, and leaves nothing', async () => {
  let root = '';
  {
    await using other = await Cluster.start({ nodes: 1, cpus: 3 });
    root = other.root;
    assert.equal(await other.print(['sinfo', '--noheader', '--format=%D %c', '--partition=debug']), '1 3');
    assert.equal(await cluster.print(['sinfo', '--noheader', '--format=%D %c', '--partition=debug']), '4 2');
  }
  assert.ok(!existsSync(root));
});
