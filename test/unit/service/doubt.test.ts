import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Doubt } from '../../../src/service/doubt.ts';
import { FakeClock } from '../../fakes/clock.ts';

const MINUTE_MS = 60_000;

test('until it is known what was left unanswered there is doubt about all, while clients may repeat it', async () => {
  const clock = new FakeClock();
  const [waiting, told] = [new Doubt(clock), new Doubt(clock)];
  told.narrow(['left']);
  assert.deepEqual([waiting, told].map((doubt) => [doubt.isAbout('left'), doubt.isAbout('other')]),
    [[true, true], [true, false]]);
  await clock.advance(6 * MINUTE_MS);
  assert.deepEqual([waiting, told].map((doubt) => [doubt.isAbout('left'), doubt.isAbout('other')]),
    [[false, false], [false, false]]);
});

test('doubt that is raised again lasts longer, and that about others does not', async () => {
  const clock = new FakeClock();
  const doubt = new Doubt(clock);
  doubt.narrow([]);
  for (const digest of ['twice', 'once']) doubt.raise(digest);
  await clock.advance(5 * MINUTE_MS);
  doubt.raise('twice');
  await clock.advance(2 * MINUTE_MS);
  doubt.raise('late');
  assert.deepEqual(['twice', 'once', 'late'].map((digest) => doubt.isAbout(digest)), [true, false, true]);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(['twice', 'late'].map((digest) => doubt.isAbout(digest)), [false, true]);
});

test('of too many requests to keep apart, none is taken for a new one', async () => {
  const clock = new FakeClock();
  const doubt = new Doubt(clock);
  doubt.narrow([]);
  for (let i = 0; i <= 100_000; i++) doubt.raise(`d${i}`);
  assert.deepEqual(['d0', 'd100000', 'another'].map((digest) => doubt.isAbout(digest)), [true, true, true]);
  await clock.advance(6 * MINUTE_MS);
  assert.equal(doubt.isAbout('d0'), false);
});
