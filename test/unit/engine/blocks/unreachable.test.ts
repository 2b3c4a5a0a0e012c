// A scheduler that cannot be asked refuses nothing: what waits goes on waiting, and the scheduler is left alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../../src/common/errors.ts';
import { isUnreachable } from '../../../../engine/blocks/failures.ts';
import { Site, withSite, type Change } from '../../../fakes/site.ts';

const WORDS = 'sbatch: Unable to contact slurm controller (connect failure)';

/** From the start on. */
async function withoutScheduler(change: Change, use: (site: Site) => Promise<void>): Promise<void> {
  const site = new Site(change);
  site.provider.isUnreachable = true;
  await site.scaler.start();
  await use(site);
  await site.close();
}

test('a block that cannot be asked for waits, with the reason, and is there when the scheduler is back', () =>
  withSite({ policy: { init_blocks: 0 } }, async (site) => {
    site.provider.isUnreachable = true;
    await site.demand(3);
    const [{ state, reason, job } = {}] = site.scaler.status();
    assert.deepEqual([state, reason, job], ['pending', WORDS, undefined]);
    await site.tick(600_000);
    assert.deepEqual([site.failures, site.waiting, site.states()], [[], 3, ['pending']]);
    site.provider.isUnreachable = false;
    await site.tick(300_000);
    assert.deepEqual(site.provider.live(), ['job-0']);
    assert.equal(site.scaler.status()[0]?.reason, undefined);
    await site.connect(0, 1);
    assert.deepEqual(site.states(), ['running']);
  }));

test('the scheduler is asked later and later, once each time, however many blocks are wanted', () =>
  withoutScheduler({ policy: { init_blocks: 4, max_blocks: 8 } }, async (site) => {
    await site.demand(8);
    const at: number[] = [];
    for (let asked = 1, n = 0; n < 4000; n += 1) {
      await site.tick(500);
      if (site.provider.submitted.length === asked) continue;
      assert.equal(site.provider.submitted.length, asked + 1);
      asked += 1;
      at.push(Math.round(site.clock.now() / 1000));
    }
    const gaps = at.slice(1).map((time, n) => time - (at[n] ?? 0));
    assert.deepEqual(gaps.slice(0, 9), [2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert.equal(site.states().length, 4, 'of the others none is asked for meanwhile');
    site.provider.isUnreachable = false;
    await site.tick(300_000);
    assert.equal(site.provider.live().length, 8);
    assert.deepEqual(site.failures, []);
  }));

test('the first blocks are asked for in the end where no others ever are', () =>
  withoutScheduler({ policy: { init_blocks: 2, max_blocks: 0 }, strategy: 'none' }, async (site) => {
    await site.demand(1);
    await site.tick(20_000);
    site.provider.isUnreachable = false;
    await site.tick(60_000);
    assert.deepEqual([site.provider.live().length, site.failures], [2, []]);
  }));

test('what is not wanted any more is given up without the scheduler', () =>
  withSite({ policy: { init_blocks: 0 }, max_idletime: 10 }, async (site) => {
    site.provider.isUnreachable = true;
    await site.demand(3);
    site.waiting = 0;
    await site.tick(20_000);
    assert.deepEqual(site.states(), ['cancelled']);
    assert.deepEqual([site.provider.cancelled, site.failures], [[], []]);
    assert.deepEqual(site.notes.lines, ['intended 0', 'ended 0 cancelled']);
  }));

test('closed while the scheduler cannot be reached, nothing is left over', () =>
  withoutScheduler({}, async (site) => {
    await site.close();
    assert.deepEqual(site.states(), ['cancelled']);
    assert.deepEqual(site.notes.lines, ['intended 0', 'ended 0 cancelled']);
  }));

test('a submission that was not answered, and turns out not to have been queued, is made again', () =>
  withSite({ policy: { init_blocks: 1 } }, async (site) => {
    await site.demand(3);
    site.provider.set('job-0', { state: 'missing', reason: 'was never queued: no answer', neverQueued: true });
    await site.tick(10_000);
    assert.deepEqual([site.failures, site.states()], [[], ['missing', 'pending']]);
    assert.equal(site.provider.submitted.length, 2);
    site.provider.set('job-1', { state: 'missing', reason: 'forgotten' });
    await site.tick(10_000);
    assert.equal(site.failures.length, 1, 'one that nobody knows of any more may have failed');
  }));

test('once it can be reached, a refusal is a refusal', () =>
  withSite({ policy: { init_blocks: 0 } }, async (site) => {
    site.provider.isUnreachable = true;
    await site.demand(3);
    Object.assign(site.provider, { isUnreachable: false, submitFails: true });
    await site.tick(3_000);
    assert.match(site.told(), /block 0 ended: sbatch: invalid account; check the provider's keys/);
  }));

test('what says nothing of the request: no way to the scheduler, nor to where its files are', () => {
  const failed = new ComputeError('COMMAND_FAILED', 'no way');
  assert.ok(isUnreachable(failed));
  assert.ok(isUnreachable(new ComputeError('STORAGE_FAILED', 'not written', { cause: failed })));
  assert.ok(!isUnreachable(new ComputeError('STORAGE_FAILED', 'not written', { cause: new Error('ENOSPC') })));
  const missing = { details: { started: false, refused: true } };
  assert.ok(!isUnreachable(new ComputeError('COMMAND_FAILED', 'could not start sbatch', missing)));
  assert.ok(!isUnreachable(new ComputeError('SUBMIT_FAILED', 'invalid account')));
  assert.ok(!isUnreachable(new Error('no space left')));
});
