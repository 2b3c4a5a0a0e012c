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

test('a node that lost its power comes back; nothing that ran on it is left', async () => {
  await cluster.print(['srun', '--nodelist=n3', '--overcommit', 'sh', '-c', 'setsid sleep 4711 >/dev/null 2>&1 &']);
  assert.match(await cluster.onNode('n3', ['ps', '-eo', 'args']), /^sleep 4711$/m);
  await cluster.powerOff('n3');
  await assert.rejects(cluster.onNode('n3', ['true']), /n3 is off/);
  await cluster.powerOn('n3');
  assert.doesNotMatch(await cluster.onNode('n3', ['ps', '-eo', 'args']), /^sleep 4711$/m);
});

test('on a cluster with a network, a cable that is cut separates a node, and mended joins it again', async () => {
  await using wired = await Cluster.start({ nodes: 2, network: true });
  assert.equal(await wired.print(['srun', '--nodes=2', '--ntasks=2', 'true']), '');
  const reach = ['sh', '-c', 'timeout 5 bash -c "exec 3<>/dev/tcp/n1/22" 2>&1; true'];
  assert.match(await wired.onNode('n2', reach), /Connection refused/);
  await wired.node('n1', 'cut');
  assert.doesNotMatch(await wired.onNode('n2', reach), /Connection refused/);
  await wired.node('n1', 'mend');
  assert.match(await wired.onNode('n2', reach), /Connection refused/);
});
