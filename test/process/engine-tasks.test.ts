// What goes into a task, what comes out of it, and what is known of how it went.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineOf, failure, linesOf, settled, task, until, within, withSite } from './harness.ts';

test('values come back as they went in', () => withSite(engineOf(), async ({ executor }) => {
  const shared = { a: 1 };
  const values: unknown[] = [
    undefined, null, -0, Number.NaN, 2n ** 90n, 'ü\u{1F600}', new Date(1e12), /a+/gi,
    new Map<unknown, unknown>([[{ k: 1 }, new Set([1, 'two'])]]), new Float64Array([1.5, -2]), new BigInt64Array([5n]),
    Buffer.from('bytes'), new Uint8Array(0), [shared, shared], { nested: { undefined } },
  ];
  const echoed = await Promise.all(values.map((value) => executor.submit(task('echo'), value)));
  assert.deepEqual(echoed, values);
  assert.ok(Buffer.isBuffer(echoed[11]));

  const sent = new Error('outer', { cause: new TypeError('inner') });
  const error = await executor.submit(task('echo'), sent) as Error;
  const cause = error.cause as Error;
  assert.deepEqual([error.message, cause.name, cause.message], ['outer', 'TypeError', 'inner']);
}));

test('a buffer of 10 MiB travels both ways unharmed', () => withSite(engineOf(), async ({ executor }) => {
  const large = Buffer.alloc(10 * 1024 * 1024);
  for (let i = 0; i < large.length; i += 4096) large.writeUInt32LE(i, i);
  const futures = [1, 2, 3].map((n) => executor.submit(task('echo'), { n, large, small: Buffer.of(n) }));
  for (const [i, future] of futures.entries()) {
    const { n, large: back, small } = await future as { n: number; large: Buffer; small: Buffer };
    assert.deepEqual([n, small], [i + 1, Buffer.of(i + 1)]);
    assert.ok(large.equals(back));
  }
  assert.equal(large.readUInt32LE(4096), 4096, 'the sender keeps its own');
  assert.deepEqual(await executor.submit(task('bytes'), 200_000), new Uint8Array(200_000).fill(7));
}));

