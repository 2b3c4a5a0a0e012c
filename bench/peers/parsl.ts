// The peer: the same no-op work on Parsl's HighThroughputExecutor, on this machine, with as many workers.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { killGroup } from '../../src/common/exec.ts';
import { percentiles, repeat, spread, type Spread } from '../measure.ts';
import type { Effort } from '../effort.ts';
import { ensureEnvironment, type Environment } from './python.ts';

export const PARSL = 'parsl==2026.10.26';

export interface ParslFigures {
  readonly version: string;
  readonly python: string;
  /** With the prefetch that suits this work best: the figure to compare with. */
  readonly tasks_per_s: number;
  readonly best_prefetch: number;
  readonly throughput: readonly { readonly prefetch: number; readonly tasks_per_s: Spread }[];
  readonly tasks: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  /** From the start of a fresh Python process to its first result. */
  readonly cold_start_s: number;
  readonly cold_start: Spread;
}

/** What the script prints, a line each. */
type Line =
  | { readonly progress: string }
  | { readonly first: true }
  | { readonly result: Partial<Measured> & { readonly version: string; readonly python: string } };

type Result = Extract<Line, { result: unknown }>['result'];

interface Measured {
  readonly throughput: readonly { readonly prefetch: number; readonly rates: readonly number[] }[];
  readonly latencies_ms: readonly number[];
}

const MEASURE_TIMEOUT_MS = 900_000;
const COLD_START_TIMEOUT_MS = 120_000;
/** How long it may take to stop its own processes before they are killed. */
const GRACE_MS = 15_000;

export async function measureParsl(python: string | undefined, effort: Effort): Promise<ParslFigures> {
  const environment = await ensureEnvironment(PARSL, python, effort);
  const tasks = effort.quick ? 2000 : 10_000;
  const plan = {
    tasks, repetitions: 3, warm_tasks: tasks / 5,
    ...(effort.quick
      ? { prefetches: [0, 10], latency_warm_up: 100, latency_samples: 300 }
      : { prefetches: [0, 4, 10, 30], latency_warm_up: 300, latency_samples: 1000 }),
  };
  const measured = await runScript(environment, 'measure', plan, effort, MEASURE_TIMEOUT_MS);
  const coldStarts = await repeat(effort.quick ? 1 : 3, effort.signal, async () => {
    effort.progress('Parsl: cold start');
    const start = performance.now();
    const { firstAt } = await runScript(environment, 'first-result', {}, effort, COLD_START_TIMEOUT_MS);
    return (firstAt - start) / 1000;
  });
  return figures(measured.result, tasks, coldStarts);
}

/** When it said that it had a first result on a node that it had asked Slurm for; `keys` are its provider's. */
export async function firstResultOnSlurm(
  environment: Environment, keys: Readonly<Record<string, unknown>>, effort: Effort,
): Promise<number> {
  const { firstAt } = await runScript(environment, 'slurm-first-result', keys, effort, COLD_START_TIMEOUT_MS,
    effort.directory);
  return firstAt;
}

function figures(result: Result, tasks: number, coldStarts: number[]): ParslFigures {
  const throughput = (result.throughput ?? []).map(({ prefetch, rates }) => ({ prefetch, tasks_per_s: spread(rates) }));
  const [best] = throughput.toSorted((a, b) => b.tasks_per_s.median - a.tasks_per_s.median);
  if (best === undefined) throw new ComputeError('COMMAND_FAILED', 'the Parsl script measured no throughput');
  const { p50_ms, p90_ms, p99_ms } = percentiles(result.latencies_ms ?? []);
  const coldStart = spread(coldStarts);
  return {
    version: result.version, python: result.python,
    tasks_per_s: best.tasks_per_s.median, best_prefetch: best.prefetch, throughput, tasks,
    p50_ms, p90_ms, p99_ms,
    cold_start_s: coldStart.median, cold_start: coldStart,
  };
}

