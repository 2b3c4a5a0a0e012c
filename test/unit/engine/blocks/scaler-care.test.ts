// Care for an allocation: nothing is asked for twice, or taken back only to be asked for again; nothing idles for long.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { id, withSite } from '../../../fakes/site.ts';

test('evenly spread tasks do not keep blocks that are too many: one is drained, and finishes what it has', () =>
  withSite({
    policy: { init_blocks: 2, max_blocks: 2 }, strategy: 'htex_auto_scale', workersPerNode: 4, max_idletime: 10,
  }, async (site) => {
    await site.connect(0, 2);
    await site.connect(1, 1);
    await site.tick(11_000);
    assert.deepEqual(site.drained, [id(1)]);
    await site.tick(600_000);
    assert.deepEqual(site.provider.cancelled, []);
    await site.connect(1, 0);
    await site.tick(40_000);
    assert.deepEqual(site.provider.cancelled, ['job-1']);
  }));

test('a block that waits in the queue for days is not asked for again', () =>
  withSite({ policy: { init_blocks: 0, max_blocks: 3 }, workersPerNode: 10, strategy_period: 600 }, async (site) => {
    await site.demand(10);
    await site.tick(3 * 86_400_000);
    assert.equal(site.provider.submitted.length, 1);
    assert.deepEqual([site.provider.cancelled, site.states()], [[], ['pending']]);
  }, 600_000));

test('when the demand is gone, queued blocks are given back and running ones kept for it', () =>
  withSite({
    policy: { init_blocks: 0, max_blocks: 3 }, strategy: 'htex_auto_scale', max_idletime: 10,
  }, async (site) => {
    await site.demand(3);
    site.waiting = 0;
    await site.connect(1, 1);
    await site.tick(11_000);
    assert.deepEqual(site.provider.cancelled.toSorted(), ['job-0', 'job-2']);
    await site.tick(60_000);
    assert.deepEqual(site.provider.live(), ['job-1']);
  }));

test('a demand smaller than one queued block is one submission, however often it is looked at', () =>
  withSite({
    policy: { init_blocks: 0, max_blocks: 5 }, strategy: 'htex_auto_scale', workersPerNode: 48, max_idletime: 1,
  }, async (site) => {
    await site.demand(14);
    for (let n = 0; n < 100; n += 1) await site.tick(5_000);
    assert.deepEqual([site.provider.submitted.length, site.provider.cancelled], [1, []]);
  }));