test('functions travel as source, as methods, as async functions, and as module and export', () =>
  withSite(engineOf(), async ({ executor }) => {
    const math = {
      double(this: void, x: number): number { return x * 2; },
      async triple(this: void, x: number): Promise<number> { return x * 3; },
    };
    function named(this: unknown, a: string, b = 'b'): string {
      return a + b;
    }
    assert.equal(await executor.submit((x: number) => x + 1, 1), 2);
    assert.equal(await executor.submit(async (x: number) => x + 1, 2), 3);
    assert.equal(await executor.submit(math.double, 4), 8);
    assert.equal(await executor.submit(math.triple, 4), 12);
    assert.equal(await executor.submit(named, 'a'), 'ab');
    assert.equal(await executor.submit(() => require('node:path').posix.join('a', 'b')), 'a/b');
    assert.equal(await executor.submit(async () => (await import('node:path')).posix.sep), '/');
    assert.equal(await executor.submit(task('add'), 20, 22), 42);
    assert.equal(await executor.submit(task('later'), 'late', 5), 'late');
    const outside = 'a name that does not travel';
    const { error } = await settled(executor.submit(() => outside.length));
    assert.match(error.message, /outside is not defined \(.* travels as source: pass what it needs as arguments/);
  }));

test('an exception comes back with name, message, stack, cause and properties', () =>
  withSite(engineOf(), async ({ executor }) => {
    const { ok, error } = await settled(executor.submit(task('raise'), 'no'));
    assert.equal(ok, false);
    const { name, message, code, sheet, cause, stack } = error as Error & { code?: string; sheet?: unknown };
    assert.deepEqual([name, message, code, sheet], ['Refused', 'no', 'E_REFUSED', { row: 7 }]);
    assert.match(stack ?? '', /tasks\.(js|ts):\d+/);
    assert.ok(cause instanceof Error);
    assert.deepEqual([cause.name, cause.message, cause.cause], ['RangeError', 'the reason', 'a text']);
    // oxlint-disable-next-line typescript/only-throw-error -- people do
    const odd = executor.submit(() => { throw { not: 'an error' }; });
    assert.match((await settled(odd)).error.message, /not/);
    assert.equal((await settled(executor.submit(task('add'), 1, 1))).value, 2, 'the worker goes on');
  }));

test('tasks see their slot: rank, count, pool and block are the same for all that share them', () =>
  withSite(engineOf(), async ({ executor }) => {
    const seen = await Promise.all(Array.from({ length: 20 }, () => executor.submit(task('slot'))));
    assert.deepEqual(new Set(seen.map(({ COUNT, BLOCK_ID }) => `${COUNT} ${BLOCK_ID}`)), new Set(['2 0']));
    assert.equal(new Set(seen.map(({ POOL_ID }) => POOL_ID)).size, 1);
    for (const { RANK } of seen) assert.match(RANK ?? '', /^[01]$/);
  }));

test('tasks that wait for the first worker run in order of priority, first in first out among equals', () =>
  withSite(engineOf({ max_workers_per_node: 1 }), async ({ executor, directory }) => {
    const path = join(directory, 'order');
    const priorities = [5, 1, 3, undefined, 1, 5, 2, 4, undefined, 3, 1, 2, 5, 4];
    const futures = priorities.map((priority, i) => {
      const submitter = priority === undefined ? executor : executor.with({ priority });
      return submitter.submit(task('note'), path, `${priority ?? 9}.${i}`);
    });
    await Promise.all(futures);
    const expected = priorities.map((priority, i) => ({ priority: priority ?? 9, i }))
      .toSorted((a, b) => a.priority - b.priority || a.i - b.i).map(({ priority, i }) => `${priority}.${i}`);
    assert.deepEqual(linesOf(path), expected);
  }));

test('retries count attempts, of what raised, timed out and lost its worker', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const file = (name: string): string => join(directory, name);
    const third = executor.with({ retries: 5 }).submit(task('raiseUntil'), file('third'), 3);
    assert.deepEqual([await third, third.attempts], [3, 3]);
    const never = executor.with({ retries: 2 }).submit(task('raiseUntil'), file('never'), 10);
    assert.equal((await settled(never)).error.message, 'call 3');
    assert.deepEqual([never.attempts, linesOf(file('never')).length], [3, 3]);
    const none = executor.submit(task('raiseUntil'), file('none'), 2);
    assert.equal((await settled(none)).error.message, 'call 1');
    const late = executor.with({ retries: 1, timeoutMs: 100 }).submit(task('noteAndSleep'), file('late'), 'x', 60_000);
    await failure('TASK_TIMEOUT', late);
    assert.deepEqual([late.attempts, linesOf(file('late')).length], [2, 2]);
    // What no second try can mend is not tried again.
    const final = executor.with({ retries: 5 }).submit(task('unserialisable'));
    await failure('RESULT_NOT_SERIALIZABLE', final);
    assert.equal(final.attempts, 1);
  }));

test('timings are complete and in order, and ranOn names node, manager, block and worker', () =>
  withSite(engineOf(), async ({ executor }) => {
    await executor.submit(task('add'), 1, 1);
    const before = Date.now();
    const short = Array.from({ length: 200 }, (_, i) => executor.submit(task('add'), i, i));
    const futures = [executor.submit(task('later'), 1, 20), ...short];
    await Promise.all(futures);
    const after = Date.now();
    for (const future of futures) {
      const { timings, ranOn } = future;
      assert.ok(timings !== undefined && ranOn !== undefined);
      const {
        submittedAtMs, sentAtMs, queuedAtMs, dispatchedAtMs, receivedAtMs, startedAtMs, finishedAtMs, returnedAtMs,
        forwardedAtMs, settledAtMs,
      } = timings;
      const times = [
        submittedAtMs, sentAtMs, queuedAtMs, dispatchedAtMs, receivedAtMs, startedAtMs, finishedAtMs, returnedAtMs,
        forwardedAtMs, settledAtMs,
      ];
      // Clocks of processes are read from one wall clock at different moments: they agree to a few ms.
      times.reduce((last = Infinity, time = -Infinity) => {
        assert.ok(time >= last - 5, JSON.stringify(timings));
        return time;
      });
      assert.ok(submittedAtMs >= before - 5 && settledAtMs <= after + 5);
      assert.match(ranOn.manager, /^0\..+\.[0-9a-f]{8}$/);
      assert.ok(ranOn.node.length > 0 && ranOn.block === '0' && [0, 1].includes(ranOn.worker));
    }
    const first = futures[0]?.timings;
    assert.ok(first !== undefined && first.finishedAtMs - first.startedAtMs >= 19);
  }));

