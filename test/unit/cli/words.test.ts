import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { duration as readDuration, wholeNumber } from '../../../src/cli/options.ts';
import { liveLine, Pace, plainLine, type Standing } from '../../../src/cli/progress-line.ts';
import { PlainProgress } from '../../../src/cli/progress.ts';
import { FailureGroups, summaryJson, summaryText, type Summary } from '../../../src/cli/summary.ts';
import { exitStatusOf, failureText, misuse, storageFailed } from '../../../src/cli/failure.ts';
import { duration, rate } from '../../../src/cli/words.ts';
import { ComputeError } from '../../../src/common/errors.ts';

const HALF: Standing = {
  total: 2000, done: 1000, failed: 3, perSecond: 50, blocks: { running: 1, waiting: 2 }, workers: 16,
};

test('the plain line is a sentence', () => {
  assert.equal(
    plainLine(HALF),
    '1,000 of 2,000 done (50 %), 3 failed, 50.0/s, 20 s left, 1 block (2 waiting), 16 workers',
  );
  assert.equal(
    plainLine({ ...HALF, total: null, perSecond: undefined, blocks: { running: 2, waiting: 0 }, workers: 1 }),
    '1,000 done, 3 failed, 2 blocks, 1 worker',
  );
  const blocks = { running: 0, waiting: 2, reason: 'PartitionDown,\n Priority' };
  assert.equal(
    plainLine({ ...HALF, total: null, perSecond: undefined, blocks, workers: 0 }),
    '1,000 done, 3 failed, 0 blocks (2 waiting), 0 workers, waiting: PartitionDown, Priority',
  );
  assert.doesNotMatch(plainLine({ ...HALF, blocks: { ...blocks, running: 1 } }), /PartitionDown/);
});

test('the live line fits every terminal, and never says 100 % too soon', () => {
  const standing = fc.record({
    total: fc.option(fc.nat(10_000_000)), done: fc.nat(10_000_000), failed: fc.nat(1000),
    perSecond: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
    blocks: fc.record({ running: fc.nat(3), waiting: fc.nat(3), reason: fc.string() }), workers: fc.nat(100_000),
  });
  fc.assert(fc.property(standing, fc.integer({ min: 1, max: 200 }), (each, width) => {
    assert.ok(liveLine(each, width, false).length <= width);
  }));
  assert.match(liveLine({ ...HALF, done: 1999 }, 200, false), / 99 % /);
});

test('the live line has a bar and colours where they are wanted', () => {
  assert.equal(
    liveLine(HALF, 110, false),
    '████████████░░░░░░░░░░░░  1,000/2,000  50 %  3 failed  20 s left  50.0/s  1 block (2 waiting), 16 workers',
  );
  assert.ok(liveLine(HALF, 100, true).includes('\u001b[31m3 failed\u001b[39m'));
  assert.equal(liveLine({ ...HALF, total: null }, 30, false), '1,000 done  3 failed  50.0/s');
});

test('plain progress speaks at the start, every tenth and every ten seconds', () => {
  const printed: string[] = [];
  const progress = new PlainProgress((text) => printed.push(text), 'x: ');
  const at = (ms: number, done: number): void => progress.update({ ...HALF, done }, ms);
  at(0, 0);
  at(1000, 100);
  at(2000, 200);
  at(3000, 201);
  at(12_000, 202);
  at(13_000, 2000);
  assert.deepEqual(printed.map((text) => text.split(' ')[1]), ['0', '200', '202']);
});

test('the pace is that of the last while', () => {
  const pace = new Pace();
  pace.add(0, 0);
  assert.equal(pace.perSecond(), undefined);
  for (let second = 1; second <= 40; second += 1) pace.add(second * 1000, second * 10);
  assert.equal(pace.perSecond(), 10);
  for (let second = 41; second <= 80; second += 1) pace.add(second * 1000, 400);
  assert.equal(pace.perSecond(), 0);
});

