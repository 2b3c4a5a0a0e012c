// Python tasks on the slots of an engine: beside others, with what they see, and with what they must not leave behind.

import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exec } from '../../src/common/exec.ts';
import { decodePayload, encodePayload, reviveFailure } from '../../src/common/payload.ts';
import type { Failure, FunctionDefinition, Kind } from '../../src/common/protocol.ts';
import { pythonVenv } from '../python-venv.ts';
import { FOREIGN_CODE } from '../fixtures/foreign-python.ts';
import { failure, isRunning, until } from './harness.ts';
import { withPython, type PythonSite } from './python-site.ts';

const ONE = { max_workers_per_node: 1 };

/** A task that is not Python. */
function other({ engine }: PythonSite, definition: FunctionDefinition, args: readonly unknown[]): Promise<unknown> {
  const kind: Kind = { fn: engine.define(definition), timeoutMs: 0, retries: 0, minRemainingMs: 0 };
  const { bytes, buffers } = encodePayload(args);
  return new Promise((resolve, reject) => {
    engine.submit(kind, bytes, buffers, {
      onOutcome: (ok, outcome, { buffers: large }) => {
        const value = decodePayload(outcome, large);
        if (ok) resolve(value);
        else reject(reviveFailure(value as Failure)); // made by our own worker
      },
      onFailure: (one) => reject(reviveFailure(one)),
    });
  });
}

test('one manager serves JavaScript, Python and shell tasks from the same slots', () =>
  withPython({ max_workers_per_node: 2 }, async (site) => {
    const { sdk, define, submit, managers } = site;
    const add = await define('add');
    const javascript = { form: 'source', name: 'double', source: '(x) => x * 2' } as const;
    const shell = {
      form: 'command', name: 'echo', command: 'echo -n {}', cwd: site.directory, outputBytesMax: 100,
    } as const;
    const rounds = Array.from({ length: 60 }, async (_, i) => {
      const python = submit(add, await sdk.payload([i]));
      const [doubled, said, sum] = await Promise.all([
        other(site, javascript, [i]), other(site, shell, [i]), python.then(({ data }) => sdk.read(data)),
      ]);
      assert.deepEqual([doubled, (said as { stdout: string }).stdout, sum], [2 * i, String(i), i + 1]);
    });
    await Promise.all(rounds);
    assert.equal((await managers()).length, 1);
  }));

test('thousands of tasks come back, each with its own value', () => withPython({}, async ({ sdk, define, submit }) => {
  const echo = await define('echo');
  const payloads = await Promise.all(Array.from({ length: 500 }, (_, i) => sdk.payload([{ i, text: 'x'.repeat(i) }])));
  const results = await Promise.all(Array.from({ length: 5000 }, (_, i) => submit(echo, payloads[i % 500] ?? '')));
  const wanted = await Promise.all(payloads.map(async (payload) => (await submit(echo, payload)).data));
  for (const [i, { data }] of results.entries()) assert.equal(data, wanted[i % 500]);
  assert.deepEqual(await sdk.read(wanted[7] ?? ''), { i: 7, text: 'xxxxxxx' });
}));

test('large arguments and results travel, in bulk and alone', () => withPython({}, async ({ sdk, define, submit }) => {
  const [echo, size] = [await define('echo'), await define('size')];
  const big = 'y'.repeat(300_000);
  const payload = await sdk.payload([big]);
  const [bulk, alone] = [await sdk.payload([100_000]), await sdk.payload([3_000_000])];
  const tasks = Array.from({ length: 30 }, (_, i) => [submit(echo, payload), submit(size, i % 7 === 3 ? alone : bulk)]);
  for (const [i, [one, two]] of tasks.entries()) {
    assert.ok(one !== undefined && two !== undefined);
    assert.equal(await sdk.read((await one).data), big);
    assert.equal((await sdk.read((await two).data) as string).length, i % 7 === 3 ? 3_000_000 : 100_000);
  }
}));

