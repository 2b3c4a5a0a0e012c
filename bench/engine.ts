// The engine as its user has it: an Executor, a real interchange, real managers on this machine, encrypted.

import { Executor, moduleFunction } from '../src/sdk/index.ts';
import type { Effort } from './effort.ts';
import { until } from './measure.ts';
import { PADDING } from './work.ts';

export interface Arrangement {
  readonly workers: number;
  /** Managers of one node each; 1 without. */
  readonly managers?: number;
  /** Managers acknowledge tasks without running them. */
  readonly zeroWorker?: boolean;
}

type EngineEffort = Pick<Effort, 'directory' | 'signal'>;

const JOIN_TIMEOUT_MS = 120_000;

export function engineBlock({ workers, managers = 1, zeroWorker = false }: Arrangement): object {
  return {
    type: 'GlobusComputeEngine',
    max_workers_per_node: workers,
    // As many workers as were asked for, however few cores this machine has.
    cores_per_worker: 0.01,
    provider: { type: 'LocalProvider', init_blocks: managers, min_blocks: managers, max_blocks: managers },
    ...(zeroWorker ? { zero_worker: true } : {}),
  };
}

/** An engine that is up, with all its managers connected. What is still open at its end is given up. */
export interface RunningEngine extends AsyncDisposable {
  readonly executor: Executor;
  /** From its start until the last manager had joined. */
  readonly joinS: number;
}

export async function openEngine(arrangement: Arrangement, effort: EngineEffort): Promise<RunningEngine> {
  return openWith(engineBlock(arrangement), arrangement.managers ?? 1, effort);
}

/** An abort closes it at once, so that whoever awaits a task of it goes on. */
export async function openWith(
  engine: object, managers: number, { directory, signal }: EngineEffort,
): Promise<RunningEngine> {
  signal.throwIfAborted();
  const start = performance.now();
  const executor = new Executor({ engine, directory, logLevel: 'silent' });
  const giveUp = (): Promise<void> => executor.close('cancel');
  signal.addEventListener('abort', () => void giveUp(), { once: true });
  try {
    await executor.start();
    await until(`${managers} managers to join`, JOIN_TIMEOUT_MS, signal,
      () => executor.status().managers.length >= managers);
    return { executor, joinS: (performance.now() - start) / 1000, [Symbol.asyncDispose]: giveUp };
  } catch (error) {
    await giveUp();
    throw error;
  }
}

const TASKS = new URL('./tasks.js', import.meta.url);
export const noopFunction = moduleFunction<[index: number, padding: string], number>(TASKS, 'noop');
export const echoFunction = moduleFunction<[payload: Uint8Array], Uint8Array>(TASKS, 'echo');
export const holdFunction = moduleFunction<[ms: number], number>(TASKS, 'hold');

export function interchangePid(executor: Executor): number {
  const { interchange } = executor.status();
  if (interchange === undefined) throw new Error('the engine has no interchange');
  return interchange.pid;
}

/** How many tasks are submitted before other work of the client gets its turn. */
const SUBMITS_PER_TURN = 1000;

export interface Flood {
  readonly tasksPerS: number;
  readonly submitsPerS: number;
}

/** `index`: the task's value is checked against its index. `nothing`: a manager that runs nothing returns nothing. */
type Expected = 'index' | 'nothing';

/**
 * Submits `count` no-ops as fast as one client can, keeps a future for each, and checks the value of every one. The
 * clock runs from the first submit to the last result.
 */
export async function floodNoops(
  executor: Executor, count: number, signal: AbortSignal, expected: Expected = 'index',
): Promise<Flood> {
  const futures: PromiseLike<number>[] = [];
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    futures.push(executor.submit(noopFunction, index, PADDING));
    if (index % SUBMITS_PER_TURN === 0) await turn(signal);
  }
  const submitted = performance.now();
  for (let index = 0; index < count; index++) {
    const value = await futures[index];
    if (value !== (expected === 'index' ? index : undefined)) throw new Error(`task ${index} came back with ${value}`);
  }
  const settled = performance.now();
  return { tasksPerS: count * 1000 / (settled - start), submitsPerS: count * 1000 / (submitted - start) };
}

/** Lets what arrived meanwhile be handled. */
async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setImmediate(resolve));
}
