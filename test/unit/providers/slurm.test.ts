// The keys of SlurmProvider, the script that they make, and what is refused before Slurm is asked.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../fakes/clock.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { BatchProvider } from '../../../providers/batch.ts';
import { localHost } from '../../../providers/host/local.ts';
import { parseSlurm, slurm } from '../../../providers/slurm.ts';

type Keys = Readonly<Record<string, unknown>>;

function directivesOf(keys: Keys, folder = '/runs/r/blocks/0'): string[] {
  const config = parseSlurm(keys);
  return slurm(config).directives({
    name: 'block-0.mark', folder, scriptPath: `${folder}/s.sh`, stdoutPath: `${folder}/s.out`,
    stderrPath: `${folder}/s.err`,
  }).map((line) => line.replace(/^#SBATCH --/, ''));
}

const LAST = [
  'no-requeue', 'no-kill', 'job-name=block-0.mark', 'chdir=/runs/r/blocks/0', 'output=/runs/r/blocks/0/s.out',
  'error=/runs/r/blocks/0/s.err',
];

test('without keys: one node for ten minutes, alone', () => {
  assert.deepEqual(directivesOf({}), ['nodes=1', 'ntasks-per-node=1', 'time=00:10:00', 'exclusive', ...LAST]);
  const { walltimeS, exclusive, cmd_timeout, status_batch_size, launcher, ...rest } = parseSlurm({});
  assert.deepEqual([walltimeS, exclusive, cmd_timeout, status_batch_size, launcher.type],
    [600, true, 10, 50, 'SingleNodeLauncher']);
  assert.deepEqual(rest, {
    type: 'SlurmProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1, nodes_per_block: 1, parallelism: 1,
    scheduler_options: '', worker_init: '', regex_job_id: 'Submitted batch job (?P<id>\\S*)',
  });
});

test('every key has its line, in an order that a person would write', () => {
  const keys = parseYaml(`
partition: long,debug
account: 1234
qos: normal
constraint: "[rack1|rack2]&gpu"
clusters: east,west
nodes_per_block: 4
walltime: 1:30:00
exclusive: no
cores_per_node: 64
mem_per_node: 250
gpus_per_node: a100:4
gres: nvme:1
`, 'site.yaml') as Keys; // a mapping, as written above
  assert.deepEqual(directivesOf(keys), [
    'nodes=4', 'ntasks-per-node=1', 'time=01:30:00', 'partition=long,debug', 'account=1234', 'qos=normal',
    'constraint=[rack1|rack2]&gpu', 'clusters=east,west', 'cpus-per-task=64', 'mem=250G', 'gpus-per-node=a100:4',
    'gres=nvme:1', ...LAST,
  ]);
});

test('walltimes as YAML reads them, and empty texts that a template left', () => {
  const timeOf = (yaml: string): string | undefined => {
    const keys = parseYaml(yaml, 'site.yaml') as Keys; // a mapping with a walltime
    return directivesOf(keys).find((line) => line.startsWith('time='));
  };
  assert.equal(timeOf('walltime: 1:00:00'), 'time=01:00:00');
  assert.equal(timeOf('walltime: 00:30:00'), 'time=00:30:00');
  assert.equal(timeOf('walltime: 48:00:00'), 'time=48:00:00');
  assert.equal(timeOf('walltime: "2-12:00:00"'), 'time=60:00:00');
  assert.equal(timeOf('walltime: 90'), 'time=00:01:30');
  assert.deepEqual(directivesOf({ partition: '', account: '', gres: '' }), directivesOf({}));
});

test('a user\'s own lines keep their words, come after the keys and before what a block is found by', () => {
  const scheduler_options = '#SBATCH --comment="a b"\r\n\n  --reservation=maint\n##SBATCH --off\n# why\n-x n[1-3]\n';
  const lines = directivesOf({ scheduler_options, partition: 'debug' });
  assert.deepEqual(lines.slice(3), [
    'partition=debug', 'exclusive', 'no-requeue', 'no-kill', 'comment="a b"', 'reservation=maint',
    '##SBATCH --off', '# why', '#SBATCH -x n[1-3]', ...LAST.slice(2),
  ]);
});

test('paths are quoted as Slurm reads them', () => {
  const lines = directivesOf({}, '/runs/it\'s "50%" #1\\');
  assert.deepEqual(lines.slice(-3), [
    'chdir="/runs/it\'s \\"50%\\" #1\\\\"', 'output="/runs/it\'s \\"50%%\\" #1\\\\/s.out"',
    'error="/runs/it\'s \\"50%%\\" #1\\\\/s.err"',
  ]);
  assert.throws(() => directivesOf({}, '/runs/a\n#SBATCH --uid=0'), { code: 'SUBMIT_FAILED' });
});

test('the script: directives first, then the site\'s own text, then the manager', () => {
  const config = parseSlurm({
    worker_init: 'module load node\r\nulimit -c 0', cores_per_node: 32, mem_per_node: 100,
    launcher: { type: 'SimpleLauncher' }, walltime: '00:05:00',
  });
  const provider = new BatchProvider(config, slurm(config), { host: localHost, clock: new FakeClock() });
  const text = provider.script({ name: 'block-0', command: 'node main.js', folder: '/r/0' });
  const order = ['#!/bin/bash\n#SBATCH --nodes=1', '#SBATCH --error=/r/0/block-0.', '\nexport JOBNAME=block-0\n',
    '\nexport PARSL_CORES=32\nexport PARSL_MEMORY_GB=100\nmodule load node\nulimit -c 0\n',
    '\nnode main.js </dev/null &\n'].map((part) => text.indexOf(part));
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  assert.ok(order.every((at) => at >= 0), text);
});

const REFUSED: readonly (readonly [Keys, RegExp])[] = [
  [{ partiton: 'x' }, /unknown key partiton; did you mean partition\?/],
  [{ partition: 'a\n#SBATCH --uid=0' }, /engine\.provider\.partition: /],
  [{ walltime: 'soon' }, /engine\.provider\.walltime: expected/],
  [{ mem_per_node: 0 }, /engine\.provider\.mem_per_node: /],
  [{ scheduler_options: 'module load x' }, /scheduler_options, line 1: "module load x" is not an option.*worker_init/],
  [{ scheduler_options: '\n#SBATCH --array=1-3' }, /line 2: --array=1-3 cannot be given here; a block is one job/],
  [{ scheduler_options: '-N 4' }, /-N 4 cannot be given here; set nodes_per_block/],
  [{ scheduler_options: '--nodes 4' }, /set nodes_per_block/],
  [{ scheduler_options: '#SBATCH -M east' }, /set clusters/],
  [{ scheduler_options: '--wait' }, /cannot be given here/],
  [{ worker_init: '\n# first\n#SBATCH --qos=x\nmodule load y' }, /Slurm does not read "#SBATCH --qos=x" here/],
  [{ regex_job_id: '(' }, /engine\.provider\.regex_job_id: /],
  [{ min_blocks: 3 }, /min_blocks \(3\) is greater than max_blocks \(1\)/],
];
for (const [keys, message] of REFUSED) {
  test(`refused: ${JSON.stringify(keys)}`, () => {
    assert.throws(() => parseSlurm(keys), { code: 'CONFIG_INVALID', message });
  });
}

test('ids go in groups: all in one squeue, some in an sacct, those of one cluster in an scancel', () => {
  const { list, history, cancel } = slurm(parseSlurm({ clusters: 'east,west', status_batch_size: 2 }));
  const ids = ['1;east', '2;west', '3;east'];
  assert.deepEqual(list.batches(ids), [ids]);
  assert.deepEqual(history.batches(ids), [['1;east', '2;west'], ['3;east']]);
  assert.deepEqual(cancel.batches(ids).map(cancel.argv), [
    ['scancel', '--clusters=east', '1', '3'], ['scancel', '--clusters=west', '2'],
  ]);
  assert.deepEqual(list.batches([]), []);
  assert.equal(list.batches(Array.from({ length: 2500 }, String)).length, 3);
  assert.ok(list.argv(ids).includes('--jobs=1,2,3') && list.argv(ids).includes('--clusters=east,west'));
});
