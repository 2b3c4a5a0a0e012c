import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { median, percentile, percentiles, repeat, spread, timeEach, until } from '../../../bench/measure.ts';

const live = new AbortController().signal;

test('a percentile is the smallest sample that its share does not exceed', () => {
  const sorted = [10, 20, 30, 40];
  assert.deepEqual([0, 0.25, 0.26, 0.5, 0.99, 1].map((share) => percentile(sorted, share)), [10, 10, 20, 20, 40, 40]);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('every percentile is one of the samples, and they rise with their share', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (samples) => {
    const { p50_ms, p90_ms, p99_ms, max_ms } = percentiles(samples);
    assert.ok([p50_ms, p90_ms, p99_ms, max_ms].every((value) => samples.includes(value)));
    assert.ok(p50_ms <= p90_ms && p90_ms <= p99_ms && p99_ms <= max_ms);
    assert.equal(max_ms, Math.max(...samples));
  }));
});

test('a spread quotes the median and keeps every sample', () => {
  assert.deepEqual(spread([3, 1, 2]), { min: 1, median: 2, max: 3, samples: [3, 1, 2] });
  assert.equal(median([4, 1, 3, 2]), 2);
});

test('repetitions run one after the other, and none starts after an abort', async () => {
  const stop = new AbortController();
  const rounds: number[] = [];
  const all = repeat(5, stop.signal, async (round) => {
    rounds.push(round);
    await new Promise((resolve) => setImmediate(resolve));
    if (round === 1) stop.abort(new Error('enough'));
    return round;
  });
  await assert.rejects(all, /enough/);
  assert.deepEqual(rounds, [0, 1]);
  assert.deepEqual(await repeat(2, live, async (round) => round * 10), [0, 10]);
});

test('calls are timed one at a time', async () => {
  let running = 0;
  const times = await timeEach(20, async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  });
  assert.equal(times.length, 20);
  assert.ok(times.every((ms) => ms >= 0));
});

test('a wait ends with its condition, and names what did not come', async () => {
  let looks = 0;
  await until('three looks', 10_000, live, () => {
    looks += 1;
    return looks === 3;
  });
  assert.equal(looks, 3);
  await assert.rejects(until('the moon', 20, live, () => false), /the moon: not within 0.02 s/);
});
