// `switchyard blocks` and `switchyard run --dry-run`, as people use them.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RecordLine } from '../../engine/blocks/records.ts';
import { openRun } from '../../engine/run.ts';
import { parseEngineConfig } from '../../engine/config.ts';
import { pruneRuns } from '../../engine/runs.ts';
import { RunFile, findRuns, ownerOf } from '../../engine/run-file.ts';
import type { BlockId } from '../../src/common/protocol.ts';
import { intended, leaveRun, owner, submitted } from '../fakes/left-run.ts';
import { scratch } from '../fakes/scratch.ts';
import { FUNCTIONS, start, switchyard } from './command.ts';
import { until } from './harness.ts';

const ELSEWHERE = { host: 'another-login-node', pid: 1, started: '1' };
const ended: RecordLine = { type: 'ended', block: '0' as BlockId, state: 'missing' };

test('a running engine\'s blocks are listed with their workers, and clean leaves them alone', async () => {
  await using dir = await scratch();
  await using run = start(['run', `${FUNCTIONS}:square`, '--input', '-', '--workers', '2'], { cwd: dir.path });
  run.child.stdin?.write('3\n');
  await until('the first result', () => run.texts.stdout.includes('"value":9'));
  const listed = await until('its workers', async () => {
    const { stdout } = await switchyard(['blocks'], { cwd: dir.path });
    return / running +1 +2 /.test(stdout) && stdout;
  });
  assert.match(listed, /^RUN +ENGINE +BLOCK +JOB +STATE.*\n\S+ +pid \d+ +0 +\d+-\d+ +running /);
  assert.ok(listed.includes(` pid ${run.child.pid} `));
  const cleaned = await switchyard(['blocks', 'clean'], { cwd: dir.path });
  assert.equal(cleaned.status, 0);
  assert.match(cleaned.stderr, /is running, as process \d+: end that process, and its blocks end with it/);
  run.child.stdin?.end();
  assert.equal((await run.ended).status, 0);
  const { stdout } = await switchyard(['blocks', '--json'], { cwd: dir.path });
  assert.deepEqual(JSON.parse(stdout), { runs: [], blocks: [] });
});

test('blocks on this machine end with a killed run: nothing is left to list or to clean', async () => {
  await using dir = await scratch();
  await using run = start(['run', `${FUNCTIONS}:square`, '--input', '-', '--workers', '2'], { cwd: dir.path });
  run.child.stdin?.write('3\n');
  await until('the first result', () => run.texts.stdout.includes('"value":9'));
  run.child.kill('SIGKILL');
  await run.ended;
  const { status, stdout } = await switchyard(['blocks'], { cwd: dir.path });
  assert.deepEqual([status, stdout], [0, 'no run is open, and none has left blocks behind\n']);
});

test('a run of another host is not ours to end, and says where to go', async () => {
  await using dir = await scratch();
  await leaveRun(dir.at('runs'), { name: 'r1' }, [owner(ELSEWHERE), { type: 'port', managerPort: 1 }]);
  const { status, stderr } = await switchyard(
    ['blocks', 'clean', '--run', 'r1', '--run-directory', 'runs'], { cwd: dir.path });
  assert.equal(status, 64);
  assert.match(stderr, /^switchyard blocks: r1 was started on another-login-node, .*: run this there\n$/);
});

test('a scheduler that cannot be asked is said in one line, and the blocks are listed as unknown', async () => {
  await using dir = await scratch();
  await leaveRun(dir.at('runs'), { name: 'r1' }, [owner(), intended, submitted({ id: '17' })]);
  const options = { cwd: dir.path };
  process.env['SLURM_CONF'] = '/dev/null';
  try {
    const { status, stdout, stderr } = await switchyard(['blocks', '--run-directory', 'runs'], options);
    assert.equal(status, 69);
    assert.match(stdout, /\nr1 +gone +0 +17 +unknown /);
    assert.match(stderr, /^switchyard blocks: r1: its scheduler could not be asked: .*\n$/);
  } finally {
    delete process.env['SLURM_CONF'];
  }
});

