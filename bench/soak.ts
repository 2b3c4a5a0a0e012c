// A long run in which one task in ten fails, one in a hundred takes its worker down and one in a hundred is cancelled.
// Every task must come to the end it has to, once, and no process may grow. Prints a summary as JSON; status 1 when
// something did not hold.
//
//   npm run soak -- --tasks 1000000 --seed 7

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { shutdownSignal } from '../src/common/shutdown.ts';
import { Executor, moduleFunction } from '../src/sdk/index.ts';
import { GrowthWatch } from './soak/growth.ts';
import { Ledger } from './soak/ledger.ts';
import { fateOf, type Fate } from './soak/plan.ts';

interface SoakOptions {
  readonly tasks: number;
  readonly seed: number;
  /** Open tasks at most. */
  readonly window: number;
  readonly workers: number;
}

/** How many submits apart memory is looked at; at least so often that every tenth has some. */
const SAMPLES_PER_TENTH = 20;
/** A task that is to be cancelled while it waits or runs is cancelled so many submits later. */
const CANCEL_LAG = 300;

const signal = shutdownSignal();
const options = readOptions();
const directory = await mkdtemp(join(tmpdir(), 'switchyard-soak-'));
try {
  const summary = await soak(options, directory);
  console.log(JSON.stringify(summary));
  process.exitCode = summary.holds ? 0 : 1;
} finally {
  await rm(directory, { recursive: true });
}

function readOptions(): SoakOptions {
  const { values } = parseArgs({
    options: {
      tasks: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
      window: { type: 'string', default: '20000' },
      workers: { type: 'string', default: '2' },
    },
  });
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`--${name} is ${values[name]} and must be an integer, 1 or more`);
  };
  return { tasks: number('tasks'), seed: number('seed'), window: number('window'), workers: number('workers') };
}

async function soak({ tasks, seed, window, workers }: SoakOptions, folder: string) {
  const executor = new Executor({
    engine: { max_workers_per_node: workers, cores_per_worker: 0.01, provider: { type: 'LocalProvider' } },
    directory: folder,
    logLevel: 'warn',
  });
  const ledger = new Ledger(tasks);
  const watch = new GrowthWatch();
  const notes = join(folder, 'notes');
  const module = new URL('./soak/task.js', import.meta.url);
  const run = moduleFunction<[string, number, Fate], Promise<number>>(module, 'soak');
  const late: { cancel: () => Promise<boolean>; at: number }[] = [];
  let seconds = 0;
  try {
    await executor.submit(run, notes, 0, 'ok'); // brings everything up, so that there is something to look at
    const started = performance.now();
    for (let id = 1; id <= tasks && !signal.aborted; id++) {
      const fate = fateOf(seed, id);
      const future = executor.submit(run, notes, id, fate);
      future.then((value) => ledger.onDone(id, fate, value), (error: unknown) => ledger.onFailed(id, fate, error));
      if (fate === 'cancel') void future.cancel();
      else if (fate === 'hang') late.push({ cancel: () => future.cancel(), at: id + CANCEL_LAG });
      if (late[0] !== undefined && late[0].at <= id) void late.shift()?.cancel();
      if (id % Math.ceil(tasks / 10 / SAMPLES_PER_TENTH) === 0) watch.sample((id - 1) / tasks, pidsOf(executor));
      while (id - ledger.settled >= window && !signal.aborted) await nextTurn();
    }
    for (const { cancel } of late) void cancel();
    if (signal.aborted) await executor.close('cancel');
    else await executor.drain();
    seconds = (performance.now() - started) / 1000;
    ledger.close(notes);
  } finally {
    await executor.close('cancel');
  }
  const growth = watch.report();
  const holds = ledger.wrongCount === 0 && ledger.settled === tasks && executor.status().settled === tasks + 1
    && Object.values(growth).every(({ flat }) => flat);
  return {
    holds, tasks, seed, window, workers, seconds: Math.round(seconds), tasksPerSecond: Math.round(tasks / seconds),
    outcomes: ledger.outcomes, wrongCount: ledger.wrongCount, wrong: ledger.wrong, growth,
  };
}

function pidsOf(executor: Executor): Record<string, number> {
  const { interchange, managers } = executor.status();
  const [manager] = managers;
  return {
    client: process.pid,
    ...(interchange === undefined ? {} : { interchange: interchange.pid }),
    ...(manager === undefined ? {} : { manager: manager.pid }),
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
