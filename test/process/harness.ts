// Engines of real processes for tests, and proof that nothing of them stays behind: every process that a run starts
// inherits a mark in its environment, and after the test no process carries it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Executor, moduleFunction, type ErrorCode, type FunctionReference } from '../../src/sdk/index.ts';
import { isErrorCode } from '../../src/common/errors.ts';
import type * as Tasks from '../fixtures/tasks.ts';

const DEADLINE_MS = 20_000;
const MARK = 'SWITCHYARD_TEST_RUN';
let runs = 0;

type Exports = typeof Tasks;
type Call<F> = F extends (...args: infer A) => infer R ? FunctionReference<A, R> : never;

/** A function of the fixtures, by module and export. */
export function task<K extends keyof Exports>(name: K): Call<Exports[K]> {
  // The module has the export, and this is its type.
  return moduleFunction(new URL('../fixtures/tasks.js', import.meta.url), name) as Call<Exports[K]>;
}

/** Waits for a condition, not for a time. */
export async function until<T>(
  what: string, look: () => Promise<T | undefined | false> | T | undefined | false, withinMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + withinMs;
  do {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await pause(10);
  } while (performance.now() < end);
  throw new Error(`waited ${withinMs / 1000} s in vain for ${what}`);
}

/** Gives others the time to do what they must not do; nothing is expected to happen by its end. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Settles as `promise` does, or fails: a promise that never settles must not hang the test. */
export async function within<T>(ms: number, what: string, promise: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface Settled {
  readonly ok: boolean;
  readonly value: unknown;
  readonly error: Error & { readonly code?: string; readonly details?: Readonly<Record<string, unknown>> };
  readonly atMs: number;
}

/** How a task ended, and when; bounded. */
export async function settled(future: PromiseLike<unknown>, withinMs = DEADLINE_MS): Promise<Settled> {
  const none = new Error('it did not fail');
  return within(withinMs, 'a task', future.then(
    (value) => ({ ok: true, value, error: none, atMs: Date.now() }),
    (error: unknown) => {
      assert.ok(error instanceof Error, 'a task fails with an Error');
      return { ok: false, value: undefined, error, atMs: Date.now() };
    },
  ));
}

/** The failure of something that must fail with this code, in one line that says what to do. */
export async function failure(code: ErrorCode, future: PromiseLike<unknown>): Promise<Settled['error']> {
  const { ok, error } = await settled(future);
  assert.ok(!ok, `expected ${code}`);
  assert.equal(error.code, code, error.stack);
  assert.ok(isErrorCode(error.code));
  return error;
}

export interface Site {
  readonly executor: Executor;
  /** A folder for the test's own files; gone after it. */
  readonly directory: string;
  /** Live processes of this run: pid and command line. */
  readonly processes: () => Process[];
  readonly interchange: () => number;
  /** Pids of the managers that the interchange knows. */
  readonly managers: () => number[];
  readonly connected: (count: number) => Promise<number[]>;
}

export interface Process {
  readonly pid: number;
  readonly command: string;
}

export type EngineKeys = Readonly<Record<string, unknown>>;

/** One block of two workers on this machine, unless `keys` say otherwise. */
export function engineOf(keys: EngineKeys = {}, provider: EngineKeys = {}): EngineKeys {
  return {
    max_workers_per_node: 2, cores_per_worker: 0.1,
    ...keys,
    provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1, ...provider },
  };
}

/** Runs a test on an engine of its own and sees to it that nothing of the engine outlives it. */
export async function withSite(engine: EngineKeys, use: (site: Site) => Promise<void>): Promise<void> {
  await withRun(async (directory, processes) => {
    const executor = new Executor({ engine, directory, logLevel: 'info' });
    const interchange = (): number => executor.status().interchange?.pid ?? 0;
    const managers = (): number[] => executor.status().managers.map(({ pid }) => pid);
    const connected = async (count: number): Promise<number[]> => {
      await executor.start();
      return until(`${count} managers`, () => managers().length >= count && managers());
    };
    try {
      await use({ executor, directory, processes, interchange, managers, connected });
    } catch (error) {
      process.stderr.write(logs(directory));
      throw error;
    } finally {
      await within(20_000, 'closing the executor', executor.close('cancel'));
    }
  });
}

/** A folder and a mark for one test; afterwards no process has the mark and the folder is gone. */
export async function withRun(
  use: (directory: string, processes: () => Process[]) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-'));
  const mark = `${process.pid}-${++runs}`;
  const processes = (): Process[] => marked(mark);
  process.env[MARK] = mark;
  try {
    await use(directory, processes);
    await gone(processes, 2000);
  } finally {
    delete process.env[MARK];
    for (const { pid } of processes()) kill(pid, 'SIGKILL');
    await rm(directory, { recursive: true });
  }
}

/** Every process of the run is gone, in time. */
export async function gone(processes: () => Process[], withinMs: number): Promise<void> {
  try {
    await until('the end of every process', () => processes().length === 0, withinMs);
  } catch {
    const left = processes().map(({ pid, command }) => `${pid} ${command}`);
    assert.deepEqual(left, [], `left behind after ${withinMs / 1000} s`);
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  assert.ok(pid > 1);
  try {
    process.kill(pid, signal);
  } catch { /* gone already */ }
}

export function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && !'ZX'.includes(state);
}

/** Lines that tasks have left in a file. */
export function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : [];
}

/** Live processes that name the directory in their command line or environment: of what keeps its files there, all. */
export function processesOf(directory: string): Process[] {
  return processesWhere((environment, command) => environment.includes(directory) || command.includes(directory));
}

function marked(mark: string): Process[] {
  return processesWhere((environment) => environment.split('\0').includes(`${MARK}=${mark}`));
}

function processesWhere(is: (environment: string, command: string) => boolean): Process[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((name) => {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
      if (!is(readFileSync(`/proc/${name}/environ`, 'latin1'), command) || !isRunning(Number(name))) return [];
      return [{ pid: Number(name), command: command.replaceAll('\0', ' ') }];
    } catch {
      return []; // it ended, or belongs to somebody else
    }
  });
}

function stateOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
  } catch {
    return undefined; // no such process
  }
}

/** The tails of the run's logs, for whoever reads of a failed test. */
function logs(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(log|err)$/.test(name))
    .map((name) => `--- ${name}\n${linesOf(join(directory, name)).slice(-15).join('\n')}\n`).join('');
}
