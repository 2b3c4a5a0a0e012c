// What a scaler notes for a later process, and what it makes of an earlier one's blocks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Site, id, withSite } from '../../../fakes/site.ts';
import { nextBlock, openBlocks, readRecords, encodeLine, type BlockRecord, type RecordLine }
  from '../../../../engine/blocks/records.ts';

const job = (n: number | string): BlockRecord['job'] & object => ({
  id: `job-${n}`, name: `block-${n}`, submittedAtMs: 1, stdoutPath: '/out', stderrPath: '/err',
});
const record = (n: number, change: Partial<BlockRecord> = {}): BlockRecord => ({
  block: id(n), name: `block-${n}`, folder: `/run/blocks/${n}`, intendedAtMs: 1, job: job(n), connected: false,
  managers: 0, workers: 0, ...change,
});

const withoutJob = ({ block, name, folder, intendedAtMs }: BlockRecord): BlockRecord =>
  ({ block, name, folder, intendedAtMs, connected: false, managers: 0, workers: 0 });

test('a job is noted before the scheduler is asked, and when it has answered', () =>
  withSite({}, async (site) => {
    assert.deepEqual(site.notes.lines, ['intended 0', 'submitted 0 job-0']);
    await site.connect(0);
    await site.die(0, 0);
    assert.deepEqual(site.notes.lines.slice(2), ['serving 0 1 1', 'serving 0 0 0', 'ended 0 completed']);
  }));

test('a job that cannot be noted is not submitted', async () => {
  const site = new Site();
  site.notes.fails = true;
  await site.scaler.start();
  assert.equal(site.provider.submitted.length, 0);
  await site.close();
});

test('a refused job is noted as one that is not there', async () => {
  const site = new Site();
  site.provider.submitFails = true;
  await site.scaler.start();
  assert.deepEqual(site.notes.lines, ['intended 0', 'ended 0 failed']);
  await site.close();
});

test('blocks of an earlier process are taken over in place of new ones, under their numbers', () =>
  withSite({ policy: { init_blocks: 2, max_blocks: 3 }, inherited: [
    record(0, { ended: 'completed' }), record(3, { connected: true }), record(4),
  ] }, async (site) => {
    assert.equal(site.provider.submitted.length, 0);
    assert.deepEqual(site.provider.adopted.map(({ id: one }) => one), ['job-3', 'job-4']);
    const states = site.scaler.status().map(({ block, state }) => [block, state]);
    assert.deepEqual(states, [['3', 'running'], ['4', 'pending']]);
    await site.connect(4, 1);
    await site.demand(10);
    assert.deepEqual(site.provider.submitted.map(({ name }) => name), ['block-5']);
    assert.deepEqual(site.provider.cancelled, []);
  }));

test('a job that may have been submitted is looked for, and has its place meanwhile', () =>
  withSite({ policy: { max_blocks: 1 }, inherited: [withoutJob(record(0))] }, async (site) => {
    assert.deepEqual(site.provider.recovered, ['block-0']);
    await site.demand(3);
    assert.equal(site.provider.submitted.length, 0);
    site.provider.set('?block-0', { state: 'missing' });
    await site.tick(6_000);
    assert.equal(site.provider.submitted.length, 1);
    assert.deepEqual(site.failures, []);
  }));

test('an inherited block whose managers did not wait is replaced, and is no failure', () =>
  withSite({ inherited: [record(0, { connected: true })] }, async (site) => {
    await site.demand(1);
    site.provider.set('job-0', { state: 'failed', exitCode: 1 });
    await site.tick(6_000);
    assert.deepEqual(site.failures, []);
    assert.equal(site.provider.submitted.length, 1);
  }));

test('inherited blocks beyond max_blocks are given back: queued before running, the newest first', () =>
  withSite({ policy: { max_blocks: 1 }, inherited: [record(0), record(1, { connected: true }), record(2)] },
    async (site) => {
      await site.demand(9);
      assert.deepEqual(site.provider.cancelled.toSorted(), ['job-0', 'job-2']);
      assert.deepEqual(site.provider.live(), ['job-1']);
    }));

