import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Batch, type Entry } from '../../../src/cli/batch.ts';
import { FinishedTasks } from '../../../src/cli/finished.ts';
import { countedInputs, type Inputs } from '../../../src/cli/inputs.ts';
import { misuse } from '../../../src/cli/failure.ts';
import { inputCrc } from '../../../src/cli/journal-record.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { FakeRunner } from '../../fakes/runner.ts';

interface Setup {
  readonly inputs: Inputs;
  readonly finished?: FinishedTasks;
  readonly failuresMax?: number;
}

/** A batch that records at once, and everything it recorded. */
function setUp({ inputs, finished = new FinishedTasks(), failuresMax = Infinity }: Setup) {
  const runner = new FakeRunner();
  const lines: { index: number; input: unknown; ok: boolean; error?: { code: string } }[] = [];
  const recorder = {
    add: (entry: Entry): void => {
      lines.push(JSON.parse(entry.line) as (typeof lines)[number]);
      batch.onRecorded([entry]);
    },
    flush: async (): Promise<void> => { /* recorded at once */ },
  };
  const batch: Batch = new Batch({ inputs, runner, recorder, finished, failuresMax });
  return { batch, runner, lines };
}

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    assert.ok(turns < 10_000, 'it never came to hold');
    await turn();
  }
}

function listOf(values: readonly unknown[], end?: Error): Inputs {
  return {
    identity: { kind: 'test' },
    total: null,
    batches: async function* one() {
      yield values;
      if (end !== undefined) throw end;
    },
  };
}

test('every input is run once and recorded under its index, in the order of completion', async () => {
  const { batch, runner, lines } = setUp({ inputs: countedInputs(3) });
  const end = batch.run();
  await until(() => runner.open.length === 3);
  const [first, second, third] = runner.open;
  second?.resolve('b');
  await turn();
  third?.resolve('c');
  first?.resolve('a');
  assert.deepEqual(await end, { type: 'complete' });
  assert.deepEqual(lines.map(({ index, input }) => [index, input]), [[1, 1], [2, 2], [0, 0]]);
  assert.deepEqual([batch.ok, batch.failed, batch.left], [3, 0, 0]);
});

test('a task that fails is recorded and the others go on', async () => {
  const { batch, runner, lines } = setUp({ inputs: countedInputs(2) });
  const end = batch.run();
  await until(() => runner.open.length === 2);
  runner.open[0]?.reject(new ComputeError('TASK_TIMEOUT', 'the task ran longer than 1 s'));
  runner.open[0]?.resolve(1);
  assert.deepEqual(await end, { type: 'complete' });
  assert.deepEqual(lines.map(({ ok, error }) => error?.code ?? ok), ['TASK_TIMEOUT', true]);
  assert.deepEqual([batch.ok, batch.failed], [1, 1]);
});

test('a failure that is no task\'s own ends the run, and its task is not recorded', async () => {
  for (const code of ['BLOCKS_FAILED', 'ENGINE_LOST', 'FUNCTION_NOT_FOUND'] as const) {
    const { batch, runner, lines } = setUp({ inputs: countedInputs(100_000) });
    const end = batch.run();
    await until(() => runner.open.length > 10);
    const error = new ComputeError(code, 'none works');
    runner.open[0]?.reject(error);
    assert.deepEqual(await end, { type: 'error', error });
    assert.deepEqual([lines.length, runner.open.length, batch.ok, batch.failed], [0, 0, 0, 0]);
  }
});

test('no more tasks are open than the window lets in, and every input is run', async () => {
  const { batch, runner } = setUp({ inputs: countedInputs(50_000) });
  const end = batch.run();
  for (const open of [16_384, 16_384, 16_384, 50_000 - 3 * 16_384]) {
    await until(() => runner.open.length === open);
    for (const task of runner.open.splice(0)) task.resolve(0);
  }
  assert.deepEqual(await end, { type: 'complete' });
  assert.equal(runner.mostOpen, 16_384);
});

