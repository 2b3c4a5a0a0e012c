import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, type Observation } from '../../../../engine/manager/pace.ts';
import type { FunctionId } from '../../../../src/common/protocol.ts';
import { ASSIGNMENT_TASKS_MAX, OUTCOME_BYTES_MAX } from '../../../../src/common/slot-memory.ts';

const f = 'f' as FunctionId;
const g = 'g' as FunctionId;
const seen = (meanMs: number, meanBytes = 10, count = 1): Observation => ({ meanMs, meanBytes, header: { count } });

test('a function that nobody knows goes one task at a time, and so does a long one', () => {
  const pace = new Pace(2, 0);
  assert.equal(pace.assignment(f, 1000), 1);
  pace.observe(f, seen(500));
  assert.equal(pace.assignment(f, 1000), 1);
  assert.equal(pace.assignment(g, 1000), 1);
});

test('short tasks go in bulk: 2 ms of work, a fair share of the line, and what fits the memory at most', () => {
  const pace = new Pace(2, 0);
  pace.observe(f, seen(0.1));
  assert.equal(pace.assignment(f, 1000), 20);
  assert.equal(pace.assignment(f, 10), 5);
  assert.equal(pace.assignment(f, 1), 1);
  const quick = new Pace(1, 0);
  quick.observe(f, seen(0));
  assert.equal(quick.assignment(f, 1_000_000), ASSIGNMENT_TASKS_MAX);
  quick.observe(f, seen(0, OUTCOME_BYTES_MAX / 4));
  assert.equal(quick.assignment(f, 1_000_000), 4);
});

test('that a function has grown longer is believed at once, that it has grown shorter by and by', () => {
  const pace = new Pace(1, 0);
  pace.observe(f, seen(0.1));
  pace.observe(f, seen(50));
  assert.equal(pace.assignment(f, 1000), 1);
  pace.observe(f, seen(0.1));
  assert.equal(pace.assignment(f, 1000), 1);
  for (let i = 0; i < 60; i++) pace.observe(f, seen(0.1));
  assert.ok(pace.assignment(f, 1000) >= 18);
});

test('the window is a task per slot, and work for 10 ms or the prefetch behind each', () => {
  assert.equal(new Pace(4, 0).window(), 4);
  assert.equal(new Pace(4, 10).window(), 14);
  const long = new Pace(4, 10);
  long.observe(f, seen(60_000));
  assert.equal(long.window(), 14);
  const short = new Pace(4, 10);
  short.observe(f, seen(1));
  assert.equal(short.window(), 4 + 4 * 10);
  short.observe(f, seen(0, 10, 1000));
  assert.ok(short.window() <= 4 + 4 * 1024);
});