const header = { version: 1, label: 'l', startedAtMs: 0, resumeAs: null, config: {} };
const owner = { type: 'owner', holder: { host: 'h', pid: 1, started: '1' }, atMs: 0 } as const;
const STORY: RecordLine[] = [
  { type: 'run', header }, owner, { type: 'port', managerPort: 54_000 },
  { type: 'intended', block: id(0), name: 'b0', folder: '/0', atMs: 5 },
  { type: 'submitted', block: id(0), job: job(0) },
  { type: 'intended', block: id(1), name: 'b1', folder: '/1', atMs: 6 },
  { type: 'serving', block: id(0), managers: 2, workers: 16 },
  { type: 'serving', block: id(0), managers: 0, workers: 0 },
  { type: 'ended', block: id(0), state: 'timeout' },
];

test('the file of a run says what became of each block, wherever a kill cut it off', () => {
  const text = STORY.map(encodeLine).join('');
  const open = (upTo: string): string[] => openBlocks(readRecords(upTo)?.blocks ?? []).map(({ block }) => block);
  assert.deepEqual(open(text), ['1']);
  assert.deepEqual(open(text.slice(0, -2)), ['0', '1'], 'the torn line does not count');
  const whole = readRecords(text);
  assert.deepEqual(whole?.blocks[0], {
    block: '0', name: 'b0', folder: '/0', intendedAtMs: 5, job: job(0), connected: true, managers: 0, workers: 0,
    ended: 'timeout',
  });
  assert.deepEqual([whole.managerPort, whole.owners, whole.closed], [54_000, [owner.holder], false]);
  assert.equal(nextBlock(whole.blocks), 2);
  for (let end = 0; end < text.length; end += 1) assert.doesNotThrow(() => readRecords(text.slice(0, end)));
  assert.equal(readRecords('{"other":1}\n'), undefined);
});

test('the scheduler\'s word on a block\'s end is asked for soon after its managers came, and passed on', () =>
  withSite({ policy: { init_blocks: 2, max_blocks: 2 } }, async (site) => {
    await site.tick(3_000);
    site.provider.set('job-1', { state: 'running', endsAtMs: 7_000_000 });
    await site.connect(1, 1);
    await site.tick(10_000);
    assert.deepEqual(site.ends, [{ block: '1', endsAtMs: 7_000_000 }]);
    assert.equal(site.scaler.status()[1]?.endsAtMs, 7_000_000);
  }, 600_000));

test('a block whose managers take no more tasks is replaced if there is room for it, and is no crash', () =>
  withSite({ policy: { max_blocks: 2 }, workersPerNode: 5 }, async (site) => {
    await site.connect(0, 1);
    site.waiting = 3;
    site.managers = site.managers.map((manager) => ({ ...manager, draining: true }));
    await site.tick(100);
    assert.equal(site.provider.submitted.length, 2, 'asked for before the old one has ended');
    site.managers = [];
    site.provider.set('job-0', { state: 'cancelled' }); // preempted
    await site.tick(100);
    assert.equal(site.provider.submitted.length, 2);
    await site.connect(1, 1);
    assert.deepEqual(site.failures, []);
  }));

test('with max_blocks at work, a block that leaves is replaced only when its job has ended', () =>
  withSite({ policy: { max_blocks: 1 } }, async (site) => {
    await site.connect(0, 1);
    site.waiting = 3;
    site.managers = site.managers.map((manager) => ({ ...manager, draining: true }));
    await site.tick(60_000);
    assert.equal(site.provider.submitted.length, 1);
    site.managers = [];
    site.provider.set('job-0', { state: 'timeout' });
    await site.tick(100);
    assert.equal(site.provider.submitted.length, 2);
  }));

test('a job that goes on without its managers is given back after a minute', () =>
  withSite({ policy: { max_blocks: 1 } }, async (site) => {
    await site.connect(0, 1);
    site.waiting = 3;
    site.managers = [];
    await site.tick(50_000);
    assert.deepEqual(site.provider.cancelled, []);
    await site.tick(60_000);
    assert.deepEqual(site.provider.cancelled, ['job-0']);
    assert.equal(site.provider.submitted.length, 2);
  }));
