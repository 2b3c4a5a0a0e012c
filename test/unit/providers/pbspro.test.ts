// PBSProProvider's keys, and the script and the commands that come of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePbsPro, pbsPro } from '../../../providers/pbspro.ts';
import type { JobFiles } from '../../../providers/scheduler.ts';
import { directivesOf } from '../../fakes/pbs/qsub.ts';

const files: JobFiles = {
  name: 'switchyard.block-1.0a1b2c3d', folder: '/run/1', scriptPath: '/run/1/job.sh', stdoutPath: '/run/1/job.out',
  stderrPath: '/run/1/job.err',
};

const directives = (keys: Readonly<Record<string, unknown>>, at = files): readonly string[] =>
  pbsPro(parsePbsPro(keys)).directives(at);

test('the script of a block without any keys', () => {
  assert.deepEqual(directives({}), [
    '#PBS -S /bin/bash', '#PBS -m n', '#PBS -r n', '#PBS -l select=1:ncpus=1', '#PBS -l walltime=00:20:00',
    '#PBS -N switchyard.block-1.0a1b2c3d', '#PBS -o /run/1/job.out', '#PBS -e /run/1/job.err',
  ]);
});

test('the script of a block with all keys', () => {
  assert.deepEqual(directives({
    account: 'physics', queue: 'debug@pbs', nodes_per_block: 2, cpus_per_node: 32, walltime: '2-00:00:00',
    select_options: 'ngpus=4:mem=100gb', scheduler_options: '#PBS -l filesystems=home:eagle\n\n-W umask=022\n# a word',
  }), [
    '#PBS -S /bin/bash', '#PBS -q debug@pbs', '#PBS -A physics', '#PBS -m n', '#PBS -r n',
    '#PBS -l filesystems=home:eagle', '#PBS -W umask=022', '# a word',
    '#PBS -l select=2:ncpus=32:ngpus=4:mem=100gb', '#PBS -l place=scatter', '#PBS -l walltime=48:00:00',
    '#PBS -N switchyard.block-1.0a1b2c3d', '#PBS -o /run/1/job.out', '#PBS -e /run/1/job.err',
  ]);
});

test('a colon before the options of a select may be there or not', () => {
  for (const options of ['ngpus=1', ':ngpus=1']) {
    assert.ok(directives({ select_options: options }).includes('#PBS -l select=1:ncpus=1:ngpus=1'));
  }
});

test('whoever says how nodes are chosen is not told otherwise', () => {
  for (const line of ['#PBS -l place=scatter:excl', '-l filesystems=home,place=pack', '-lplace=vscatter']) {
    const lines = directives({ nodes_per_block: 4, scheduler_options: line });
    assert.equal(lines.filter((one) => one.includes('place=')).length, 1, line);
  }
});

test('a walltime in every spelling, as YAML 1.1 reads it, too', () => {
  const spellings = [['01:30:00', '01:30:00'], [5400, '01:30:00'], ['1-12:30', '36:30:00'], ['30', '00:00:30']];
  for (const [walltime, text] of spellings) {
    assert.ok(directives({ walltime }).includes(`#PBS -l walltime=${text}`), String(walltime));
  }
});

test('accounts and queues may look like numbers', () => {
  assert.ok(directives({ account: 12345, queue: 7 }).includes('#PBS -A 12345'));
});

test('qsub reads each word as it was meant, whatever is in it', () => {
  const odd = `/run/it's "$HOME" \\1`;
  const oddFiles = { ...files, stdoutPath: `${odd}.out`, stderrPath: `${odd}.err` };
  const lines = directives({ account: `two "words"` }, oddFiles);
  const words = directivesOf(lines.join('\n'));
  assert.deepEqual(words.find(([option]) => option === '-A'), ['-A', 'two "words"']);
  assert.deepEqual(words.find(([option]) => option === '-o'), ['-o', `${odd}.out`]);
  assert.deepEqual(words.find(([option]) => option === '-e'), ['-e', `${odd}.err`]);
  assert.throws(() => directives({}, { ...files, stdoutPath: '/a\nb' }), { code: 'SUBMIT_FAILED' });
});

const WRONG: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
  [{ scheduler_options: 'module load mpi' }, /line 1: "module load mpi" is not an option.*belong into worker_init/],
  [{ scheduler_options: '#PBS -q a\n#PBS -J 0-9' }, /line 2: -J 0-9 cannot be given here; a block is one job/],
  [{ scheduler_options: '#PBS -l select=4' }, /set nodes_per_block, cpus_per_node and select_options/],
  [{ scheduler_options: '-W block=true' }, /is not to last as long/],
  [{ scheduler_options: '-N mine' }, /a job is known by its name/],
  [{ worker_init: '# hello\n#PBS -A b' }, /qsub does not read "#PBS -A b" here; move it to scheduler_options/],
  [{ select_options: 'a b' }, /select_options: expected resources like ngpus=4:mem=100gb/],
  [{ queue: 'a b' }, /queue: expected the name of a queue/],
  [{ account: 'a\n#PBS -h' }, /account: expected one line of text/],
  [{ cpus_per_node: 0 }, /cpus_per_node/],
  [{ walltime: 'soon' }, /engine\.provider\.walltime: expected/],
  [{ partition: 'x' }, /unknown key partition/],
  [{ min_blocks: 3 }, /min_blocks \(3\) is greater than max_blocks \(1\)/],
];

for (const [keys, message] of WRONG.filter(([, { source }]) => source !== '^$')) {
  test(`refused: ${JSON.stringify(keys)}`, () => {
    assert.throws(() => parsePbsPro(keys), { code: 'CONFIG_INVALID', message });
  });
}

test('a comment after the first command of worker_init is a comment', () => {
  assert.equal(parsePbsPro({ worker_init: 'module load a\r\n#PBS -A b' }).worker_init, 'module load a\n#PBS -A b');
});

test('the commands name many jobs where that is safe, and one where it is not', () => {
  const { list, history, cancel, find, submit } = pbsPro(parsePbsPro({}));
  const ids = Array.from({ length: 500 }, (_, i) => `${i}.pbs`);
  assert.equal(list.batches(ids).length, 1);
  assert.deepEqual(list.argv(['1.pbs', '2.pbs']), ['env', 'TZ=UTC0', 'qstat', '-f', '-F', 'json', '1.pbs', '2.pbs']);
  assert.deepEqual(history.argv(['1.pbs']), ['env', 'TZ=UTC0', 'qstat', '-x', '-f', '-F', 'json', '1.pbs']);
  const orders = cancel.batches(['1.pbs', '2.pbs']).map((batch) => cancel.argv(batch));
  assert.deepEqual(orders, [['qdel', '1.pbs'], ['qdel', '2.pbs']]);
  assert.deepEqual(find.argv(['name']), ['qselect', '-N', 'name']);
  assert.deepEqual(submit.argv('/run/1/job.sh'), ['qsub', '/run/1/job.sh']);
});
