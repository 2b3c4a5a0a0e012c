// Runs that end before their time: killed, stopped, cancelled.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../fakes/scratch.ts';
import { FUNCTIONS, resultsIn, start, switchyard } from './command.ts';

const TASKS = 300;
const KEPT = ['--journal', 'j', '--output', 'o.jsonl', '--workers', '2'];
const DEADLINE_MS = 60_000;

/** Inputs of tasks that leave a trace in `log`. */
function traced(count: number, log: string, ms: number): string {
  return Array.from({ length: count }, (_, index) => `${JSON.stringify({ index, log, ms })}\n`).join('');
}

async function textOf(path: string): Promise<string> {
  return existsSync(path) ? readFile(path, 'utf8') : '';
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!await holds()) {
    assert.ok(Date.now() < end, `${what} did not happen within ${DEADLINE_MS / 1000} s`);
    await sleep(10);
  }
}

/** Indices whose records are whole, with their newline. */
function durableIn(journal: string): Set<number> {
  const lines = journal.split('\n').slice(1, -1);
  return new Set(lines.map((line) => (JSON.parse(line.slice(9)) as { index: number }).index));
}

function countsOf(log: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of log.split('\n').filter((each) => each !== '')) {
    counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
  }
  return counts;
}

/** Numbers in [0, 1) that are the same for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test(`killed at any moment, a run with a journal loses nothing, repeats nothing recorded (SEED=${seed})`, async () => {
  await using dir = await scratch();
  const next = random(seed);
  await writeFile(dir.at('in.jsonl'), traced(TASKS, dir.at('log'), 15));
  const args = ['run', `${FUNCTIONS}:trace`, '--input', 'in.jsonl', ...KEPT];
  const limits = new Map<number, number>();
  let kills = 0;
  for (;;) {
    const before = durableIn(await textOf(dir.at('j'))).size;
    await using run = start(args, { cwd: dir.path, input: '' });
    // Somewhere between the start and well into the work, so that every part of a run is hit sooner or later.
    const wanted = before + Math.floor(next() * 40) - 4;
    let over = false;
    void run.ended.then(() => { over = true; });
    await until('progress of the run', async () => over || durableIn(await textOf(dir.at('j'))).size >= wanted);
    await sleep(next() * 30);
    run.child.kill('SIGKILL');
    const { status, stderr } = await run.ended;
    if (status !== null) {
      assert.equal(status, 0, stderr);
      break;
    }
    kills += 1;
    assert.ok(kills < 200, 'the run never ended');
    await settled(dir.at('log'));
    const counts = countsOf(await textOf(dir.at('log')));
    for (const index of durableIn(await textOf(dir.at('j')))) {
      if (!limits.has(index)) limits.set(index, counts.get(index) ?? 0);
    }
  }
  assert.ok(kills >= 3, `only ${kills} kills hit`);
  const results = resultsIn(await textOf(dir.at('o.jsonl')));
  assert.deepEqual(results.map(({ index }) => index).sort((a, b) => a - b), Array.from({ length: TASKS }, (_, i) => i));
  const counts = countsOf(await textOf(dir.at('log')));
  for (const [index, limit] of limits) assert.equal(counts.get(index), limit, `task ${index}, recorded, ran again`);
});

/** Workers of a killed run may finish what they had: wait until they have gone quiet. */
async function settled(log: string): Promise<void> {
  let before = -1;
  await until('quiet of the workers', async () => {
    const size = (await textOf(log)).length;
    const quiet = size === before;
    before = size;
    if (!quiet) await sleep(200);
    return quiet;
  });
}

for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test(`the first ${signal} lets running tasks finish, keeps everything and says how to go on`, async () => {
    await using dir = await scratch();
    await writeFile(dir.at('in.jsonl'), traced(2000, dir.at('log'), 100));
    const args = ['run', `${FUNCTIONS}:trace`, '--input', 'in.jsonl', ...KEPT];
    await using run = start(args, { cwd: dir.path, input: '' });
    await until('some results', async () => resultsIn(await textOf(dir.at('o.jsonl')).then(whole)).length >= 4);
    run.child.kill(signal);
    const ended = await run.ended;
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, /stopped as asked: \d+ of 2,000 done/);
    assert.match(ended.stderr, /run the same command again to do the rest/);
    // Every task that had begun was let finish, and is in the output.
    const ran = [...countsOf(await textOf(dir.at('log'))).keys()].sort((a, b) => a - b);
    const results = resultsIn(await textOf(dir.at('o.jsonl'))).map(({ index }) => index).sort((a, b) => a - b);
    assert.deepEqual(results, ran);
    assert.ok(results.length < 200, `${results.length} tasks were run to the end`);
    assert.equal(existsSync(dir.at('j.lock')), false);
  });
}

test('the second signal cancels what runs', async () => {
  await using dir = await scratch();
  await using run = start(['run', `${FUNCTIONS}:trace`, '--input', '-', '--workers', '2'], { cwd: dir.path });
  run.child.stdin?.write(traced(1, dir.at('log'), 600_000));
  await until('the start of the task', async () => existsSync(dir.at('log')));
  run.child.kill('SIGINT');
  await until('the answer to the first signal', async () => run.texts.stderr.includes('once more'));
  run.child.kill('SIGINT');
  const { status, stdout, stderr } = await run.ended;
  assert.deepEqual([status, stdout], [130, ''], stderr);
});

test('a run that waits for its standard input stops when asked', async () => {
  await using dir = await scratch();
  await using run = start(['run', `${FUNCTIONS}:square`, '--input', '-', '--workers', '2'], { cwd: dir.path });
  run.child.stdin?.write('3\n');
  await until('the first result', async () => run.texts.stdout.includes('"value":9'));
  run.child.kill('SIGINT');
  assert.equal((await run.ended).status, 130);
});

test('a second run on a journal in use is refused', async () => {
  await using dir = await scratch();
  const args = ['run', `${FUNCTIONS}:square`, '--input', '-', '--journal', 'j', '--output', 'o', '--workers', '2'];
  await using run = start(args, { cwd: dir.path });
  run.child.stdin?.write('3\n');
  await until('the first result', async () => (await textOf(dir.at('o'))).includes('\n'));
  const second = await switchyard(args, { cwd: dir.path });
  assert.equal(second.status, 64, second.stderr);
  assert.match(second.stderr, new RegExp(`process ${run.child.pid} uses this journal`));
  run.child.stdin?.end();
  assert.equal((await run.ended).status, 0);
});

/** Without a last line that is still being written. */
function whole(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}
