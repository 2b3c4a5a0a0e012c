import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { Patience } from '../../../providers/patience.ts';
import { FakeClock } from '../../fakes/clock.ts';

const FAILURE = new ComputeError('COMMAND_FAILED', 'squeue failed: down', { details: { command: 'squeue' } });

test('what fails is left alone for 2 s, then twice as long each time, up to 2 minutes', async () => {
  const clock = new FakeClock();
  const patience = new Patience();
  let tries = 0;
  const fail = (): Promise<void> => {
    tries += 1;
    return Promise.reject(FAILURE);
  };
  for (const restMs of [2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000]) {
    await assert.rejects(patience.spend(clock, fail), FAILURE);
    await clock.advance(restMs - 1);
    const before = tries;
    await assert.rejects(patience.spend(clock, fail), {
      code: 'COMMAND_FAILED', cause: FAILURE, details: { command: 'squeue' }, message: /left alone for another 1 s$/,
    });
    assert.equal(tries, before);
    await clock.advance(1);
  }
  assert.equal(await patience.spend(clock, () => Promise.resolve('well')), 'well');
  await assert.rejects(patience.spend(clock, fail), FAILURE);
  await clock.advance(2000);
  assert.equal(await patience.spend(clock, () => Promise.resolve('well')), 'well');
});

test('an order is given however impatient it is, and shows whether the scheduler is well again', async () => {
  const clock = new FakeClock();
  const patience = new Patience();
  await assert.rejects(patience.insist(clock, () => Promise.reject(FAILURE)), FAILURE);
  await assert.rejects(patience.spend(clock, () => Promise.resolve('asked')), /^ComputeError: not asked: /);
  await patience.insist(clock, () => Promise.resolve());
  assert.equal(await patience.spend(clock, () => Promise.resolve('asked')), 'asked');
});

test('a bug is not a scheduler that fails', async () => {
  const clock = new FakeClock();
  const patience = new Patience();
  await assert.rejects(patience.spend(clock, () => Promise.reject(new TypeError('bug'))), TypeError);
  assert.equal(await patience.spend(clock, () => Promise.resolve(1)), 1);
});
