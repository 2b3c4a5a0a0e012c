// A manager's life: find the interchange, count slots, join, work, leave.

import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import type { Logger } from '../../src/common/log.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import type { ManagerId } from '../../src/common/protocol.ts';
import { coresOfSlots } from './affinity.ts';
import { WorkerCrew } from './crew.ts';
import { ManagerLink } from './link.ts';
import { findNodes } from './mpi.ts';
import { acceleratorsOf, offerOf } from './node-offer.ts';
import { readSources } from './node-sources.ts';
import { WorkerPool } from './pool.ts';
import type { Equipment } from './seats.ts';
import { countSlots } from './slots.ts';
import { ZeroCrew } from './zero.ts';

export interface ManagerDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** The scheduler wants the node back, or a person does. */
  readonly signal: AbortSignal;
  /** What the scheduler says of the job. */
  readonly environment: NodeJS.ProcessEnv;
}

/** From the scheduler's SIGTERM until what still runs is ended and handed back. */
const TERM_GRACE_MS = 3000;

/** Returns the exit status. */
export async function runManager(given: ManagerConfig, folder: string, deps: ManagerDeps): Promise<number> {
  const { log, clock, signal } = deps;
  const offer = offerOf(readSources(deps.environment));
  const config = { ...given, accelerators: acceleratorsOf(given.accelerators, offer.devices) };
  const mpi = config.mpi === null ? null : await findNodes(config.mpi, deps.environment);
  const workers = mpi === null ? countSlots(config, offer) : Math.min(mpi.workers, mpi.nodes.length);
  const equipment: Equipment = {
    mpi, accelerators: config.accelerators,
    cores: mpi === null ? coresOfSlots(config.cpuAffinity, workers, offer.allowed) ?? null : null,
  };
  const address = await findInterchange(config, clock);
  const node = hostname();
  // The one place where they are made.
  const manager = `${config.block}.${node}.${randomBytes(4).toString('hex')}` as ManagerId;
  process.title = `switchyard-manager block ${config.block}`;

  let end: (reason: string) => void = () => { /* replaced at once */ };
  const ended = new Promise<string>((resolve) => { end = resolve; });
  const link = new ManagerLink({
    address, port: config.port, manager, block: config.block, node,
    keys: config.keys, cores: offer.cores, memoryMiB: Math.round(offer.memoryGiB * 1024),
    // The only end that we know of here: the one that was configured.
    endsAtMs: config.drainAfterMs === null ? null : clock.now() + config.drainAfterMs,
    goneMaxMs: config.goneMaxMs,
  }, { log, clock, onEnd: end });
  const onDrained = (): void => {
    link.leave();
    end('drained');
  };
  const crew = config.zeroWorker
    ? new ZeroCrew(mpi?.nodes.length ?? workers, { link, clock, onDrained })
    : new WorkerCrew({ workers, prefetch: config.prefetchCapacity, equipment }, {
      link, clock, log, onDrained, pool: openPool({ config, folder, manager, workers, equipment }),
    });
  link.join(crew);
  log.info({ manager, count: crew.slots, offer }, 'manager started');

  const drainTimer = config.drainAfterMs === null ? undefined : setTimeout(() => crew.onDrain(), config.drainAfterMs);
  const onTerm = (): void => {
    log.info('told to leave');
    crew.onDrain(true);
    setTimeout(() => {
      if (crew instanceof WorkerCrew) crew.handBackRunning();
    }, TERM_GRACE_MS);
  };
  signal.addEventListener('abort', onTerm, { once: true });
  if (signal.aborted) onTerm();

  const reason = await ended;
  clearTimeout(drainTimer);
  log.info({ reason }, 'manager ends');
  if (crew instanceof WorkerCrew) await crew.close();
  await link.close();
  return reason === 'drained' || reason === 'stop' ? 0 : 1;
}

interface PoolPlace {
  readonly config: ManagerConfig;
  readonly folder: string;
  readonly manager: ManagerId;
  readonly workers: number;
  readonly equipment: Equipment;
}

function openPool({ config, folder, manager, workers, equipment: { accelerators, cores } }: PoolPlace): WorkerPool {
  return new WorkerPool({
    slots: workers,
    setup: {
      manager, block: config.block, slots: workers, accelerators, cores, groupsFolder: `${folder}/groups`,
      resultBytesMax: config.resultBytesMax,
      memoryMiB: config.memPerWorkerGiB === null ? null : Math.round(config.memPerWorkerGiB * 1024),
    },
  });
}

/** Between two rounds of tries: nobody may be there yet, if the engine is just being started again. */
const PROBE_AGAIN_MS = 1000;

/** Tries every address, again and again for a while; the first that takes a connection is used. */
async function findInterchange(config: ManagerConfig, clock: Clock): Promise<string> {
  const [only] = config.addresses;
  if (only !== undefined && config.addresses.length === 1) return only;
  for (const endMs = clock.now() + config.goneMaxMs; ;) {
    try {
      return await probe(config);
    } catch (error) {
      if (clock.now() >= endMs) throw error;
      await clock.sleep(PROBE_AGAIN_MS);
    }
  }
}

async function probe({ addresses, port, probeTimeoutMs }: ManagerConfig): Promise<string> {
  const attempts = addresses.map((address) => new Promise<string>((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: probeTimeoutMs });
    const done = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.once('connect', () => done(() => resolve(address)));
    socket.once('timeout', () => done(() => reject(new Error(`${address}: no answer`))));
    socket.once('error', (error) => done(() => reject(error)));
  }));
  try {
    return await Promise.any(attempts);
  } catch (cause) {
    throw new ComputeError('START_FAILED',
      `no address of the interchange answers on port ${port} within ${probeTimeoutMs / 1000} s: `
      + `${addresses.join(', ')}; `
      + 'set `address` in the engine configuration to one that compute nodes can reach', { cause });
  }
}