test('folders of runs that are over are removed by age and by number; of others none', async () => {
  await using dir = await scratch();
  const now = Date.now();
  const old = now - 31 * 86_400_000;
  const leave = async (name: string, lines: readonly RecordLine[], startedAtMs = old): Promise<void> =>
    await leaveRun(dir.path, { name, startedAtMs }, lines);
  await leave('a-closed', [owner(), { type: 'closed', atMs: 0 }]);
  await leave('b-ended', [owner(), intended, ended]);
  await leave('c-left', [owner(), intended]);
  await leave('d-elsewhere', [owner(ELSEWHERE)]);
  await mkdir(dir.at('e-not-a-run'));
  for (let n = 0; n < 101; n += 1) await leave(`f-${String(n).padStart(3, '0')}`, [owner()], now);
  await pruneRuns(dir.path, now);
  const left = (await readdir(dir.path)).filter((name) => !name.startsWith('f-'));
  assert.deepEqual(left.toSorted(), ['c-left', 'd-elsewhere', 'e-not-a-run']);
  assert.deepEqual([existsSync(dir.at('f-000')), existsSync(dir.at('f-001'))], [false, true]);
});

test('a run can be claimed once: by the first that lives', async () => {
  await using dir = await scratch();
  await leaveRun(dir.path, { name: 'r' }, [owner()]);
  const folder = dir.at('r');
  const claimed = await RunFile.claim(folder);
  assert.ok(claimed !== undefined);
  assert.equal(ownerOf((await findRuns(dir.path))[0]?.record)?.pid, process.pid);
  await claimed.close(1);
  assert.equal(ownerOf((await findRuns(dir.path))[0]?.record), undefined);
  const parent = { host: hostname(), pid: process.ppid, started: startOfParent() };
  await leaveRun(dir.path, { name: 'r' }, [owner(parent)]);
  assert.equal(await RunFile.claim(folder), undefined);
});

test('an engine of another kind than the one that was killed under its name gives its blocks back', async () => {
  await using dir = await scratch();
  await leaveRun(dir.path, { name: 'r', resumeAs: 'name' }, [owner(), intended]);
  const config = parseEngineConfig({ provider: { type: 'LocalProvider' } });
  const { followed, leftOver, outlives, file } = await openRun(config, { directory: dir.path, resumeAs: 'name' });
  assert.deepEqual([followed, leftOver.map(({ name }) => name), outlives], [undefined, ['r'], false]);
  await Promise.all([file, ...leftOver.map((left) => left.file)].map((one) => one.release()));
});

function startOfParent(): string {
  const text = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

test('the file of a run is its owner\'s alone', async () => {
  await using dir = await scratch();
  const args = ['run', `${FUNCTIONS}:square`, '--count', '3', '--output', 'o'];
  const { status } = await switchyard(args, { cwd: dir.path });
  assert.equal(status, 0);
  const runs = dir.at('.switchyard/runs');
  const [name = ''] = await readdir(runs);
  assert.equal((await stat(join(runs, name, 'run.jsonl'))).mode & 0o777, 0o600);
  assert.doesNotMatch(await readFile(join(runs, name, 'run.jsonl'), 'utf8'), /secretKey/);
});

test('a dry run shows a script that could be submitted, and starts nothing', async () => {
  await using dir = await scratch();
  const text = await switchyard(['run', '--dry-run'], { cwd: dir.path });
  assert.equal(text.status, 0);
  assert.match(text.stdout, /^#!\/bin\/bash\n/);
  assert.match(text.stderr, /LocalProvider: 1 block at the start/);
  const json = await switchyard(['run', '--dry-run', '--json'], { cwd: dir.path });
  const { script, submit, launch } = JSON.parse(json.stdout) as Record<string, string>;
  assert.ok(script?.includes(launch ?? '?') && submit?.startsWith('bash '));
  assert.equal(existsSync(dir.at('.switchyard')), false);
});

test('a dry run of a wrong engine file says what is wrong', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('e.yaml'), 'engine: {provider: {type: SlurmProvder}}\n');
  const { status, stderr } = await switchyard(['run', '--engine', 'e.yaml', '--dry-run'], { cwd: dir.path });
  assert.equal(status, 64);
  assert.match(stderr, /^switchyard run: .*SlurmProvder.*SlurmProvider.*\n$/);
});
