import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { quoteAll } from '../../src/common/quote.ts';
import { scratch } from '../fakes/scratch.ts';
import { FUNCTIONS, homeIn, MAIN, resultsIn, switchyard } from './command.ts';

const RUN = ['run', `${FUNCTIONS}:wait`, '--input', '-', '--workers', '2'];
const INPUT = '5\n'.repeat(200);

interface Shown {
  readonly status: number | null;
  /** What the terminal was sent. */
  readonly text: string;
}

/** Runs with a terminal of the given width. */
function onTerminal(columns: number, cwd: string, env: NodeJS.ProcessEnv): Promise<Shown> {
  const run = [process.execPath, MAIN, ...RUN.map((word) => (word === '-' ? 'in' : word)), '--output', 'o'];
  const script = ['--quiet', '--return', '--command', `stty cols ${columns}; ${quoteAll(run)}`, '/dev/null'];
  const child = spawn('script', script, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => { text += part; });
  return new Promise((resolve) => { child.once('close', (status) => resolve({ status, text })); });
}

const ESC = '\u001b';
const ESCAPES = new RegExp(`${ESC}\\[[0-9;?]*[A-Za-z]|${ESC}[78]`, 'g');
const LINE_ENDS = new RegExp(`\r|\n|${ESC}\\[\\d*[GJK]`);

test('on a terminal the progress is one line that fits it, and is gone at the end', async () => {
  for (const columns of [40, 120]) {
    await using dir = await scratch();
    await writeFile(dir.at('in'), INPUT);
    const { status, text } = await onTerminal(columns, dir.path, { ...homeIn(dir.path), TERM: 'xterm', NO_COLOR: '1' });
    assert.equal(status, 0, text);
    const drawn = text.split(LINE_ENDS).map((line) => line.replace(ESCAPES, ''));
    assert.ok(drawn.some((line) => /\/200 {2}\d+ %/.test(line)), JSON.stringify(text));
    const live = drawn.filter((line) => line.includes('/200'));
    for (const line of live) assert.ok(line.length < columns, `${line.length} columns: ${line}`);
    assert.match(text.replace(ESCAPES, '').trimEnd().split(/\r?\n/).at(-1) ?? '', /200 done in .*: 200 ok, 0 failed$/);
    assert.equal(text.includes(`${ESC}[31m`), false);
    assert.ok(text.lastIndexOf(`${ESC}[?25h`) > text.lastIndexOf(`${ESC}[?25l`), 'the cursor was not given back');
  }
});

test('in a pipe the progress is plain lines, and with --quiet there is none', async () => {
  await using dir = await scratch();
  const loud = await switchyard(RUN, { cwd: dir.path, input: INPUT });
  assert.equal(loud.status, 0, loud.stderr);
  assert.equal(resultsIn(loud.stdout).length, 200);
  assert.equal(loud.stderr.includes(ESC), false);
  for (const line of loud.stderr.trimEnd().split('\n')) assert.match(line, /^switchyard run: .* failed/);
  const quiet = await switchyard([...RUN, '--quiet'], { cwd: dir.path, input: INPUT });
  assert.deepEqual([quiet.status, quiet.stderr], [0, '']);
});
