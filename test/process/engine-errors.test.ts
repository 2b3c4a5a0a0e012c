// Errors say what happened, where, and what to do: in one line.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ComputeError, Executor, command, moduleFunction, type ErrorCode } from '../../src/sdk/index.ts';
import { engineOf, failure, linesOf, task, until, within, withRun, withSite, type EngineKeys } from './harness.ts';

const message = (error: Error): string => {
  assert.ok(!error.message.includes('\n'), `one line: ${error.message}`);
  return error.message;
};

function thrown(code: string, act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ComputeError, String(error));
    assert.equal(error.code, code);
    return message(error);
  }
  return assert.fail(`expected ${code}`);
}

test('what cannot travel is refused at once, with the path to it', () => withSite(engineOf(), async ({ executor }) => {
  const text = thrown('NOT_SERIALIZABLE', () => executor.submit(task('echo'), { list: [1, { call: () => 1 }] }));
  assert.match(text, /args\[0\]\.list\[1\]\.call/);
  const symbol = new Map([['k', Symbol('s')]]);
  assert.match(thrown('NOT_SERIALIZABLE', () => executor.submit(task('echo'), symbol)), /args\[0\]/);
  assert.match(thrown('NOT_SERIALIZABLE', () => executor.submit(Math.max.bind(null, 1))), /wrap it/);
  assert.match(thrown('NOT_SERIALIZABLE', () => executor.submit(Map as unknown as () => void)), /Map is a built-in/);
  assert.equal(executor.status().waiting, 0, 'nothing was taken');
  const back = await failure('RESULT_NOT_SERIALIZABLE', executor.submit(task('unserialisable')));
  assert.match(message(back), /result cannot travel: .*deep\[0\]\.fn/);
}));

test('what is too large is refused with both sizes and what to do', () =>
  withSite(engineOf({ payload_bytes_max: 10_000, result_bytes_max: 20_000 }), async ({ executor }) => {
    assert.match(thrown('PAYLOAD_TOO_LARGE', () => executor.submit(task('echo'), new Uint8Array(20_000))),
      /arguments have 20\d\d\d bytes and payload_bytes_max is 10000: pass less, or the path of a file/);
    thrown('PAYLOAD_TOO_LARGE', () => executor.submit(task('echo'), 'x'.repeat(20_000)));
    const back = await failure('RESULT_TOO_LARGE', executor.with({ retries: 3 }).submit(task('bytes'), 50_000));
    assert.match(message(back), 
      /result has 50\d\d\d bytes and result_bytes_max is 20000: return less, or write it to a file/);
    assert.equal((await executor.submit(task('bytes'), 9000)).length, 9000);
  }));

test('a module, an export or a source that is not there names what is', () => withSite(engineOf(), async (site) => {
  const { executor, directory } = site;
  const missing = async (module: string | URL, name: string): Promise<string> =>
    message(await failure('FUNCTION_NOT_FOUND', executor.with({ retries: 2 }).submit(moduleFunction(module, name))));
  const tasks = new URL('../fixtures/tasks.js', import.meta.url);
  assert.match(await missing(join(directory, 'gone.mjs'), 'f'), /could not load module .*gone\.mjs/);
  assert.match(await missing('no-such-package-here', 'f'), /could not load module no-such-package-here/);
  assert.match(await missing(tasks, 'ad'), /has no function ad; it exports .*add/);
  const broken = join(directory, 'broken.mjs');
  writeFileSync(broken, 'export const a = ;');
  assert.match(await missing(broken, 'a'), /could not load module/);
  assert.equal(await executor.submit(task('add'), 1, 1), 2, 'the worker goes on');
}));

test('an unknown key of the configuration is named, with the one that is nearest', () => {
  const open = (engine: unknown): string => thrownLines(() => new Executor({ engine }));
  assert.match(open({ max_workers_per_nod: 2 }), /max_workers_per_nod.*max_workers_per_node/);
  assert.match(open({ nonsense: 2 }), /nonsense/);
  assert.match(open({ provider: { type: 'LocalProvider', init_block: 1 } }), /init_block.*init_blocks/);
  assert.match(open({ provider: { type: 'LocalProvidr' } }), /LocalProvidr.*LocalProvider/);
  assert.match(open({ heartbeat_period: 10, heartbeat_threshold: 5 }), /heartbeat_threshold \(5 s\) must be greater/);
  assert.match(open({ max_workers_per_node: 0 }), /max_workers_per_node/);
  const executor = new Executor({ engine: {} });
  const misspelt = { retry: 1 } as object;
  assert.match(thrown('CONFIG_INVALID', () => executor.with(misspelt)), /no task option retry; there are/);
  assert.throws(() => executor.with({ timeoutMs: -1 }), { code: 'CONFIG_INVALID', message: /timeoutMs is -1/ });
});

