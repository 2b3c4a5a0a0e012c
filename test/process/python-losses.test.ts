// Interpreters that end, by themselves or by us: one task has no result, the others do not notice, and nothing stays.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PythonResult } from '../../src/common/protocol.ts';
import { failure, gone, isRunning, kill, linesOf, settled, until } from './harness.ts';
import { withPython } from './python-site.ts';

const ONE = { max_workers_per_node: 1 };

test('a task that ends its interpreter fails with WORKER_LOST, the status or signal, and its last words', () =>
  withPython(ONE, async ({ sdk, define, submit, run }) => {
    const die = await define('die');
    const add = await define('add');
    for (const [how, text] of [
      ['exit', /: it exited with code 3$/], ['system-exit', /: it exited with code 4$/],
      ['thread', /: it exited with code 5$/],
      ['interrupt', /: it exited with code 1; the end of its standard error: [^]*KeyboardInterrupt: nobody is there$/],
      ['SIGSEGV', /: SIGSEGV ended it; the end of its standard error: about to fall$/],
      ['SIGKILL', /: SIGKILL ended it; the end of its standard error: about to fall$/],
      ['SIGTERM', /: SIGTERM ended it; the end of its standard error: about to fall$/],
    ] as const) {
      const error = await failure('WORKER_LOST', submit(die, await sdk.payload([how])));
      assert.match(error.message, text);
      assert.equal(await run(add, 1, 2), 3, 'the slot goes on');
    }
  }));

test('a task that passes its memory limit fails with what it had and the limit; two workers have twice as much', () =>
  withPython({ max_workers_per_node: 2, mem_per_worker: 0.25 }, async ({ sdk, define, submit, run }) => {
    const fill = await define('fill');
    const { message } = await failure('WORKER_LOST', submit(fill, await sdk.payload([320, 60])));
    const had = /: it passed its memory limit \(mem_per_worker\): it had (\d+) MiB of 256 MiB$/.exec(message)?.[1];
    assert.ok(Number(had) > 256, message);
    assert.equal(await run(fill, 20, 0.25), 20, 'the slot goes on');
    assert.equal(await run(await define('fill', { footprint: { width: 2, asked: { memory: 0.5 } } }), 320, 0.25), 320);
  }));

test('an interpreter that passes its memory limit between two tasks is replaced, and no task is charged', () =>
  withPython({ ...ONE, mem_per_worker: 0.25 }, async ({ define, run, directory }) => {
    const release = join(directory, 'release');
    const pid = await run(await define('fill_later'), 320, release) as number;
    writeFileSync(release, '');
    await until('its end', () => !isRunning(pid));
    assert.equal(await run(await define('add'), 1), 2);
  }));

test('who shares an interpreter or a batch with the culprit is not affected and runs exactly once', () =>
  withPython({}, async ({ sdk, define, submit, directory }) => {
    const kind = await define('note_or_die');
    const isCulprit = (i: number): boolean => i % 97 === 50;
    const all = async (path: string, count: number, culprits: boolean): Promise<PromiseLike<PythonResult>[]> => {
      const payloads = await Promise.all(Array.from({ length: count }, (_, i) =>
        sdk.payload([path, i, culprits && isCulprit(i)])));
      return payloads.map((payload) => submit(kind, payload));
    };
    await Promise.all(await all(join(directory, 'warm'), 300, false));
    const path = join(directory, 'notes');
    const futures = await all(path, 600, true);
    for (const [i, future] of futures.entries()) {
      if (isCulprit(i)) await failure('WORKER_LOST', future);
      else assert.equal(await sdk.read((await future).data), i);
    }
    assert.deepEqual(linesOf(path).map(Number).toSorted((a, b) => a - b),
      futures.map((_, i) => i).filter((i) => !isCulprit(i)));
  }));

test('a task that always ends its interpreter is blamed after three', () =>
  withPython({}, async ({ sdk, define, submit, directory }) => {
    const path = join(directory, 'kills');
    const code = await sdk.code('lambda path: (open(path, "a").write("x\\n"), __import__("os")._exit(9))');
    await failure('TASK_BLAMED', submit(await define('killer', { code, retries: 10 }), await sdk.payload([path])));
    assert.equal(linesOf(path).length, 3);
  }));

test('what stands behind a long task of an assignment goes to another slot', () =>
  withPython({ max_workers_per_node: 2 }, async ({ sdk, define, submit, directory }) => {
    const kind = await define('maybe_wait');
    const warm = join(directory, 'warm');
    const payloads = await Promise.all(Array.from({ length: 400 }, (_, i) => sdk.payload([warm, i, ''])));
    await Promise.all(payloads.map((payload) => submit(kind, payload)));
    const path = join(directory, 'notes');
    const release = join(directory, 'release');
    const slow = await sdk.payload([path, -1, release]);
    const quick = await Promise.all(Array.from({ length: 200 }, (_, i) => sdk.payload([path, i, ''])));
    const tasks = [...quick.slice(0, 100), slow, ...quick.slice(100)].map((payload) => submit(kind, payload));
    await Promise.all(tasks.filter((_, i) => i !== 100).map((task) => settled(task)));
    writeFileSync(release, '');
    await tasks[100];
    assert.equal(linesOf(path).length, 201, 'each ran once');
  }));

