import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TERMINAL_STATES, type Job, type JobStatus } from '../../../providers/provider.ts';
import type { History } from '../../../providers/scheduler.ts';
import { Tracked } from '../../../providers/tracked.ts';

const JOB: Job = { id: '7', name: 'b.1', submittedAtMs: 0, stdoutPath: '/b/b.1.out', stderrPath: '/b/b.1.err' };
const RUNNING: JobStatus = { state: 'running' };
const NOTHING: History = { type: 'listed', jobs: [] };
const NO_RECORDS: History = { type: 'none', words: 'disabled' };
const BROKEN: History = { type: 'failed', words: 'no database' };

function listed(status: JobStatus, { id = '7', name = 'b.1' } = {}): Parameters<Tracked['onFound']>[0] {
  return { id, name, status };
}

function records(status: JobStatus, name = 'b.1'): History {
  return { type: 'listed', jobs: [listed(status, { name })] };
}

test('a terminal status never changes, whatever is said afterwards', () => {
  const status = fc.constantFrom<JobStatus['state']>('pending', 'running', 'held', 'unknown', 'completed', 'failed',
    'timeout', 'cancelled').map((state): JobStatus => ({ state }));
  const step = fc.oneof(
    status.map((said) => (tracked: Tracked) => tracked.onListed(listed(said))),
    status.map((said) => (tracked: Tracked, now: number) => tracked.onAbsent(records(said), now)),
    fc.constantFrom(NOTHING, NO_RECORDS, BROKEN).map((history) => (tracked: Tracked, now: number) =>
      tracked.onAbsent(history, now)),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const tracked = new Tracked(JOB);
    let end: JobStatus | undefined;
    steps.forEach((take, i) => {
      take(tracked, i * 9_000);
      if (end !== undefined) assert.equal(tracked.status, end);
      else if (TERMINAL_STATES.has(tracked.status.state)) end = tracked.status;
    });
  }));
});

test('a job that nobody lists is unknown until its records had time to come, and then missing', () => {
  for (const [history, limitMs, why] of [
    [NOTHING, 60_000, 'the records do not say how it ended'],
    [records(RUNNING), 60_000, 'the records do not say how it ended'],
    [records({ state: 'completed' }, 'other'), 60_000, 'the records do not say how it ended'],
    [BROKEN, 60_000, 'the records cannot be read: no database'],
    [NO_RECORDS, 10_000, 'this site keeps no records of how jobs end'],
  ] as const) {
    const tracked = new Tracked(JOB);
    tracked.onListed(listed(RUNNING));
    const reason = `not listed any more, and ${why}`;
    tracked.onAbsent(history, 1_000_000);
    assert.deepEqual(tracked.status, { state: 'unknown', reason });
    tracked.onAbsent(history, 1_000_000 + limitMs - 1);
    assert.deepEqual(tracked.status, { state: 'unknown', reason });
    tracked.onAbsent(history, 1_000_000 + limitMs);
    assert.deepEqual(tracked.status, { state: 'missing', reason });
  }
});

test('a job that comes back into the list was never away', () => {
  const tracked = new Tracked(JOB);
  tracked.onAbsent(NOTHING, 0);
  tracked.onListed(listed(RUNNING));
  tracked.onAbsent(NOTHING, 70_000);
  assert.equal(tracked.status.state, 'unknown');
  assert.ok(!tracked.isCancellable());
  tracked.onListed(listed(RUNNING));
  assert.deepEqual([tracked.status, tracked.isCancellable()], [RUNNING, true]);
});

test('what has our id and is not found under our name is not ours', () => {
  const tracked = new Tracked(JOB);
  assert.ok(!tracked.onListed(undefined));
  assert.ok(!tracked.onListed(listed({ state: 'completed' }, { id: '8' })));
  assert.deepEqual(tracked.status, { state: 'pending' });
});

test('a job whose submission was not answered is looked for by name, for a while', () => {
  const lost = new Tracked({ ...JOB, id: '?b.1' });
  lost.onDoubt('timed out');
  assert.deepEqual(lost.status, { state: 'unknown', reason: 'not known whether it was queued: timed out' });
  lost.onNotFound(500_000);
  lost.onNotFound(529_999);
  assert.equal(lost.status.state, 'unknown');
  lost.onNotFound(530_000);
  assert.deepEqual(lost.status, {
    state: 'missing', reason: 'was never queued: timed out', neverQueued: true,
  });

  const found = new Tracked({ ...JOB, id: '?b.1' });
  found.onNotFound(0);
  found.onFound(listed(RUNNING, { id: '9' }));
  assert.deepEqual([found.id, found.job.id, found.status], ['9', '?b.1', RUNNING]);
  assert.ok(found.onListed(listed({ state: 'completed' }, { id: '9' })));
});

test('a young, a cancelled and a missed job are watched, others are not', () => {
  const tracked = new Tracked({ ...JOB, submittedAtMs: 1000 });
  assert.deepEqual([tracked.isWatched(1000), tracked.isWatched(1001)], [true, false]);
  tracked.onListed(listed(RUNNING));
  assert.ok(!tracked.isWatched(1000));
  tracked.onAbsent(NOTHING, 5000);
  assert.ok(tracked.isWatched(9000));
  tracked.onListed(listed(RUNNING));
  tracked.onCancelled();
  assert.ok(tracked.isWatched(9000));
  tracked.onListed(listed({ state: 'cancelled' }));
  assert.ok(!tracked.isWatched(0));
});
