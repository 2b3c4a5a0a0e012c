import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { exec } from '../../src/common/exec.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { scratch } from '../fakes/scratch.ts';
import { FUNCTIONS, homeIn, MAIN, resultsIn, switchyard } from './command.ts';

const WORKERS = ['--workers', '2'];

test('a function over a count: every result once, status 0', async () => {
  await using dir = await scratch();
  const run = await switchyard(
    ['run', `${FUNCTIONS}:square`, '--count', '500', '--output', 'o.jsonl', '--json', ...WORKERS], { cwd: dir.path },
  );
  assert.equal(run.status, 0, run.stderr);
  const results = resultsIn(await readFile(dir.at('o.jsonl'), 'utf8')).sort((a, b) => a.index - b.index);
  const expected = Array.from({ length: 500 }, (_, index) => [index, index * index]);
  assert.deepEqual(results.map(({ index, value }) => [index, value]), expected);
  const { end, ok, failed, status } = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.deepEqual({ end, ok, failed, status }, { end: 'complete', ok: 500, failed: 0, status: 0 });
});

test('tasks that fail are lines of the output, groups of the summary, and status 1', async () => {
  await using dir = await scratch();
  const run = await switchyard(['run', `${FUNCTIONS}:oddFails`, '--count', '10', ...WORKERS], { cwd: dir.path });
  assert.equal(run.status, 1, run.stderr);
  const failed = resultsIn(run.stdout).filter(({ ok }) => !ok);
  assert.deepEqual(failed.map(({ index }) => index).sort((a, b) => a - b), [1, 3, 5, 7, 9]);
  for (const { index, error } of failed) {
    assert.deepEqual([error?.code, error?.['name'], error?.message], ['TASK_RAISED', 'RangeError', `${index} is odd`]);
  }
  assert.match(run.stderr, /5 ok, 5 failed\n {2}5 × TASK_RAISED: \d is odd/);
});

test('values come from standard input, arrays are one argument unless they are spread', async () => {
  await using dir = await scratch();
  const valuesOf = async (args: readonly string[]): Promise<unknown[]> => {
    const run = await switchyard(['run', `${FUNCTIONS}:sum`, '--input', '-', ...args, ...WORKERS], {
      cwd: dir.path, input: '[1,2,3]\n[4]\n',
    });
    assert.equal(run.status, 0, run.stderr);
    return resultsIn(run.stdout).sort((a, b) => a.index - b.index).map(({ value }) => value);
  };
  assert.deepEqual(await valuesOf(['--spread']), [6, 4]);
  assert.deepEqual(await valuesOf([]), ['01,2,3', '04']);
});

test('a command over files: its exit status decides, and its names may hold anything', async () => {
  await using dir = await scratch();
  await mkdir(dir.at('in put'));
  await writeFile(dir.at("in put/it's $(a) name"), 'good\n');
  await writeFile(dir.at('in put/b'), 'bad\n');
  const run = await switchyard(
    ['run', '--command', 'grep good {}', '--files', 'in put', '--quiet', ...WORKERS], { cwd: dir.path },
  );
  assert.equal(run.status, 1, run.stderr);
  assert.equal(run.stderr, '');
  const [bad, good] = resultsIn(run.stdout).sort((a, b) => a.index - b.index);
  assert.equal(bad?.input, dir.at('in put/b'));
  assert.deepEqual([bad?.error?.code, bad?.error?.['exitCode']], ['COMMAND_FAILED', 1]);
  assert.deepEqual([good?.ok, (good?.value as { stdout: string } | undefined)?.stdout], [true, 'good\n']);
});