test('tasks that turn out to be slower than they were are shared by all slots, and none is taken for late', () =>
  withPython({ max_workers_per_node: 2 }, async ({ sdk, define, submit }) => {
    const code = await sdk.code('lambda s: (__import__("time").sleep(s), __import__("os").getpid())[1]');
    const kind = await define('sleep', { code, timeoutMs: 250 });
    const [quick, slow] = [await sdk.payload([0]), await sdk.payload([0.003])];
    await Promise.all(Array.from({ length: 1000 }, () => submit(kind, quick)));
    const pids = await Promise.all(Array.from({ length: 300 }, async () => sdk.read((await submit(kind, slow)).data)));
    const counts = [...new Set(pids)].map((pid) => pids.filter((one) => one === pid).length);
    assert.equal(counts.length, 2);
    assert.ok(Math.min(...counts) >= 30, counts.join());
  }));

test('a timeout and a cancellation end the interpreter with everything that it has started', () =>
  withPython({}, async ({ sdk, engine, define, submit, run, directory }) => {
    const late = join(directory, 'late');
    await failure('TASK_TIMEOUT', submit(await define('with_child', { timeoutMs: 1000 }), await sdk.payload([late])));
    const cancelled = join(directory, 'cancelled');
    const task = submit(await define('with_child'), await sdk.payload([cancelled]));
    const pids = async (path: string): Promise<number[]> =>
      until('its processes', () => linesOf(path)[0]?.split(' ').map(Number));
    await pids(cancelled);
    engine.cancel([task.id]);
    await failure('TASK_CANCELLED', task);
    const all = [...await pids(late), ...await pids(cancelled)];
    await until('their end', () => !all.some(isRunning));
    await failure('TASK_TIMEOUT', submit(await define('spin', { timeoutMs: 200 }), await sdk.payload([])));
    assert.equal(await run(await define('add'), 1), 2);
  }));

test('tasks that are cancelled behind a running one never run', () =>
  withPython(ONE, async ({ sdk, engine, define, submit, directory }) => {
    const kind = await define('maybe_wait');
    const warm = await Promise.all(Array.from({ length: 200 }, (_, i) => sdk.payload([join(directory, 'w'), i, ''])));
    await Promise.all(warm.map((payload) => submit(kind, payload)));
    const [path, release] = [join(directory, 'notes'), join(directory, 'release')];
    const first = submit(kind, await sdk.payload([path, 0, release]));
    const others = await Promise.all(Array.from({ length: 20 }, (_, i) => sdk.payload([path, i + 1, ''])));
    const waiting = others.map((payload) => submit(kind, payload));
    await until('the first', () => linesOf(path).length === 1);
    engine.cancel(waiting.map(({ id }) => id));
    for (const task of waiting) await failure('TASK_CANCELLED', task);
    writeFileSync(release, '');
    assert.equal(await sdk.read((await first).data), 0);
    assert.equal(linesOf(path).length, 1);
  }));

test('an idle interpreter that is killed is replaced, and no task is charged', () =>
  withPython(ONE, async ({ define, run }) => {
    const place = await define('place');
    for (let i = 0; i < 3; i++) {
      const { pid } = await run(place) as { pid: number };
      kill(pid, 'SIGKILL');
      await until('its end', () => !isRunning(pid));
      assert.notEqual((await run(place) as { pid: number }).pid, pid);
    }
  }));

test('a killed manager leaves no interpreter, busy or idle, and no child of one', () =>
  withPython({}, async ({ sdk, engine, define, submit, run, directory, managers, processes }) => {
    await run(await define('place'));
    const path = join(directory, 'pids');
    const task = submit(await define('with_child'), await sdk.payload([path]));
    const started = await until('its processes', () => linesOf(path)[0]?.split(' ').map(Number));
    const [manager] = await managers();
    assert.ok(manager !== undefined && started.every(isRunning));
    kill(manager, 'SIGKILL');
    await until('their end', () => !started.some(isRunning));
    engine.cancel([task.id]);
    await failure('TASK_CANCELLED', task);
    await engine.close('cancel');
    await gone(() => processes().filter(({ command }) => !command.includes('functions.py')), 5000);
  }));

test('what a task forgets ends with it', () => withPython(ONE, async ({ define, run }) => {
  const pid = await run(await define('forget_child')) as number;
  await until('its end', () => !isRunning(pid));
}));

test('a task that forks and lets the child return has one result', () => withPython(ONE, async ({ define, run }) => {
  assert.equal(await run(await define('fork_and_return')), 'parent');
  assert.equal(await run(await define('add'), 1), 2);
}));

test('a planned end hands back what runs; it is not charged and runs elsewhere', () =>
  withPython(ONE, async ({ sdk, define, submit, directory, managers }) => {
    const [path, release] = [join(directory, 'notes'), join(directory, 'release')];
    const task = submit(await define('maybe_wait'), await sdk.payload([path, 1, release]));
    await until('the task', () => linesOf(path).length === 1);
    const [manager] = await managers();
    assert.ok(manager !== undefined);
    // As a scheduler does that tells every process of the job.
    const pid = Number(readFileSync(path, 'utf8').split(' ')[1]);
    kill(pid, 'SIGTERM');
    kill(manager, 'SIGTERM');
    await until('its second run', () => linesOf(path).length === 2);
    writeFileSync(release, '');
    assert.equal(await sdk.read((await task).data), 1);
    assert.ok(existsSync(release));
  }));
