import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockId } from '../../../../src/common/protocol.ts';
import { Backoff } from '../../../../engine/blocks/backoff.ts';
import { blocksFailed, failedRow, type Ended, type Outcome } from '../../../../engine/blocks/failures.ts';

const LETTERS: Readonly<Record<string, Outcome>> = { u: 'unused', s: 'served', c: 'crashed', x: 'stillborn' };
/** "sx" → block 0 served, block 1 stillborn. */
const story = (letters: string): Ended[] =>
  letters.split('').map((letter, n) => ({ block: String(n) as BlockId, outcome: LETTERS[letter] ?? 'unused' }));
const rowOf = (letters: string, initBlocks: number): string | undefined =>
  failedRow(story(letters), initBlocks)?.map(({ block }) => block).join(' ');

const rows: readonly (readonly [string, number, string | undefined])[] = [
  ['', 1, undefined], ['s', 1, undefined], ['x', 0, '0'], ['x', 1, '0'], ['xx', 3, undefined], ['xxx', 3, '0 1 2'],
  ['xsx', 2, undefined], ['sxx', 2, '1 2'], ['xxs', 2, undefined], ['xuxu', 2, '0 2'], ['uu', 1, undefined],
  ['c', 1, undefined], ['cccc', 1, undefined], ['ccccc', 1, '0 1 2 3 4'], ['ccscc', 1, undefined], ['cx', 1, '1'],
  ['xcxcx', 2, '0 1 2 3 4'], ['xxxxxxxxxxx', 11, '0 1 2 3 4 5 6 7 8 9 10'],
];
for (const [letters, initBlocks, row] of rows) {
  test(`of the blocks "${letters}" with init_blocks ${initBlocks}, the failed row is ${row ?? 'none'}`, () => {
    assert.equal(rowOf(letters, initBlocks), row);
  });
}

test('the newest block is the one with the highest number, not the last in the alphabet', () => {
  const ended = story('xxxxxxxxxsx').reverse();
  assert.equal(failedRow(ended, 2), undefined);
  assert.deepEqual(failedRow(ended, 1)?.map(({ block }) => block), ['10']);
});

test('the error of a refused block speaks of the provider\'s keys, and of no files', () => {
  const refused: Ended = { block: '3' as BlockId, outcome: 'stillborn', reason: 'sbatch: invalid account' };
  const { message, details } = blocksFailed([refused]);
  assert.equal(message, 'a block failed before a manager connected; block 3 ended: sbatch: invalid account; check the'
    + ' provider\'s keys (account, queue or partition, limits) and that its commands work from this machine');
  assert.deepEqual(details['blocks'], ['3']);
});

test('a back-off doubles from one second to five minutes, jitter takes up to half of it, and a success ends it', () => {
  const waits = (random: number, free: number): number[] => {
    const backoff = new Backoff(() => random, free);
    return Array.from({ length: 11 }, () => {
      backoff.fail(0);
      return backoff.untilMs / 1000;
    });
  };
  assert.deepEqual(waits(0, 0), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  assert.deepEqual(waits(1, 0).slice(0, 3), [0.5, 1, 2]);
  assert.deepEqual(waits(0, 1).slice(0, 3), [-Infinity, 1, 2]);
  const backoff = new Backoff(() => 0);
  backoff.fail(0);
  backoff.reset();
  assert.deepEqual([backoff.untilMs, backoff.failures], [-Infinity, 0]);
});
