import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.ts';

/** SEED=n runs that one; SEEDS=n runs so many. */
const one = process.env['SEED'];
const count = Number(process.env['SEEDS'] ?? 250);
const first = Number(one ?? 1);
const last = one === undefined ? first + count - 1 : first;

test('whatever breaks, every task ends once, for a reason that was, and nothing is left behind', () => {
  let steps = 0;
  for (let seed = first; seed <= last; seed++) {
    const world = new World(seed);
    try {
      world.run();
    } catch (cause) {
      const what = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
      throw new Error(`seed ${seed}, step ${world.steps} (run it alone with SEED=${seed}): ${what}`, { cause });
    }
    steps += world.steps;
  }
  assert.ok(steps > (last - first + 1) * 100, 'something happened in each of them');
});
