// The engine's own scaler, as it is, over the simulated site.

import { silentLog } from '../../src/common/log.ts';
import type { BlockId, Load, ManagerId } from '../../src/common/protocol.ts';
import { Scaler } from '../../engine/blocks/scaler.ts';
import { localHost } from '../../providers/host/local.ts';
import type { Job, JobSpec, JobStatus, Provider } from '../../providers/provider.ts';
import { SimSite, type SimJob } from './site.ts';
import { CLUSTER, numbers, SLOTS_PER_BLOCK, type Phase } from './trace.ts';
import { VirtualClock } from './virtual-time.ts';

export interface Settings {
  readonly strategy: 'simple' | 'htex_auto_scale';
  /** Seconds. */
  readonly maxIdletime: number;
}

export interface Spent {
  readonly nodeHours: number;
  readonly jobs: number;
  /** When each phase was done, in ms from the beginning. */
  readonly doneAtMs: readonly number[];
}

/** A site's scheduler is asked once a minute. */
const STATUS_INTERVAL_MS = 60_000;
const LOAD_EVERY_MS = 250;

export async function runOurs(phases: readonly Phase[], { strategy, maxIdletime }: Settings): Promise<Spent> {
  const clock = new VirtualClock();
  // The interchange reports its load so often at most.
  let reported = false;
  const site = new SimSite(phases, clock, evenly, () => {
    if (reported) return;
    reported = true;
    clock.after(LOAD_EVERY_MS, () => {
      reported = false;
      scaler.poke();
    });
  });
  const scaler: Scaler = new Scaler({
    provider: providerOf(site, clock), clock, log: silentLog, random: numbers(1), inherited: [],
    prepare: async (block) => ({ name: block, command: '', folder: '' }),
    notes: { intended: nothing, submitted: nothing, serving: () => undefined, ended: () => undefined },
    load: () => loadOf(site),
    drain: (blocks) => { for (const block of blocks) drain(site, block); },
    onEnds: () => undefined,
    onFailed: (error) => { throw error; },
    workersPerNode: () => CLUSTER.workersPerNode,
    runMs: () => site.runMs,
  }, { strategy, max_idletime: maxIdletime, strategy_period: 5, block_error_handler: true });
  await scaler.start();
  await clock.runUntil(() => site.done);
  const spent = { nodeHours: site.nodeHours, jobs: site.jobs.length, doneAtMs: site.doneAtMs };
  for (const job of site.live) site.cancel(job);
  const closing = new AbortController();
  void scaler.close().then(() => closing.abort());
  await clock.runUntil(() => closing.signal.aborted);
  return spent;
}

/** As the interchange does it: the block with the most free slots. */
function evenly(free: readonly SimJob[]): SimJob | undefined {
  return free.reduce<SimJob | undefined>((best, job) => (best === undefined || job.held < best.held ? job : best),
    undefined);
}

async function nothing(): Promise<void> { /* nobody will take this run over */ }

function drain(site: SimSite, block: BlockId): void {
  const job = site.jobs[Number(block)];
  if (job?.state !== 'ended' && job?.connected) site.drain(job);
}

function loadOf(site: SimSite): Load {
  const connected = site.jobs.filter((job) => job.connected);
  const managers = connected.filter(({ state }) => state === 'running').map((job) => ({
    manager: `m${job.number}` as ManagerId, block: idOf(job), node: 'n', pid: 1, slots: SLOTS_PER_BLOCK,
    held: job.held, draining: job.draining, ...(job.idleSinceMs === undefined ? {} : { idleSinceMs: job.idleSinceMs }),
  }));
  const held = managers.reduce((sum, manager) => sum + manager.held, 0);
  return { waiting: site.open - held, held, managers, connectedBlocks: connected.map(idOf) };
}

/** Every submission succeeds, so jobs and blocks have the same numbers. */
function idOf({ number }: SimJob): BlockId {
  return String(number) as BlockId;
}

function providerOf(site: SimSite, clock: VirtualClock): Provider {
  const find = (id: string): SimJob | undefined => site.jobs[Number(id)];
  const statusOf = (job: SimJob): JobStatus => ({ state: job.state === 'ended' ? 'completed' : job.state });
  return {
    type: 'SimulatedProvider',
    policy: {
      init_blocks: 0, min_blocks: 0, max_blocks: CLUSTER.blocksMax, nodes_per_block: CLUSTER.nodesPerBlock,
      parallelism: 1,
    },
    launcher: { type: 'none', wrap: (command) => command },
    host: localHost,
    statusIntervalMs: STATUS_INTERVAL_MS,
    submit: async ({ name }: JobSpec): Promise<Job> =>
      ({ id: String(site.submit().number), name, submittedAtMs: clock.now(), stdoutPath: '', stderrPath: '' }),
    status: async (ids) => new Map(ids.flatMap((id) => {
      const job = find(id);
      return job === undefined ? [] : [[id, statusOf(job)] as const];
    })),
    cancel: async (ids) => {
      for (const id of ids) {
        const job = find(id);
        if (job !== undefined) site.cancel(job);
      }
    },
    stderrTail: async () => '',
  };
}