test('a task that asks for time left runs where nobody knows of an end', () =>
  withSite(engineOf(), async ({ executor }) => {
    assert.equal(await executor.with({ minRemainingMs: 3_600_000 }).submit(task('add'), 1, 2), 3);
  }));

test('an aborted signal cancels what waits and what runs, and nothing else', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const started = join(directory, 'started');
    const controller = new AbortController();
    const mine = executor.with({ signal: controller.signal });
    const futures = Array.from({ length: 10 }, (_, i) => mine.submit(task('noteAndSleep'), started, String(i), 60_000));
    const other = executor.submit(task('add'), 1, 2);
    await until('two running tasks', () => linesOf(started).length === 2);
    controller.abort();
    for (const future of futures) await failure('TASK_CANCELLED', future);
    assert.equal(await other, 3);
    assert.equal(linesOf(started).length, 2);
    assert.throws(() => mine.submit(task('add'), 1, 2), { code: 'TASK_CANCELLED' });
  }));

test('cancel tells whether it ended the task', () => withSite(engineOf(), async ({ executor, directory }) => {
  const started = join(directory, 'started');
  const running = executor.submit(task('noteAndSleep'), started, 'x', 60_000);
  await until('a running task', () => linesOf(started).length === 1);
  assert.equal((await running.locate()).at, 'manager');
  assert.equal(await running.cancel(), true);
  assert.equal(await running.cancel(), false);
  assert.equal(running.status, 'cancelled');
  const done = executor.submit(task('add'), 1, 2);
  await done;
  assert.equal(await done.cancel(), false);
  assert.equal(done.status, 'done');
  // What cannot be interrupted by its own means is ended with its worker.
  for (const name of ['spin', 'stubborn', 'never'] as const) {
    const future = executor.submit(task(name));
    await until(`a running ${name}`, async () => (await future.locate()).at === 'manager');
    assert.equal(await within(5000, `cancelling ${name}`, future.cancel()), true);
  }
  assert.equal(await executor.submit(task('add'), 1, 2), 3);
}));

test('a timeout ends a busy loop, an idle wait and a task that catches everything; neighbours do not notice', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const path = join(directory, 'neighbours');
    await executor.submit(task('note'), path, 'warm');
    const neighbours = Array.from({ length: 200 }, (_, i) => executor.submit(task('note'), path, String(i)));
    const short = executor.with({ timeoutMs: 300 });
    const late = (['spin', 'never', 'stubborn'] as const).map((name) => short.submit(task(name)));
    const more = Array.from({ length: 200 }, (_, i) => executor.submit(task('note'), path, String(200 + i)));
    for (const future of late) {
      const error = await failure('TASK_TIMEOUT', future);
      assert.match(error.message, /longer than its timeout of 0\.3 s/);
      const { startedAtMs, finishedAtMs } = future.timings ?? assert.fail('it ran');
      assert.ok(finishedAtMs - startedAtMs >= 295, `it was given its time: ${finishedAtMs - startedAtMs}`);
      assert.ok(finishedAtMs - startedAtMs < 3000);
    }
    await Promise.all([...neighbours, ...more]);
    assert.equal(new Set(linesOf(path)).size, 401);
    assert.equal(linesOf(path).length, 401, 'each ran exactly once');
  }));

test('work that stands behind a long task in the same worker is moved to an idle one', () =>
  withSite(engineOf(), async ({ executor, directory }) => {
    const release = join(directory, 'release');
    const path = join(directory, 'notes');
    // Taught that it is short, the manager hands it out in bulk; then one of them is long.
    await Promise.all(Array.from({ length: 2000 }, () => executor.submit(task('later'), 0, 0)));
    writeFileSync(release, '');
    await Promise.all(Array.from({ length: 200 }, () => executor.submit(task('noteAndWait'), path, 'x', release)));
    const futures = Array.from({ length: 100 }, (_, i) =>
      executor.submit(task('noteAndWait'), path, `y${i}`, i === 10 ? join(directory, 'later') : release));
    await within(10_000, 'the others', Promise.all(futures.filter((_, i) => i !== 10)));
    assert.equal(futures[10]?.status, 'waiting');
    writeFileSync(join(directory, 'later'), '');
    await futures[10];
  }));

test('a task that nobody awaits raises no unhandled rejection', () => withSite(engineOf(), async ({ executor }) => {
  const future = executor.submit(task('raise'), 'unseen');
  await executor.drain();
  assert.equal(future.status, 'failed');
  assert.equal((await settled(future)).error.message, 'unseen');
}));
