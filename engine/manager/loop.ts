// A manager's life: find the interchange, count slots, join, work, leave.

import { availableParallelism, freemem, hostname, totalmem } from 'node:os';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import type { Logger } from '../../src/common/log.ts';
import type { ManagerConfig, ManagerId } from '../../src/common/protocol.ts';
import { allowSockets } from '../socket.ts';
import { WorkerCrew } from './crew.ts';
import { ManagerLink, type Crew } from './link.ts';
import { WorkerPool } from './pool.ts';
import { countSlots } from './slots.ts';
import { ZeroCrew } from './zero.ts';

export interface ManagerDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** The scheduler wants the node back, or a person does. */
  readonly signal: AbortSignal;
}

/** From the scheduler's SIGTERM until what still runs is ended and handed back. */
const TERM_GRACE_MS = 3000;
/** A connection, and the pair that watches it. */
const SOCKETS_EACH = 4;
const GIB = 1024 ** 3;

/** Returns the exit status. */
export async function runManager(config: ManagerConfig, folder: string, deps: ManagerDeps): Promise<number> {
  const { log, signal } = deps;
  const slots = countSlots(config, { cores: availableParallelism(), memoryGiB: freemem() / GIB });
  const address = await findInterchange(config);
  process.title = `switchyard-manager block ${config.block}`;

  const simulated = config.zeroWorker ? config.simulatedManagers : 1;
  if (simulated > 1) allowSockets(simulated * SOCKETS_EACH);
  const place: Place = { config, folder, slots, address };
  const lives = Array.from({ length: simulated }, () => live(place, deps));
  log.info({ count: slots }, 'manager started');

  const onTerm = (): void => {
    log.info('told to leave');
    for (const { crew } of lives) crew.onDrain();
    setTimeout(() => {
      for (const { crew } of lives) if (crew instanceof WorkerCrew) crew.handBackRunning();
    }, TERM_GRACE_MS);
  };
  signal.addEventListener('abort', onTerm, { once: true });
  if (signal.aborted) onTerm();
  const reasons = await Promise.all(lives.map(({ ended }) => ended));
  return reasons.every((reason) => reason === 'drained' || reason === 'stop') ? 0 : 1;
}

interface Place {
  readonly config: ManagerConfig;
  readonly folder: string;
  readonly slots: number;
  readonly address: string;
}

/** One manager, from its first word to the interchange to its last. */
function live(place: Place, deps: ManagerDeps): { readonly crew: Crew; readonly ended: Promise<string> } {
  const { config, folder, slots, address } = place;
  const { log, clock } = deps;
  const node = hostname();
  const manager = `${config.block}.${node}.${randomBytes(4).toString('hex')}` as ManagerId; // made here, used everywhere
  let end: (reason: string) => void = () => { /* replaced at once */ };
  const told = new Promise<string>((resolve) => { end = resolve; });
  const link = new ManagerLink({
    address, port: config.port, manager, block: config.block, node,
    keys: config.keys, cores: availableParallelism(), memoryMiB: Math.round(totalmem() / 1024 ** 2), endsAtMs: null,
  }, { log, clock, onEnd: end });
  const onDrained = (): void => {
    link.leave();
    end('drained');
  };
  const crew = config.zeroWorker
    ? new ZeroCrew(slots, { link, clock, onDrained })
    : new WorkerCrew(
      { slots, prefetch: config.prefetchCapacity, resultBytesMax: config.resultBytesMax },
      { link, clock, log, onDrained, pool: startPool(config, folder, manager, slots) },
    );
  link.join(crew);
  const drainTimer = config.drainAfterMs === null ? undefined : setTimeout(() => crew.onDrain(), config.drainAfterMs);
  const ended = told.then(async (reason) => {
    clearTimeout(drainTimer);
    log.info({ manager, reason }, 'manager ends');
    if (crew instanceof WorkerCrew) await crew.close();
    await link.close();
    return reason;
  });
  return { crew, ended };
}

function startPool(config: ManagerConfig, folder: string, manager: ManagerId, slots: number): WorkerPool {
  return new WorkerPool({
    slots,
    setup: {
      manager, block: config.block, slots, accelerators: config.accelerators, groupsFolder: `${folder}/groups`,
    },
    memoryMiB: config.memPerWorkerGiB === null ? null : Math.round(config.memPerWorkerGiB * 1024),
  });
}

/** Tries every address at once; the first that takes a connection is used. */
async function findInterchange(config: ManagerConfig): Promise<string> {
  const { addresses, port, probeTimeoutMs } = config;
  const [only] = addresses;
  if (only !== undefined && addresses.length === 1) return only;
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
      `no address of the interchange answers on port ${port} within ${probeTimeoutMs / 1000} s: ${addresses.join(', ')}; `
      + 'set `address` in the engine configuration to one that compute nodes can reach', { cause });
  }
}