test('a port that is in use fails the start and every task, with the port and what to do', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const text = new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use: .*worker_port`);
    await startFails({ worker_port: port }, 'START_FAILED', text);
  } finally {
    server.close();
  }
});

test('a run directory that cannot be written fails the start and every task, with its path', () =>
  withRun(async (directory) => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await startFails({}, 'STORAGE_FAILED', /could not make the run folder .*\/file\/.*choose a directory/, file);
  }));

async function startFails(keys: EngineKeys, code: ErrorCode, text: RegExp, folder?: string): Promise<void> {
  await withRun(async (directory) => {
    const executor = new Executor({ engine: engineOf(keys), directory: folder ?? directory });
    const future = executor.submit(task('add'), 1, 1);
    const error = await failure(code, executor.start());
    assert.match(message(error), text);
    assert.match(message(await failure(code, future)), text);
    assert.throws(() => executor.submit(task('add'), 1, 1), { code, message: text }, 'later tasks hear the same');
    await within(5000, 'closing', executor.close());
  });
}

test('as many tasks as tasks_max are taken, not one more, and room is made as they settle', () =>
  withSite(engineOf({ tasks_max: 5 }), async ({ executor, directory }) => {
    const release = join(directory, 'release');
    const path = join(directory, 'n');
    const futures = Array.from({ length: 5 }, () => executor.submit(task('noteAndWait'), path, 'x', release));
    assert.match(thrown('QUEUE_FULL', () => executor.submit(task('add'), 1, 1)),
      /5 tasks are open: wait for some, or raise tasks_max/);
    writeFileSync(release, '');
    await Promise.all(futures);
    assert.equal(await executor.submit(task('add'), 1, 1), 2);
  }));

test('a configuration under which no worker fits shows the arithmetic', () =>
  withSite(engineOf({ mem_per_worker: 1_000_000 }), async ({ executor }) => {
    const error = await failure('BLOCKS_FAILED', executor.submit(task('add'), 1, 1));
    assert.match(error.message, /no worker fits on this node: .*GiB \(\w+\) \/ mem_per_worker 1000000 gives 0/);
  }));

test('closing: drain waits for what is open, cancel fails it, and after either nothing is taken', async () => {
  for (const mode of ['drain', 'cancel'] as const) {
    await withSite(engineOf(), async ({ executor, directory }) => {
      const path = join(directory, 'n');
      const ms = mode === 'drain' ? 300 : 60_000;
      const futures = Array.from({ length: 4 }, (_, i) => executor.submit(task('noteAndSleep'), path, `${i}`, ms));
      const shell = executor.submit(command(mode === 'drain' ? 'sleep 0.3; echo done' : 'sleep 300'));
      await until('running tasks', () => linesOf(path).length >= 2);
      const closing = executor.close(mode);
      assert.throws(() => executor.submit(task('add'), 1, 1), { code: 'ENGINE_CLOSED' });
      for (const future of [...futures, shell]) {
        if (mode === 'drain') await future;
        else await failure('ENGINE_CLOSED', future);
      }
      await within(15_000, 'closing', closing);
      await executor.close();
    });
  }
});

test('an executor that leaves its scope has drained, and one that was never used has nothing to close', () =>
  withRun(async (directory, processes) => {
    let future;
    {
      await using executor = new Executor({ engine: engineOf(), directory });
      await using unused = new Executor({ engine: engineOf(), directory });
      assert.equal(unused.status().workers, 0);
      future = executor.submit(task('later'), 5, 100);
    }
    assert.deepEqual([future.status, await future], ['done', 5]);
    assert.deepEqual(processes(), []);
  }));

function thrownLines(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ComputeError && error.code === 'CONFIG_INVALID');
    return error.message;
  }
  return assert.fail('expected CONFIG_INVALID');
}
