// Many users who ask at the same moment, each for a user endpoint of his own, and what they cost when they have nothing
// to do.

import { setTimeout as sleep } from 'node:timers/promises';
import { Executor, type EndpointExecutorOptions } from '../../src/sdk/index.ts';
import type { Effort } from '../effort.ts';
import type { BenchUser, ServicePlace } from '../endpoint/place.ts';
import { cpuSeconds, pssMib, rssMib } from '../process-usage.ts';
import type { LocalAccount } from './accounts.ts';
import { childrenOf, processesOf } from '../processes.ts';
import { multiUserSite } from './site.ts';

export interface CrowdSetting {
  readonly place: ServicePlace;
  readonly accounts: readonly LocalAccount[];
  readonly programs: string;
}

export interface Crowd {
  readonly users: number;
  /** Who got no result. */
  readonly lost: number;
  /** From the moment in which all submit. */
  readonly last_result_s: number;
  /** Of the process that is root, with all the user endpoints under it. */
  readonly supervisor_rss_mib: number;
  readonly supervisor_pss_mib: number;
  readonly supervisor_cpu_percent: number;
  /** An idle user endpoint, of all its processes; its share of what they share. */
  readonly user_endpoint_mib: number;
}

/** A block comes for a task, and goes soon after it. */
const TEMPLATE = `
idle_heartbeats_soft: 0
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 1
  address: 127.0.0.1
  job_status_kwargs:
    max_idletime: 10
  provider:
    type: LocalProvider
    init_blocks: 0
    min_blocks: 0
    max_blocks: 1
`;
/** Of a user endpoint that has no block: itself and its interchange. */
const PROCESSES_AT_REST = 2;
const REST_MS = 120_000;
/** For some seconds after its last work, V8 tidies up; after that a process is idle. */
const TIDY_MS = 15_000;
const IDLE_MS = 60_000;
const LOOK_MS = 200;

export async function crowd({ place, accounts, programs }: CrowdSetting, effort: Effort): Promise<Crowd> {
  const { directory, quick, signal, progress } = effort;
  progress(`${accounts.length} users: signing up`);
  const people: BenchUser[] = [];
  const users = new Map<string, LocalAccount>();
  for (const account of accounts) {
    const username = `${account.name}@example.org`;
    people.push(await place.newUser(username));
    users.set(username, account);
  }
  await using site = await multiUserSite({ name: 'crowd', place, directory, template: TEMPLATE, users, programs });
  progress(`${accounts.length} users: all submit`);
  const start = performance.now();
  const results = await Promise.allSettled(people.map(({ token }, index) => firstOf(index, {
    endpointId: site.endpoint, serviceUrl: place.url, token, userEndpointConfig: { NUMBER: index },
  })));
  const lastS = (performance.now() - start) / 1000;
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  for (const failure of new Set(failures)) progress(`a user has no result: ${failure}`);
  progress(`${accounts.length} users: until their blocks are gone`);
  await atRest(accounts, effort);
  await sleep(quick ? TIDY_MS / 5 : TIDY_MS, undefined, { signal });
  progress(`${accounts.length} users: idle`);
  const idle = await idleFigures(site.supervisor, quick ? IDLE_MS / 6 : IDLE_MS, signal);
  if (childrenOf(site.supervisor).length < accounts.length - failures.length) {
    throw new Error('user endpoints ended while nobody asked them to');
  }
  const all = accounts.flatMap(({ uid }) => processesOf(uid));
  const mib = all.reduce((sum, pid) => sum + pssMib(pid), 0) / accounts.length;
  return { users: accounts.length, lost: failures.length, last_result_s: lastS, ...idle, user_endpoint_mib: mib };
}

async function firstOf(number: number, options: EndpointExecutorOptions): Promise<void> {
  await using executor = new Executor(options);
  if (await executor.submit((x: number) => x + 1, number) !== number + 1) throw new Error("another's result came");
}

async function atRest(accounts: readonly LocalAccount[], { signal }: Effort): Promise<void> {
  const end = performance.now() + REST_MS;
  const isBusy = ({ uid }: LocalAccount): boolean => processesOf(uid).length > PROCESSES_AT_REST;
  while (accounts.some(isBusy)) {
    if (performance.now() > end) throw new Error('blocks of user endpoints do not end');
    await sleep(LOOK_MS, undefined, { signal });
  }
}

async function idleFigures(
  pid: number, idleMs: number, signal: AbortSignal,
): Promise<Pick<Crowd, 'supervisor_rss_mib' | 'supervisor_pss_mib' | 'supervisor_cpu_percent'>> {
  // Before the idle time: a kernel that takes pages back from processes at rest would make them look smaller.
  const memory = { supervisor_rss_mib: rssMib(pid), supervisor_pss_mib: pssMib(pid) };
  const before = cpuSeconds(pid);
  const start = performance.now();
  await sleep(idleMs, undefined, { signal });
  const seconds = (performance.now() - start) / 1000;
  return { ...memory, supervisor_cpu_percent: 100 * (cpuSeconds(pid) - before) / seconds };
}
