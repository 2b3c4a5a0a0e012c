// A scaler with a scheduler and an interchange in memory.

import assert from 'node:assert/strict';
import { silentLog } from '../../src/common/log.ts';
import type { ComputeError } from '../../src/common/errors.ts';
import type { BlockId, Load, ManagerId, ManagerSummary } from '../../src/common/protocol.ts';
import type { BlockRecord } from '../../engine/blocks/records.ts';
import { Scaler, type ScalerConfig } from '../../engine/blocks/scaler.ts';
import type { BlockPolicy } from '../../providers/provider.ts';
import { FakeClock, settle } from './clock.ts';
import { FakeNotes } from './notes.ts';
import { FakeProvider } from './provider.ts';

export const id = (n: number | string): BlockId => String(n) as BlockId;

export interface Change extends Partial<ScalerConfig> {
  readonly policy?: Partial<BlockPolicy>;
  readonly workersPerNode?: number;
  readonly prepareFails?: boolean;
  /** Blocks of an earlier process. */
  readonly inherited?: readonly BlockRecord[];
}

/** Block n is job n where every submit succeeds. */
export class Site {
  readonly clock = new FakeClock();
  readonly provider: FakeProvider;
  readonly scaler: Scaler;
  readonly failures: ComputeError[] = [];
  readonly drained: BlockId[] = [];
  readonly notes = new FakeNotes();
  ends: readonly { block: BlockId; endsAtMs: number }[] = [];
  waiting = 0;
  runMs: number | undefined;
  managers: ManagerSummary[] = [];
  readonly #connected = new Set<BlockId>();

  constructor(
    { policy, workersPerNode = 1, prepareFails = false, inherited = [], ...config }: Change = {},
    statusIntervalMs?: number,
  ) {
    this.provider = new FakeProvider(policy, statusIntervalMs);
    this.scaler = new Scaler({
      provider: this.provider, clock: this.clock, log: silentLog, random: () => 0,
      prepare: async (block) => {
        if (prepareFails) throw new Error('no space left');
        return { name: `block-${block}`, command: 'true', folder: `/run/blocks/${block}` };
      },
      load: () => this.load(),
      drain: (blocks) => this.drained.push(...blocks),
      onEnds: (ends) => { this.ends = ends; },
      notes: this.notes,
      inherited,
      onFailed: (error) => {
        this.failures.push(error);
        this.waiting = 0;
      },
      workersPerNode: () => workersPerNode,
      runMs: () => this.runMs,
    }, { strategy: 'simple', max_idletime: 120, strategy_period: 5, block_error_handler: true, ...config });
  }

  load(): Load {
    const held = this.managers.reduce((sum, manager) => sum + manager.held, 0);
    return { waiting: this.waiting, held, managers: this.managers, connectedBlocks: [...this.#connected] };
  }

  async demand(tasks: number): Promise<void> {
    this.waiting = tasks;
    await this.tick(100);
  }

  /** A manager of this block connects, with so many tasks. */
  async connect(block: number, held = 0): Promise<void> {
    const job = `job-${block}`;
    if (this.provider.jobs.get(job)?.state !== 'running') this.provider.set(job, { state: 'running' });
    this.#connected.add(id(block));
    this.managers = [...this.managers.filter((manager) => manager.block !== id(block)), {
      manager: `m${block}` as ManagerId, block: id(block), node: 'n1', pid: 1, slots: 1, held, draining: false,
      ...(held === 0 ? { idleSinceMs: this.clock.now() } : {}),
    }];
    await this.tick(100);
  }

  async die(block: number, exitCode = 1): Promise<void> {
    this.managers = this.managers.filter((manager) => manager.block !== id(block));
    this.provider.set(`job-${block}`, { state: exitCode === 0 ? 'completed' : 'failed', exitCode });
    await this.tick(100);
  }

  /** Time passes after something changed. */
  async tick(ms: number): Promise<void> {
    this.scaler.poke();
    await this.clock.advance(ms);
  }

  /** What whoever waits was told first. */
  told(): string {
    return this.failures[0]?.message ?? '';
  }

  states(): string[] {
    return this.scaler.status().map(({ state }) => state);
  }

  async close(): Promise<void> {
    const closed = new AbortController();
    const closing = this.scaler.close().then(() => closed.abort());
    for (let n = 0; n < 400 && !closed.signal.aborted; n += 1) await this.clock.advance(100);
    await closing;
  }
}

export async function withSite(
  change: Change, use: (site: Site) => Promise<void>, statusIntervalMs?: number,
): Promise<void> {
  const site = new Site(change, statusIntervalMs);
  await site.scaler.start();
  await settle();
  try {
    await use(site);
  } finally {
    Object.assign(site.provider, { cancelFails: false, cancelIsSlow: false, statusFails: false });
    await site.close();
    assert.deepEqual(site.provider.live(), [], 'close leaves no job');
  }
}
