import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ComputeError } from '../../../src/common/errors.ts';
import { Repeats } from '../../../src/service/repeats.ts';
import { storageFull } from '../../../src/service/storage-error.ts';
import type { Submission, TaskStore } from '../../../src/service/store/tasks.ts';
import { FakeClock } from '../../fakes/clock.ts';

const HOUR_MS = 3_600_000;

/** Rows as the database has them: which submission, and whether its client has its answer. */
function world() {
  const clock = new FakeClock();
  // One that an earlier run has stored, and perhaps not answered.
  const old = { id: 'old', digest: 'lost' } as Submission; // the rest does not matter here
  const rows = new Map([[old.id, { submission: old, answered: false }]]);
  const asked: string[] = [];
  const tasks = {
    repeated: async (_: string, digest: string, except?: readonly string[]) => {
      asked.push(digest);
      return [...rows.values()].find(({ submission: { id, digest: own }, answered }) =>
        own === digest && (except === undefined || !(answered || except.includes(id))))?.submission;
    },
    unanswered: async () => [...rows.values()].filter(({ answered }) => !answered).map(
      ({ submission: { digest } }) => digest,
    ),
  } as Pick<TaskStore, 'repeated' | 'unanswered'> as TaskStore; // all that is asked of it
  const repeats = new Repeats(tasks, clock);
  let ids = 0;
  const accept = (digest: string) => async (claim: (id: string) => void): Promise<Submission> => {
    const submission = { id: `s${++ids}`, digest } as Submission; // nor here
    claim(submission.id);
    rows.set(submission.id, { submission, answered: false });
    return submission;
  };
  const once = (digest: string, gone = new AbortController().signal, named = false, first = false) =>
    repeats.once({ owner: 'alice', digest, named, first }, gone, accept(digest));
  const answer = async (id: string): Promise<void> => {
    const row = rows.get(id);
    await repeats.answered(id, Promise.resolve().then(() => { if (row !== undefined) row.answered = true; }));
  };
  return { clock, repeats, once, answer, asked };
}

test('equal requests that were answered are two', async () => {
  const { once, answer } = world();
  const first = await once('d');
  await answer(first.id);
  assert.notEqual((await once('d')).id, first.id);
});

test('after a start, a request whose answer was perhaps lost gets it again; later it is a new one', async () => {
  const { once, clock } = world();
  const lost = new AbortController();
  assert.equal((await once('lost', lost.signal)).id, 'old');
  assert.notEqual((await once('lost')).id, 'old', 'somebody is there who gets that answer');
  lost.abort();
  assert.equal((await once('lost')).id, 'old', 'nobody was there any more');
  await clock.advance(HOUR_MS);
  assert.notEqual((await once('lost')).id, 'old');
});

test('once it is known what an earlier run has left unanswered, no other request is looked up', async () => {
  const { repeats, once, answer, asked, clock } = world();
  await once('before');
  assert.deepEqual(asked, ['before']);
  await repeats.recover();
  await answer((await once('new')).id);
  await answer((await once('new')).id);
  assert.equal((await once('lost')).id, 'old');
  assert.deepEqual(asked, ['before', 'lost']);
  await clock.advance(HOUR_MS);
  assert.notEqual((await once('lost')).id, 'old');
});

test('equal requests at the same time are two', async () => {
  const { once } = world();
  const [one, other] = await Promise.all([once('d'), once('d')]);
  assert.notEqual(one.id, other.id);
});

test('a client that went away finds its request under way, and later done', async () => {
  const { repeats, clock, once } = world();
  await clock.advance(HOUR_MS);
  const impatient = new AbortController();
  let finish: (submission: Submission) => void = () => { /* set below */ };
  const under = new Promise<Submission>((resolve) => { finish = resolve; });
  const key = { owner: 'alice', digest: 'd', named: false, first: false };
  const first = repeats.once(key, impatient.signal, () => under);
  impatient.abort();
  const again = once('d');
  finish({ id: 'slow', digest: 'd' } as Submission);
  assert.deepEqual([(await first).id, (await again).id], ['slow', 'slow']);
  const lost = new AbortController();
  const other = await once('e', lost.signal);
  lost.abort();
  assert.equal((await once('e')).id, other.id);
});

test('a client that had gone before its request was looked at finds it done', async () => {
  const { repeats, once } = world();
  await repeats.recover();
  const first = await once('d', AbortSignal.abort());
  assert.equal((await once('d')).id, first.id);
});

test('a client that asked again before it was known to be gone has its tasks once', async () => {
  const { repeats, clock, once } = world();
  await clock.advance(HOUR_MS);
  const impatient = new AbortController();
  let goOn = (): void => { /* set below */ };
  const waiting = new Promise<void>((resolve) => { goOn = resolve; });
  const key = { owner: 'alice', digest: 'd', named: false, first: false };
  const first = repeats.once(key, impatient.signal, async (claim) => {
    await waiting;
    claim('first');
    return { id: 'first', digest: 'd' } as Submission;
  });
  const again = once('d');
  await setImmediate();
  impatient.abort();
  goOn();
  const [lost, kept] = await Promise.allSettled([first, again]);
  assert.deepEqual([lost.status, kept.status], ['rejected', 'fulfilled'], 'one of the two, never both');
});

test('a named request is the same for good', async () => {
  const { once, answer, clock } = world();
  const signal = new AbortController().signal;
  const first = await once('n', signal, true);
  await answer(first.id);
  await clock.advance(HOUR_MS);
  assert.equal((await once('n', signal, true)).id, first.id);
});

test('a named request that its client sends for the first time is looked for among those under way only', async () => {
  const { once } = world();
  const signal = new AbortController().signal;
  const [first, again] = await Promise.all([once('n', signal, true, true), once('n', signal, true)]);
  assert.equal(again.id, first.id);
  assert.notEqual((await once('n', signal, true, true)).id, first.id, 'it said so');
  assert.equal((await once('m', signal, true, true)).id, (await once('m', signal, true)).id);
});

test('a write that failed half-way raises doubt about its request, a full disk does not', async () => {
  const { repeats, once, clock, asked } = world();
  const signal = new AbortController().signal;
  const failing = (error: Error) => repeats.once(
    { owner: 'alice', digest: 'lost', named: false, first: false }, signal, async () => { throw error; },
  );
  await clock.advance(HOUR_MS);
  await assert.rejects(failing(storageFull()));
  assert.deepEqual(asked, []);
  await assert.rejects(failing(new ComputeError('STORAGE_FAILED', 'lost')));
  await once('another');
  assert.deepEqual(asked, []);
  assert.equal((await once('lost')).id, 'old');
});