const MISUSE: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown option', ['run', 'a:b', '--cuont', '3'], /unknown option '--cuont' \(Did you mean --count\?\)/],
  ['an unknown command', ['rnu'], /unknown command 'rnu' \(Did you mean run\?\)/],
  ['nothing to run', ['run', '--count', '3'], /nothing to run/],
  ['no inputs', ['run', `${FUNCTIONS}:square`], /no inputs/],
  ['two sources', ['run', `${FUNCTIONS}:square`, '--count', '1', '--input', '-'], /more than one source/],
  ['a missing module', ['run', './none.mjs:f', '--count', '3'], /no such module: \.\/none\.mjs/],
  ['no export', ['run', FUNCTIONS, '--count', '3'], /names no export/],
  ['a missing export', ['run', `${FUNCTIONS}:none`, '--count', '3'], /none/],
  ['a missing input', ['run', `${FUNCTIONS}:square`, '--input', 'none.jsonl'], /none\.jsonl: no such file/],
  ['bad JSON', ['run', `${FUNCTIONS}:square`, '--input', 'bad.jsonl'], /line 2 of bad\.jsonl is not JSON: \{1/],
  ['a bad number', ['run', `${FUNCTIONS}:square`, '--count', 'x'], /must be a whole number/],
  ['no engine file', ['run', `${FUNCTIONS}:square`, '--count', '1', '--engine', 'none.yaml'], /none\.yaml: no such/],
  ['a misspelt engine key', ['run', `${FUNCTIONS}:square`, '--count', '1', '--engine', 'bad.yaml'],
    /max_wrokers_per_node.*max_workers_per_node/],
  ['more than there is', ['run', `${FUNCTIONS}:square`, '--count', '1', '--gpus', '1'], /gpus 1.* names none/],
  ['nodes without MPI', ['run', `${FUNCTIONS}:square`, '--count', '1', '--nodes', '2'], /GlobusMPIEngine/],
  ['one file twice', ['run', `${FUNCTIONS}:square`, '--count', '1', '-o', 'x', '-j', './x'], /same file/],
];

for (const [name, args, words] of MISUSE) {
  test(`misuse is status 64 and one line: ${name}`, async () => {
    await using dir = await scratch();
    await writeFile(dir.at('bad.jsonl'), '1\n{1\n');
    await writeFile(dir.at('bad.yaml'), 'engine:\n  max_wrokers_per_node: 2\n');
    await writeFile(dir.at('out.jsonl'), 'precious\n');
    const output = args.includes('-o') || args[0] !== 'run' ? [] : ['--output', 'out.jsonl'];
    const run = await switchyard([...args, ...output], { cwd: dir.path });
    assert.equal(run.status, 64, run.stderr);
    assert.match(run.stderr, words);
    assert.match(run.stderr.trimEnd().split('\n').at(-1) ?? '', /^switchyard( run)?: /);
    // What is known before the first task is known before anything is overwritten.
    if (name !== 'a missing export') assert.equal(await readFile(dir.at('out.jsonl'), 'utf8'), 'precious\n');
  });
}

test('an output that cannot be created is 73, one that is full 74, and the journal keeps what was done', async () => {
  await using dir = await scratch();
  const base = ['run', `${FUNCTIONS}:square`, '--count', '50', ...WORKERS];
  const none = await switchyard([...base, '--output', 'none/o.jsonl'], { cwd: dir.path });
  assert.deepEqual([none.status, none.stdout], [73, '']);
  assert.match(none.stderr, /cannot create the output .*none\/o\.jsonl: no such file or directory/);
  const full = await switchyard([...base, '--output', '/dev/full', '--journal', 'j'], { cwd: dir.path });
  assert.equal(full.status, 74, full.stderr);
  assert.match(full.stderr, /cannot write the output \/dev\/full: no space left on the device/);
  const again = await switchyard([...base, '--output', 'o.jsonl', '--journal', 'j'], { cwd: dir.path });
  assert.equal(again.status, 0, again.stderr);
  assert.equal(resultsIn(await readFile(dir.at('o.jsonl'), 'utf8')).length, 50);
});