/** Python tasks, packed by the field's SDK: what to submit, and what must come back. */
export interface PackedTasks {
  readonly code: string;
  readonly payloads: readonly string[];
  readonly results: readonly string[];
}

export interface PackedRates {
  readonly rates: readonly number[];
  readonly latencies_ms: readonly number[];
  readonly version: string;
}

/** Needs an environment with the SDK. */
export async function packTasks(environment: Environment, count: number, effort: Effort): Promise<PackedTasks> {
  const { result } = await runScript(environment, 'pack', { count }, effort, COLD_START_TIMEOUT_MS);
  return result as unknown as PackedTasks; // what this mode prints
}

/** The same tasks on the peer, deserialised and serialised there by the SDK. */
export async function measurePacked(environment: Environment, plan: object, effort: Effort): Promise<PackedRates> {
  const { result } = await runScript(environment, 'packed', plan, effort, MEASURE_TIMEOUT_MS);
  return result as unknown as PackedRates; // what this mode prints
}

/** Runs the script to its end and leaves nothing of it behind. `firstAt`: when it said that it had a first result. */
async function runScript(
  environment: Environment, mode: string, plan: object, effort: Effort, timeoutMs: number, parent = tmpdir(),
): Promise<{ result: Result; firstAt: number }> {
  const runDir = await mkdtemp(join(parent, 'switchyard-parsl-'));
  const args = ['-c', 'import parsl_htex; parsl_htex.main()', runDir, mode, JSON.stringify(plan)];
  const child = spawn(environment.python, args, {
    cwd: runDir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PYTHONPATH: scriptFolder(),
      PYTHONDONTWRITEBYTECODE: '1',
      PATH: `${join(environment.folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
    },
  });
  const limit = AbortSignal.any([effort.signal, AbortSignal.timeout(timeoutMs)]);
  const stop = (): void => {
    child.kill('SIGTERM');
    setTimeout(() => killLeftovers(child, runDir), GRACE_MS).unref();
  };
  limit.addEventListener('abort', stop, { once: true });
  try {
    const closed = once(child, 'close');
    const complaints = collectTail(child);
    const { result, firstAt } = await readLines(child, effort);
    await closed;
    effort.signal.throwIfAborted();
    if (result !== undefined) return { result, firstAt };
    const why = limit.aborted ? `did not end within ${timeoutMs / 1000} s` : `failed: ${complaints()}`;
    throw new ComputeError('COMMAND_FAILED', `the Parsl script ${why}`);
  } finally {
    limit.removeEventListener('abort', stop);
    killLeftovers(child, runDir);
    await rm(runDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function readLines(child: ChildProcess, effort: Effort): Promise<{
  result: Result | undefined; firstAt: number;
}> {
  let result: Result | undefined;
  let firstAt = Number.NaN;
  if (child.stdout === null) return { result, firstAt };
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.startsWith('{')) continue; // a library's own print
    const line = JSON.parse(text) as Line; // our script prints nothing else
    if ('progress' in line) effort.progress(`Parsl: ${line.progress}`);
    else if ('first' in line) firstAt = performance.now();
    else ({ result } = line);
  }
  return { result, firstAt };
}

/** The last line of standard error: a Python traceback ends with what went wrong. */
function collectTail(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-4000);
  });
  return () => tail.trim().split('\n').at(-1) ?? '';
}

/** Parsl puts its block into a group of its own; its processes are known by our run folder in their arguments. */
function killLeftovers(child: ChildProcess, runDir: string): void {
  if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(runDir)) process.kill(Number(entry), 'SIGKILL');
    } catch {
      // it ended while we looked, which is what was wanted
    }
  }
}

/** Next to this file when it was copied there, otherwise in the source tree that `dist` was built from. */
function scriptFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [here, join(here, '..', '..', '..', 'bench', 'peers')];
  const found = places.find((place) => existsSync(join(place, 'parsl_htex.py')));
  if (found === undefined) throw new ComputeError('START_FAILED', `parsl_htex.py is in none of ${places.join(', ')}`);
  return found;
}
