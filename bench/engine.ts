// The engine as its user has it: an Executor, a real interchange, real managers on this machine, encrypted.

import { Executor, moduleFunction } from '../src/sdk/index.ts';
import type { echo, hold, noop } from './tasks.ts';
import { until } from './measure.ts';
import { PADDING } from './work.ts';

export interface Arrangement {
  readonly workers: number;
  /** Managers of one node each; 1 without. */
  readonly managers?: number;
  /** Managers acknowledge tasks without running them. */
  readonly zeroWorker?: boolean;
}

const JOIN_TIMEOUT_MS = 60_000;

export function engineBlock({ workers, managers = 1, zeroWorker = false }: Arrangement): object {
  return {
    type: 'GlobusComputeEngine',
    max_workers_per_node: workers,
    provider: { type: 'LocalProvider', init_blocks: managers, min_blocks: managers, max_blocks: managers },
    ...(zeroWorker ? { zero_worker: true } : {}),
  };
}

/** Up, with all its managers connected. */
export async function openEngine(arrangement: Arrangement, signal: AbortSignal): Promise<Executor> {
  const executor = new Executor({ engine: engineBlock(arrangement), logLevel: 'silent' });
  try {
    await executor.start();
    const wanted = arrangement.managers ?? 1;
    await until(`${wanted} managers to join`, JOIN_TIMEOUT_MS, signal, () => executor.status().managers.length >= wanted);
    return executor;
  } catch (error) {
    await executor.close('cancel');
    throw error;
  }
}

const TASKS = new URL('./tasks.js', import.meta.url);
export const noopFunction = moduleFunction<typeof noop>(TASKS, 'noop');
export const echoFunction = moduleFunction<typeof echo>(TASKS, 'echo');
export const holdFunction = moduleFunction<typeof hold>(TASKS, 'hold');

/** How many tasks are submitted before other work of the client gets its turn. */
const SUBMITS_PER_TURN = 1000;

export interface Flood {
  readonly tasksPerS: number;
  readonly submitsPerS: number;
}

/**
 * Submits `count` no-ops as fast as one client can, keeps a future for each, and checks the value of every one. The
 * clock runs from the first submit to the last result.
 */
export async function floodNoops(executor: Executor, count: number, signal: AbortSignal): Promise<Flood> {
  const futures = new Array<PromiseLike<number>>(count);
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    futures[index] = executor.submit(noopFunction, index, PADDING);
    if (index % SUBMITS_PER_TURN === 0) await turn(signal);
  }
  const submitted = performance.now();
  for (let index = 0; index < count; index++) {
    if (await futures[index] !== index) throw new Error(`task ${index} came back with another's value`);
  }
  const settled = performance.now();
  return { tasksPerS: count * 1000 / (settled - start), submitsPerS: count * 1000 / (submitted - start) };
}

/** Lets what arrived meanwhile be handled. */
async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setImmediate(resolve));
}
