// What users of the Python SDK do, as its documentation shows it. Any endpoint that runs Python has to pass.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript, startScript, tellingScript, type Place } from '../sdk-script.ts';

export interface Target {
  readonly place: Place;
  readonly endpoint: string;
}

/** Registers the tests; `target` is asked when they run. */
export function sdkExamples(target: () => Target): void {
  const run = (name: string): Promise<string> => runScript(target().place, name, [target().endpoint]);
  const telling = (name: string): Promise<unknown> => tellingScript(target().place, name, [target().endpoint]);

  test('hello_from_node', async () => {
    assert.match(await run('hello_from_node.py'), /^Hello Alice from \S+ at .*!\n$/);
  });

  test('three hundred tasks with as_completed', async () => {
    assert.equal(await run('jitter_double.py'), 'True\nTrue 0\n');
  });

  test('registered functions, Client.run, batches, failures, reload_tasks', async () => {
    assert.deepEqual(await telling('registered.py'), {
      function: 'add', run: 3, failure: true, batch: [0, 2, 4, 6, 8], registered: 42, raised: 'TaskExecutionFailed',
      reloaded: ['False', 'True'], removed: 302,
    });
  });

  test('a script that died gets its results when it is started again', async () => {
    const { place, endpoint } = target();
    const first = await startScript(place, 'reload_tasks.py', [endpoint]);
    await assert.rejects(first.end, /SIGKILL/);
    const group = first.said().trim().split('\n').at(-1) ?? '';
    assert.equal(
      (await runScript(place, 'reload_tasks.py', [endpoint, group])).split('\n').toSorted().join('\n').trim(),
      [0, 1, 2, 3, 4].map((number) => `from task ${number}`).join('\n'),
    );
  });

  test('an exception arrives with its traceback; what cannot travel says why', async () => {
    assert.deepEqual(await telling('failures.py'), {
      raised: [true, true, true, true], 'too large': [true, true], 'not data': [true, true],
    });
  });

  test('commands end as they end: status, time limit, plain dictionaries', async () => {
    assert.deepEqual(await telling('shell_functions.py'), {
      fine: [0, 'hello world\n', true, null], failing: [3, 'subprocess.CalledProcessError'],
      slow: [124, 'subprocess.TimeoutExpired'],
      plain: [['cmd', 'exception_name', 'returncode', 'stderr', 'stdout'], 'plain\n', 0],
    });
  });

  test('functions and values travel in the forms that the SDK has', async () => {
    assert.deepEqual(await telling('serializers.py'), {
      all: { sum: 12, kind: 'list' }, source: { sum: 12, kind: 'list' }, 'dill source': { sum: 12, kind: 'list' },
      'json result': { sum: 9, kind: 'tuple' },
    });
  });
}