test('times and rates are short', () => {
  assert.deepEqual(
    [40, 1234, 59_400, 61_000, 3_600_000, 7_260_000, 200_000_000].map(duration),
    ['0.1 s', '1.2 s', '59 s', '1 min 1 s', '1 h', '2 h 1 min', '2 d 7 h'],
  );
  assert.deepEqual([12_345.6, 12.34, 0.01].map(rate), ['12,346/s', '12.3/s', '0.6/min']);
});

test('what is written after an option is a number or refused', () => {
  assert.deepEqual(['90', '90s', '1.5m', '2h', '250ms'].map(readDuration), [90_000, 90_000, 90_000, 7_200_000, 250]);
  for (const text of ['', '0', '-1', '5 m', '5d', 's', '1e3']) {
    assert.throws(() => readDuration(text), /must be a time/);
  }
  assert.equal(wholeNumber(0)('7'), 7);
  for (const text of ['', '-1', '1.5', 'x', '99999999999999999999']) {
    assert.throws(() => wholeNumber(0)(text), /must be a whole number of at least 0/);
  }
});

test('failures that differ in names and numbers only are one kind', () => {
  const groups = new FailureGroups();
  groups.add({ code: 'TASK_RAISED', message: "EACCES: permission denied, open '/a/b'" });
  groups.add({ code: 'TASK_RAISED', message: 'input 3 is bad' });
  groups.add({ code: 'TASK_RAISED', message: "EACCES: permission denied, open '/c'" });
  groups.add({ code: 'TASK_TIMEOUT', message: 'input 4 is bad' });
  assert.deepEqual(groups.list(), [
    { code: 'TASK_RAISED', message: "EACCES: permission denied, open '/a/b'", count: 2 },
    { code: 'TASK_RAISED', message: 'input 3 is bad', count: 1 },
    { code: 'TASK_TIMEOUT', message: 'input 4 is bad', count: 1 },
  ]);
});

const SUMMARY: Summary = {
  end: 'complete', total: 10, ok: 9, failed: 1, resumed: 0, ms: 2000, unreadDirectories: [], journal: undefined,
  failures: [{ code: 'TASK_RAISED', message: 'no\n such', count: 1 }],
};

test('the summary says what came of it, and what to do about the rest', () => {
  assert.equal(summaryText(SUMMARY), '10 done in 2 s (5.0/s): 9 ok, 1 failed\n  1 × TASK_RAISED: no such');
  assert.equal(
    summaryText({ ...SUMMARY, end: 'drained', failures: [], total: 100, resumed: 4, journal: '/j' }),
    'stopped as asked: 10 of 100 done in 2 s (3.0/s), 4 of them before: 9 ok, 1 failed\n'
      + '  run the same command again to do the rest',
  );
  assert.deepEqual(JSON.parse(summaryJson(SUMMARY, 1)), {
    end: 'complete', total: 10, ok: 9, failed: 1, resumed: 0, seconds: 2, perSecond: 5, status: 1, journal: null,
    unreadDirectories: [], failures: [{ code: 'TASK_RAISED', message: 'no\n such', count: 1 }],
  });
});

test('a failure is one line, and its kind is the exit status', () => {
  assert.equal(failureText(' run', misuse('no such\nmodule'), false), 'switchyard run: no such module\n');
  assert.match(failureText(' run', new TypeError('x'), false), /^switchyard run: x \(this is a bug; .*\)\n$/);
  const lost = new ComputeError('ENGINE_LOST', 'gone', { cause: new Error('why') });
  assert.match(failureText('', lost, true), /^switchyard: gone\n[^]*Error: why/);
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  assert.equal(storageFailed('cannot write x', full).message, 'cannot write x: no space left on the device');
  assert.deepEqual(
    [misuse('x'), storageFailed('x', full, true), storageFailed('x', full), new ComputeError('BLOCKS_FAILED', 'x'),
      new ComputeError('CONFIG_INVALID', 'x'), new TypeError('x')].map(exitStatusOf),
    [64, 73, 74, 69, 64, 70],
  );
});
