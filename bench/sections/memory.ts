import { setTimeout as sleep } from 'node:timers/promises';
import { holdFunction, interchangePid, noopFunction, openEngine } from '../engine.ts';
import { FreshClient } from '../fresh-client.ts';
import { until } from '../measure.ts';
import { cpuSeconds, pssMib, threadCount } from '../process-usage.ts';
import type { BenchReport, Memory } from '../results.ts';
import type { Effort } from '../effort.ts';
import type { Executor } from '../../src/sdk/index.ts';
import { PADDING } from '../work.ts';

const WORKERS = 64;
/** Long enough that 64 of them overlap: each must find a worker of its own. */
const HOLD_MS = 2000;
const PENDING = 1_000_000;
const SETTLE_MS = 3000;
const TIDY_MS = 15_000;
/** Longer than it takes to submit everything that waits behind it. */
const BLOCK_MS = 600_000;

/** What an idle node, an idle login node and a deep queue cost. */
export async function memory(effort: Effort): Promise<Partial<BenchReport>> {
  const node = await idleNode(effort);
  const engine = await idleEngine(effort);
  const queue = await deepQueue(effort);
  return { memory: { ...node, ...engine, ...queue } };
}

type NodeFigures = Pick<Memory, 'idle_64_workers_mib' | 'per_worker_mib' | 'threads'>;
type EngineFigures = Pick<Memory, 'idle_engine_mib' | 'idle_client_mib' | 'idle_interchange_mib' | 'idle_cpu_ms_per_s'>;
type QueueFigures = Pick<Memory, 'pending_1m_mib' | 'pending_tasks' | 'pending_by_process_mib'>;

async function idleNode(effort: Effort): Promise<NodeFigures> {
  const { signal, progress } = effort;
  progress(`${WORKERS} idle workers`);
  await using engine = await openEngine({ workers: WORKERS }, effort);
  const { executor } = engine;
  const pid = managerPid(executor);
  // One task per worker, all at the same time: no thread can stay unstarted.
  const futures = Array.from({ length: WORKERS }, () => executor.submit(holdFunction, HOLD_MS));
  await Promise.all(futures);
  const used = new Set(futures.map((future) => future.ranOn?.worker)).size;
  if (used < WORKERS) throw new Error(`only ${used} of ${WORKERS} workers ran a task`);
  await sleep(SETTLE_MS, undefined, { signal });
  const mib = pssMib(pid);
  return { idle_64_workers_mib: mib, per_worker_mib: mib / WORKERS, threads: threadCount(pid) };
}

async function idleEngine(effort: Effort): Promise<EngineFigures> {
  const { quick, signal, progress } = effort;
  const seconds = quick ? 5 : 20;
  await using client = await FreshClient.start(effort);
  const { interchangePid: pid } = client.first;
  // For some seconds after its last work, V8 tidies up; after that an engine is idle.
  await sleep(quick ? SETTLE_MS : TIDY_MS, undefined, { signal });
  progress(`idle engine for ${seconds} s`);
  // Before the idle time: a kernel that takes pages back from processes at rest would make it look smaller.
  const clientMib = pssMib(client.pid);
  const interchangeMib = pssMib(pid);
  const spent = (): number => cpuSeconds(client.pid) + cpuSeconds(pid);
  const before = spent();
  const start = performance.now();
  await sleep(seconds * 1000, undefined, { signal });
  const cpuMs = (spent() - before) * 1000;
  return {
    idle_engine_mib: clientMib + interchangeMib,
    idle_client_mib: clientMib,
    idle_interchange_mib: interchangeMib,
    idle_cpu_ms_per_s: cpuMs / ((performance.now() - start) / 1000),
  };
}

async function deepQueue(effort: Effort): Promise<QueueFigures> {
  const { signal, progress } = effort;
  progress(`${PENDING} tasks waiting`);
  await using engine = await openEngine({ workers: 2 }, effort);
  const { executor } = engine;
  const futures: PromiseLike<number>[] = [];
  for (let worker = 0; worker < 2; worker++) futures.push(executor.submit(holdFunction, BLOCK_MS));
  for (let index = 0; index < PENDING; index++) {
    futures.push(executor.submit(noopFunction, index, PADDING));
    if (index % 1000 === 0) await sleep(0, undefined, { signal });
  }
  await until('the tasks to arrive', 60_000, signal, () => {
    const { waiting, held } = executor.status();
    return waiting + held >= PENDING;
  });
  await sleep(SETTLE_MS, undefined, { signal });
  const byProcess = {
    client: pssMib(process.pid),
    interchange: pssMib(interchangePid(executor)),
    manager: pssMib(managerPid(executor)),
  };
  return {
    pending_1m_mib: Math.max(...Object.values(byProcess)), pending_tasks: PENDING, pending_by_process_mib: byProcess,
  };
}

function managerPid(executor: Executor): number {
  const [manager] = executor.status().managers;
  if (manager === undefined) throw new Error('no manager is connected');
  return manager.pid;
}
