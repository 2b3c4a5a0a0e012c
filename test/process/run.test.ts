import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { FUNCTIONS, resultsIn, switchyard } from './command.ts';

const WORKERS = ['--workers', '2'];

test('a function over a count: every result once, status 0', async () => {
  await using dir = await scratch();
  const run = await switchyard(
    ['run', `${FUNCTIONS}:square`, '--count', '500', '--output', 'o.jsonl', '--json', ...WORKERS], { cwd: dir.path },
  );
  assert.equal(run.status, 0, run.stderr);
  const results = resultsIn(await readFile(dir.at('o.jsonl'), 'utf8')).sort((a, b) => a.index - b.index);
  assert.deepEqual(results.map(({ index, value }) => [index, value]), Array.from({ length: 500 }, (_, i) => [i, i * i]));
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
  const input = '[1,2,3]\n[4]\n';
  const spread = await switchyard(['run', `${FUNCTIONS}:sum`, '--input', '-', '--spread', ...WORKERS], { cwd: dir.path, input });
  assert.equal(spread.status, 0, spread.stderr);
  assert.deepEqual(new Map(resultsIn(spread.stdout).map(({ index, value }) => [index, value])), new Map([[0, 6], [1, 4]]));
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
  assert.deepEqual([bad?.input, bad?.error?.code, bad?.error?.['exitCode']], [dir.at('in put/b'), 'COMMAND_FAILED', 1]);
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
  ['no such engine file', ['run', `${FUNCTIONS}:square`, '--count', '1', '--engine', 'none.yaml'], /none\.yaml: no such/],
  ['a misspelt engine key', ['run', `${FUNCTIONS}:square`, '--count', '1', '--engine', 'bad.yaml'],
    /max_wrokers_per_node.*max_workers_per_node/],
  ['one file for two purposes', ['run', `${FUNCTIONS}:square`, '--count', '1', '-o', 'x', '-j', './x'], /same file/],
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

test('an output that cannot be created is 73, one that is full is 74, and the journal keeps what was done', async () => {
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

test('a journal that cannot be written is 73 or 74, in one line', async () => {
  await using dir = await scratch();
  const base = ['run', `${FUNCTIONS}:square`, '--count', '50', ...WORKERS];
  const none = await switchyard([...base, '--journal', 'none/j'], { cwd: dir.path });
  assert.equal(none.status, 73, none.stderr);
  assert.match(none.stderr, /^switchyard run: cannot create the journal's lock .*: no such file or directory\n$/);
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
  const log = dir.at('log');
  const args = ['run', '--command', `echo {} >> ${log}`, '--files', 'in', '--journal', 'j', '--output', 'o', ...WORKERS];
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 0);
  // A file that came later is no part of the run: commands often write where they read.
  await writeFile(dir.at('in/b'), '1');
  await writeFile(dir.at('o'), 'half a li');
  const again = await switchyard(args, { cwd: dir.path });
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(resultsIn(await readFile(dir.at('o'), 'utf8')).map(({ input }) => input), [dir.at('in/a')]);
  assert.equal(await readFile(log, 'utf8'), `${dir.at('in/a')}\n`);
  assert.equal(existsSync(dir.at('j.lock')), false);
});

test('failed tasks are run again when asked, and only they', async () => {
  await using dir = await scratch();
  await mkdir(dir.at('in'));
  await writeFile(dir.at('in/a'), '1');
  const args = ['run', '--command', `cat {} && echo {} >> log && test -e go`, '--files', 'in', '--journal', 'j', '-o', 'o', ...WORKERS];
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 1);
  assert.equal((await switchyard(args, { cwd: dir.path })).status, 1);
  await writeFile(dir.at('go'), '');
  assert.equal((await switchyard([...args, '--retry-failed'], { cwd: dir.path })).status, 0);
  assert.equal((await readFile(dir.at('log'), 'utf8')).split('\n').length - 1, 2);
  assert.equal(resultsIn(await readFile(dir.at('o'), 'utf8')).length, 1);
});
