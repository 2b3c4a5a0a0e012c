// The blocks of one run: the provider that the configuration names, the scaler over it, and the files that start
// managers.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../src/common/clock.ts';
import type { ComputeError } from '../src/common/errors.ts';
import type { Logger } from '../src/common/log.ts';
import type { ManagerConfig } from '../src/common/process-config.ts';
import type { BlockId, Load } from '../src/common/protocol.ts';
import { buildProvider } from '../providers/index.ts';
import type { Host, Premises } from '../providers/host/host.ts';
import type { JobSpec } from '../providers/provider.ts';
import { openBlocks } from './blocks/records.ts';
import { Scaler, type ScalerDeps } from './blocks/scaler.ts';
import {
  completeBlock, forgetBlock, isComplete, openBlock, premisesHere, type BlockPlace,
} from './blocks/start.ts';
import type { BlockStatus } from './blocks/table.ts';
import { addressesOf } from './addresses.ts';
import type { EngineConfig } from './config.ts';
import { contained } from './containers.ts';
import { folderOfBlock, type Run } from './run.ts';

export type { BlockStatus };

export interface AllocationDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly load: () => Load;
  readonly drain: (blocks: readonly BlockId[]) => void;
  readonly onEnds: ScalerDeps['onEnds'];
  readonly runMs: () => number | undefined;
  readonly onFailed: (error: ComputeError) => void;
  /** The interchange's port for managers, once it listens: blocks are asked for meanwhile. */
  readonly managerPort: Promise<number>;
}

export class Allocation {
  readonly #config: EngineConfig;
  readonly #run: Run;
  readonly #deps: AllocationDeps;
  readonly #scaler: Scaler;
  readonly #folders: string[];
  readonly #host: Host;
  #premises: Premises;
  #managerPort: number | undefined;
  /** Files of blocks that are completed when the port is known. */
  readonly #completing: Promise<void>[] = [];

  constructor(config: EngineConfig, run: Run, deps: AllocationDeps) {
    this.#config = config;
    this.#run = run;
    this.#deps = deps;
    const { clock, log, load, drain, onEnds, onFailed, runMs } = deps;
    this.#folders = openBlocks(run.inherited).map(({ folder }) => folder);
    this.#premises = premisesHere(run.folder);
    const provider = buildProvider(config.provider, { directory: run.folder, clock });
    this.#host = provider.host;
    deps.managerPort.then((port) => { this.#managerPort = port; }, () => { /* said to whoever started it */ });
    this.#scaler = new Scaler({
      provider, clock, log, load, drain, onEnds, onFailed, runMs,
      notes: run.file,
      inherited: run.inherited,
      random: Math.random,
      prepare: (block) => this.#prepare(block),
      workersPerNode: () => this.#workersPerNode(),
    }, config);
  }

  /** Submits the first blocks. Throws where managers could not run on the scheduler's side, before one waits there. */
  async start(): Promise<void> {
    this.#premises = await this.#host.premises(this.#premises);
    // Whoever asked for them may have been killed before it could tell them.
    for (const { block, folder } of openBlocks(this.#run.inherited)) {
      const place = { host: this.#host, premises: this.#premises, folder };
      this.#completing.push(isComplete(place).then((told) => (told ? undefined : this.#complete(block, place))));
    }
    await this.#scaler.start();
  }

  poke(): void {
    this.#scaler.poke();
  }

  status(): BlockStatus[] {
    return this.#scaler.status();
  }

  async close(): Promise<void> {
    await this.#scaler.close();
    await Promise.all(this.#completing); // a file that is written later would stay, with its keys
    await Promise.all(this.#folders.map((folder) => forgetBlock(this.#host, folder)
      .catch((err: unknown) => this.#deps.log.warn({ err, folder }, 'keys of a block not removed'))));
    await this.#host.close();
  }

  async #prepare(block: BlockId): Promise<JobSpec> {
    const place = {
      host: this.#host, premises: this.#premises, folder: folderOfBlock(this.#premises.folder, block),
    };
    this.#folders.push(place.folder);
    const port = this.#managerPort;
    const started = await openBlock(place, port === undefined ? undefined : this.#managerConfig(block, port));
    const { container, working_dir: working } = this.#config;
    const command = contained(container, started, this.#premises, working ?? this.#premises.workingDirectory);
    if (port === undefined) this.#completing.push(this.#complete(block, place));
    return { name: jobNameOf(this.#config.label, block), command, folder: place.folder };
  }

  async #complete(block: BlockId, place: BlockPlace): Promise<void> {
    try {
      await completeBlock(place, this.#managerConfig(block, await this.#deps.managerPort));
    } catch (err) {
      this.#deps.log.warn({ err, block }, 'managers of a block not told where the interchange is');
    }
  }

  #managerConfig(block: BlockId, port: number): ManagerConfig {
    const config = this.#config;
    const { keys, logLevel } = this.#run;
    const { folder, workingDirectory } = this.#premises;
    return {
      block,
      addresses: addressesOf(config),
      port,
      keys: keys === null ? null : { serverPublicKey: keys.server.publicKey, own: keys.manager },
      maxWorkersPerNode: config.max_workers_per_node,
      coresPerWorker: config.cores_per_worker,
      memPerWorkerGiB: config.mem_per_worker,
      prefetchCapacity: config.prefetch_capacity,
      accelerators: config.available_accelerators,
      cpuAffinity: config.cpu_affinity,
      mpi: config.mpi === null ? null : {
        launcher: config.mpi.mpi_launcher, workers: config.mpi.max_workers_per_block,
        localNodes: config.provider.nodes_per_block,
      },
      heartbeatPeriodMs: config.heartbeat_period * 1000,
      heartbeatThresholdMs: config.heartbeat_threshold * 1000,
      drainAfterMs: config.drain_period === null ? null : config.drain_period * 1000,
      probeTimeoutMs: (config.address_probe_timeout ?? PROBE_TIMEOUT_S) * 1000,
      goneMaxMs: (this.#run.outlives ? config.restart_timeout : GONE_S) * 1000,
      resultBytesMax: config.result_bytes_max,
      zeroWorker: config.zero_worker,
      workingDirectory: config.working_dir ?? workingDirectory,
      logDirectory: config.worker_logdir_root ?? join(folder, 'blocks', block),
      logLevel,
    };
  }

  /** As managers report it; before one has, as the configuration lets us guess. */
  #workersPerNode(): number {
    if (this.#config.mpi !== null) return 1; // a slot is a node
    const seen = Math.max(0, ...this.#deps.load().managers.map((manager) => manager.slots));
    if (seen > 0) return seen;
    const { max_workers_per_node: cap, cores_per_worker: cores, provider } = this.#config;
    const here = provider.type === 'LocalProvider' ? Math.max(1, Math.floor(availableParallelism() / cores)) : 1;
    return Math.min(cap ?? Infinity, cap !== null && provider.type !== 'LocalProvider' ? cap : here);
  }
}

/** Unique in the run. */
export function jobNameOf(label: string, block: BlockId): string {
  return `switchyard.${label}.block-${block}`;
}

const PROBE_TIMEOUT_S = 30;
/** An interchange that was lost is replaced within moments, or not at all. */
const GONE_S = 10;