test('a journal that cannot be created is 73, in one line', async () => {
  await using dir = await scratch();
  const args = ['run', `${FUNCTIONS}:square`, '--count', '50', '--journal', 'none/j', ...WORKERS];
  const run = await switchyard(args, { cwd: dir.path });
  assert.equal(run.status, 73, run.stderr);
  assert.match(run.stderr, /^switchyard run: cannot create the journal's lock .*: no such file or directory\n$/);
});

test('a journal that is full is 74, and goes on once there is room', async () => {
  await using dir = await scratch();
  const args = ['run', `${FUNCTIONS}:square`, '--count', '2000', '--output', 'o', '--journal', 'j', ...WORKERS];
  // No file may grow beyond 8 KiB, as if the disk were full there.
  const limited = `trap '' XFSZ; ulimit -f 8; exec ${quoteAll([process.execPath, MAIN, ...args])}`;
  const full = await exec(['bash', '-c', limited], { cwd: dir.path, env: homeIn(dir.path), timeoutMs: 60_000 });
  assert.equal(full.code, 74, full.stderr);
  assert.match(full.stderr, /switchyard run: cannot write the journal .*j: the file is larger than allowed\n/);
  const again = await switchyard(args, { cwd: dir.path });
  assert.equal(again.status, 0, again.stderr);
  const indices = resultsIn(await readFile(dir.at('o'), 'utf8')).map(({ index }) => index).sort((a, b) => a - b);
  assert.deepEqual(indices, Array.from({ length: 2000 }, (_, index) => index));
});

test('blocks that all fail are 69, and no task is taken for finished', async () => {
  await using dir = await scratch();
  const engine = 'engine:\n  provider:\n    type: LocalProvider\n    worker_init: exit 7\n';
  await writeFile(dir.at('broken.yaml'), engine);
  const args = ['run', `${FUNCTIONS}:square`, '--count', '5', '--output', 'o', '--journal', 'j'];
  const broken = await switchyard([...args, '--engine', 'broken.yaml'], { cwd: dir.path });
  assert.equal(broken.status, 69, broken.stderr);
  assert.equal(await readFile(dir.at('o'), 'utf8'), '');
  const again = await switchyard([...args, ...WORKERS], { cwd: dir.path });
  assert.equal(again.status, 0, again.stderr);
  assert.equal(resultsIn(await readFile(dir.at('o'), 'utf8')).length, 5);
});

test('a journal refuses another run', async () => {
  await using dir = await scratch();
  const base = ['run', `${FUNCTIONS}:square`, '--journal', 'j', '--output', 'o', ...WORKERS];
  assert.equal((await switchyard([...base, '--count', '5'], { cwd: dir.path })).status, 0);
  const other = await switchyard([...base, '--count', '6'], { cwd: dir.path });
  assert.equal(other.status, 64);
  assert.match(other.stderr, /belongs to another run: its inputs have count 5, not 6/);
  assert.equal(resultsIn(await readFile(dir.at('o'), 'utf8')).length, 5);
});

test('a run that is finished only writes its output again', async () => {
  await using dir = await scratch();
  await mkdir(dir.at('in'));
  await writeFile(dir.at('in/a'), '1');
  const args = ['run', '--command', 'echo {} >> log', '--files', 'in', '--journal', 'j', '--output', 'o', ...WORKERS];
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 0);
  // A file that came later is no part of the run: commands often write where they read.
  await writeFile(dir.at('in/b'), '1');
  await writeFile(dir.at('o'), 'half a li');
  const again = await switchyard(args, { cwd: dir.path });
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(resultsIn(await readFile(dir.at('o'), 'utf8')).map(({ input }) => input), [dir.at('in/a')]);
  assert.equal(await readFile(dir.at('log'), 'utf8'), `${dir.at('in/a')}\n`);
  assert.equal(existsSync(dir.at('j.lock')), false);
});

test('failed tasks are run again when asked, and only they', async () => {
  await using dir = await scratch();
  await mkdir(dir.at('in'));
  await writeFile(dir.at('in/a'), '1');
  const command = 'cat {} && echo {} >> log && test -e go';
  const args = ['run', '--command', command, '--files', 'in', '--journal', 'j', '-o', 'o', ...WORKERS];
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 1);
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 1);
  await writeFile(dir.at('go'), '');
  assert.equal((await switchyard([...args, '--retry-failed'], { cwd: dir.path })).status, 0);
  assert.equal((await readFile(dir.at('log'), 'utf8')).split('\n').length - 1, 2);
  assert.equal(resultsIn(await readFile(dir.at('o'), 'utf8')).length, 1);
});
