import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import test from 'node:test';
import { rotatedLog } from '../../../src/common/log.ts';
import { scratch } from '../../fakes/scratch.ts';

test('a log that grows keeps so many files of that size, and the newest lines in the first', async () => {
  await using files = await scratch();
  const log = rotatedLog('test', { level: 'info', path: files.at('deep/a.log'), bytesMax: 2_000, generations: 2 });
  for (let line = 0; line < 100; line++) log.info({ line, password: 'secret' }, 'said');
  assert.deepEqual(readdirSync(files.at('deep')).sort(), ['a.log', 'a.log.1', 'a.log.2']);
  const linesIn = (name: string): { line: number; password: string }[] => readFileSync(files.at(name), 'utf8').trim()
    .split('\n').map((one) => JSON.parse(one) as { line: number; password: string });
  const kept = ['deep/a.log.2', 'deep/a.log.1', 'deep/a.log'].flatMap(linesIn);
  assert.deepEqual(kept.map(({ line }) => line), Array.from(kept, (_, i) => 100 - kept.length + i));
  assert.ok(kept.every(({ password }) => password === '[cut]'));
  for (const name of ['deep/a.log.1', 'deep/a.log.2']) {
    const { length } = readFileSync(files.at(name));
    assert.ok(length >= 2_000 && length < 2_300, `${name} has ${length} bytes`);
  }
});

test('a log that was begun goes on, and one whose directory is gone ends nobody', async () => {
  await using files = await scratch();
  const options = { level: 'info', path: files.at('dir/a.log'), bytesMax: 300, generations: 1 };
  rotatedLog('test', options).info('first');
  const log = rotatedLog('test', options);
  log.info('second');
  assert.equal(readFileSync(files.at('dir/a.log'), 'utf8').trim().split('\n').length, 2);
  rmSync(files.at('dir'), { recursive: true });
  for (let i = 0; i < 10; i++) log.info('nobody reads this');
});