test('large inputs make the window small, but never smaller than the workers need', async () => {
  const large = 'x'.repeat(8 * 1024 * 1024);
  const { batch, runner } = setUp({ inputs: listOf(Array.from({ length: 40 }, () => large)) });
  const end = batch.run();
  await until(() => runner.open.length === 8);
  await turn();
  assert.equal(runner.open.length, 8);
  runner.workerCount = 6;
  runner.open[0]?.resolve(0);
  await until(() => runner.open.length === 12);
  await turn();
  assert.equal(runner.open.length, 12);
  while (batch.ok < 40) {
    for (const task of runner.open.slice()) task.resolve(0);
    await turn();
  }
  assert.deepEqual(await end, { type: 'complete' });
});

test('drained, it submits nothing more, withdraws what waits, and records what runs', async () => {
  const { batch, runner, lines } = setUp({ inputs: countedInputs(100_000) });
  runner.held = 3;
  const end = batch.run();
  await until(() => runner.open.length === 16_384);
  batch.drain();
  assert.deepEqual(runner.open.map(({ input }) => input), [0, 1, 2]);
  for (const task of runner.open.slice()) task.resolve('done');
  assert.deepEqual(await end, { type: 'drained' });
  assert.deepEqual(lines.map(({ index }) => index), [0, 1, 2]);
  assert.equal(runner.submitted, 16_384);
  assert.equal(batch.left, 16_381);
});

test('cancelled after it was drained, it ends at once and records nothing that did not finish', async () => {
  const { batch, runner, lines } = setUp({ inputs: countedInputs(10) });
  runner.held = 2;
  const end = batch.run();
  await until(() => runner.open.length === 10);
  batch.drain();
  batch.cancel();
  assert.deepEqual(await end, { type: 'cancelled' });
  assert.deepEqual([lines.length, batch.left], [0, 10]);
});

test('after too many failures nothing new is started', async () => {
  const { batch, runner } = setUp({ inputs: countedInputs(100_000), failuresMax: 2 });
  const end = batch.run();
  await until(() => runner.open.length > 100);
  for (let i = 0; i < 2; i += 1) runner.open[0]?.reject(new ComputeError('TASK_RAISED', 'no'));
  assert.deepEqual(await end, { type: 'failures' });
  assert.equal(batch.failed, 2);
});

test('a mistake in the inputs ends the run; what runs then is still recorded', async () => {
  const error = misuse('line 3 of standard input is not JSON: x');
  const { batch, runner, lines } = setUp({ inputs: listOf([7, 8], error) });
  runner.held = 2;
  const end = batch.run();
  await until(() => runner.open.length === 2);
  for (const task of runner.open.slice()) task.resolve(0);
  assert.deepEqual(await end, { type: 'error', error });
  assert.deepEqual(lines.map(({ input }) => input), [7, 8]);
});

function finishedTasks(...inputs: readonly [number, string][]): FinishedTasks {
  const finished = new FinishedTasks();
  for (const [index, input] of inputs) finished.add({ index, ok: true, input: inputCrc(input) });
  return finished;
}

test('tasks that are finished are not run again', async () => {
  const { batch, runner } = setUp({ inputs: countedInputs(4), finished: finishedTasks([0, '0'], [2, '2']) });
  const end = batch.run();
  await until(() => runner.open.length === 2);
  assert.deepEqual(runner.open.map(({ input }) => input), [1, 3]);
  for (const task of runner.open.slice()) task.resolve(0);
  assert.deepEqual(await end, { type: 'complete' });
  assert.equal(batch.ok, 4);
});

test('finished tasks whose inputs are others now, or are missing, end the run with the reason', async () => {
  for (const [finished, words] of [
    [finishedTasks([0, '"other"']), /input 0 is not what it was then/],
    [finishedTasks([0, '0'], [9, '9']), /knows a task 9, the inputs end before it/],
  ] as const) {
    const { batch, runner } = setUp({ inputs: countedInputs(1), finished });
    const end = await batch.run();
    assert.equal(runner.submitted, 0);
    assert.ok(end.type === 'error' && end.error instanceof ComputeError && words.test(end.error.message));
  }
});