test('what a task leaves in its function is gone for the next', () => withPython(ONE, async ({ sdk, define, run }) => {
  for (const code of ['remember', 'make_counter()', 'Counter()']) {
    const kind = await define(code, { code: await sdk.code(code) });
    const first = await run(kind, 1);
    for (let i = 0; i < 3; i++) assert.deepEqual(await run(kind, 1), first, code);
  }
}));

test('what tasks print goes to the block\'s output, up to a bound; their programs see no descriptor of ours', () =>
  withPython(ONE, async ({ define, run, output }) => {
    const chatter = await define('chatter');
    assert.equal(await run(chatter, 'hello there'), '');
    await until('what was printed', () => /out:hello there/.test(output()) && /err:hello there/.test(output())
      && /raw:hello there/.test(output()));
    const program = await run(await define('program')) as number[];
    assert.deepEqual(program.filter((fd) => fd === 3 || fd === 4).length, program.includes(3) ? 1 : 0);
    for (let i = 0; i < 40; i++) await run(chatter, 'z'.repeat(100_000));
    assert.equal(await run(chatter, 'last words'), '');
    await until('the bound', () => output().includes('from here on is dropped'));
    assert.ok(output().length < 2_500_000, `${output().length} characters`);
  }));

test('a task sees its slot: accelerator, rank and cores', () =>
  withPython({ ...ONE, available_accelerators: ['7'], cpu_affinity: 'block' }, async ({ define, run }) => {
    const names = ['CUDA_VISIBLE_DEVICES', 'PARSL_WORKER_RANK', 'PARSL_WORKER_COUNT', 'PARSL_GPUS'];
    assert.deepEqual(await run(await define('environment'), ...names), ['7', '0', '1', null]);
  }));

test('a task that takes several slots sees what they have together, and the next one its own again', () =>
  withPython({ max_workers_per_node: 2, available_accelerators: ['0', '1'] }, async ({ engine, define, run }) => {
    const names = ['CUDA_VISIBLE_DEVICES', 'PARSL_GPUS'];
    const footprint = engine.footprint({ gpus: 2 });
    assert.ok(footprint !== undefined);
    const [narrow, wide] = [await define('environment'), await define('environment', { footprint })];
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await run(wide, ...names), ['0,1', '2']);
      const [device, asked] = await run(narrow, ...names) as string[];
      assert.ok((device === '0' || device === '1') && asked === null, `${device} ${asked}`);
    }
  }));

test('an MPI function finds its prefix, and its program runs on the nodes that it names', () =>
  withPython({ type: 'GlobusMPIEngine', mpi_launcher: 'mpiexec', max_workers_per_block: 2,
    max_workers_per_node: undefined, cores_per_worker: undefined,
    provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1, nodes_per_block: 2 } },
  async ({ engine, sdk, define, submit }) => {
    const footprint = engine.footprint({ num_nodes: 1, ranks_per_node: 2 });
    assert.ok(footprint !== undefined);
    const none = await sdk.payload([]);
    const call = async (expression: string): Promise<string> => {
      const kind = await define('mpi', { code: await sdk.code(expression), footprint, sandbox: true });
      const { data, failure: failed } = await submit(kind, none);
      assert.equal(failed, undefined, data);
      const { stdout, stderr, returncode } = await sdk.read(data) as Record<string, unknown>;
      assert.equal(returncode, 0, String(stderr));
      return String(stdout);
    };
    const prefix = await call('ShellFunction("echo $PARSL_MPI_PREFIX; echo $PARSL_NUM_RANKS")');
    assert.match(prefix, /^mpiexec -n 2 .*\n2\n$/);
    assert.equal(await call('MPIFunction("echo rank")'), 'rank\nrank\n');
  }, { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }));

test('byte code of another Python is refused, in words that name both versions', () =>
  withPython(ONE, async ({ sdk, define, submit, run }) => {
    const own = (await submit(await define('add'), await sdk.payload([1]))).details['python_version'] ?? '';
    const foreign = Object.entries(FOREIGN_CODE).filter(([version]) => !own.startsWith(`${version}.`));
    assert.ok(foreign.length > 0);
    for (const [version, code] of foreign) {
      const kind = await define('greet', { code });
      for (let i = 0; i < 2; i++) {
        const { failure: refused, data } = await submit(kind, await sdk.payload(['you']));
        assert.equal(refused?.code, 'RemoteExecutionError', `${version}: ${data}`);
        assert.ok(data.includes('DeserializationError') && data.includes(`and this worker runs Python ${own} (`), data);
        assert.match(data, /serialized as byte code by Python 3\.99\.1, .*worker_init.*AllCodeStrategies/);
      }
    }
    assert.equal(await run(await define('add'), 1), 2);
  }, { GC_USER_PYTHON_VERSION: '3.99.1' }));

test('where the user is known to have another Python, the end of an interpreter says so', () =>
  withPython(ONE, async ({ sdk, define, submit }) => {
    const { message } = await failure('WORKER_LOST', submit(await define('die'), await sdk.payload(['SIGSEGV'])));
    assert.match(message, /SIGSEGV ended it; it is Python 3\.\S+ and the user's is 3\.99\.1, whose functions may/);
  }, { GC_USER_PYTHON_VERSION: '3.99.1' }));

test('GC_TASK_TIMEOUT ends a task with an exception, and its interpreter goes on', () =>
  withPython(ONE, async ({ sdk, define, submit, run }) => {
    const { failure: late, data } = await submit(await define('spin'), await sdk.payload([]));
    assert.equal(late?.code, 'RemoteExecutionError');
    assert.match(data, /in spin\n[^]*AppTimeout/);
    assert.equal(await run(await define('add'), 1), 2);
  }, { GC_TASK_TIMEOUT: '0.3' }));

test('a thread that ends takes its idle interpreter along; the next one starts its own', () =>
  withPython(ONE, async (site) => {
    const { define, run } = site;
    const place = await define('place');
    const { pid } = await run(place) as { pid: number };
    const exit = { form: 'source', name: 'exit', source: '() => process.exit(3)' } as const;
    await failure('WORKER_LOST', other(site, exit, []));
    await until('the end of the interpreter', () => !isRunning(pid));
    assert.notEqual((await run(place) as { pid: number }).pid, pid);
  }));

/** What the first Python task of a slot fails with. */
function refusal(PATH: string): Promise<string> {
  let message = '';
  return withPython(ONE, async ({ sdk, define, submit }) => {
    const [add, payload] = [await define('add'), await sdk.payload([1])];
    ({ message } = await failure('PYTHON_UNUSABLE', submit(add, payload)));
    for (const task of Array.from({ length: 5 }, () => submit(add, payload))) {
      assert.equal((await failure('PYTHON_UNUSABLE', task)).message, message);
    }
  }, { PATH }).then(() => message);
}

test('no Python at all, one without the SDK, a broken one: the failure says what there is and what to do', async () => {
  await withTools({}, async (path) => {
    assert.match(await refusal(path),
      /^no python3 or python on the PATH of \S+ \(.*\): load an environment with Python and globus-compute-sdk in /);
  });
  const { python } = await pythonVenv();
  await withTools({ python3: `exec ${python} -S "$@"` }, async (path) => {
    const message = await refusal(path);
    assert.ok(message.startsWith(`${path}/python3 on `), message);
    assert.match(message, /cannot run Python tasks: Python 3\S+ has no dill and no globus-compute-sdk: install /);
    assert.match(message, /\(\S+ -m pip install globus-compute-sdk\), or name another environment in worker_init$/);
  });
  await withTools({ python: 'echo it is broken >&2; exit 3' }, async (path) => {
    assert.match(await refusal(path),
      /\/python on \S+ cannot run Python tasks: .* ended at its start: it exited with code 3; .*: it is broken$/);
  });
});

/** A PATH with what managers need, and these scripts. */
async function withTools(
  scripts: Readonly<Record<string, string>>, use: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-tools-'));
  try {
    for (const tool of ['bash', 'sh', 'uname', 'setsid', 'rm', 'cat', 'taskset']) {
      const { stdout } = await exec(['/bin/sh', '-c', `command -v ${tool}`], { timeoutMs: 5000 });
      await symlink(stdout.trim(), join(folder, tool));
    }
    for (const [name, script] of Object.entries(scripts)) {
      await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
