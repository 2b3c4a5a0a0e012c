// The loop between the tasks and the scheduler: look (what the interchange and the provider say), judge (do blocks
// only fail?), decide (strategy.ts), act (submit, drain, cancel). One step at a time, so that what one step has ordered
// is in the table when the next one decides. It runs every strategy_period, and at once when something changed.

import { unreachable, type ComputeError } from '../../src/common/errors.ts';
import type { BlockId, Load } from '../../src/common/protocol.ts';
import { blocksFailed, failedRow, noBlockLeft } from './failures.ts';
import { Jobs, type JobsDeps } from './jobs.ts';
import { nextBlock, openBlocks, type BlockRecord } from './records.ts';
import { decide, desiredBlocks, servingBlocks, type Policy, type StrategyName, type View } from './strategy.ts';
import { BlockTable, present, type BlockStatus } from './table.ts';

export interface ScalerDeps extends JobsDeps {
  /** The latest load the interchange reported. */
  readonly load: () => Load;
  /** Asks the interchange to drain these blocks' managers. */
  readonly drain: (blocks: readonly BlockId[]) => void;
  /** When the scheduler will end blocks, with each of its answers. */
  readonly onEnds: (ends: readonly { readonly block: BlockId; readonly endsAtMs: number }[]) => void;
  /** Blocks of an earlier process of this run. */
  readonly inherited: readonly BlockRecord[];
  /** No block will come: ends the waiting tasks. Called once per failure episode. */
  readonly onFailed: (error: ComputeError) => void;
  /** As observed from registered managers, else the configured guess. */
  readonly workersPerNode: () => number;
  /** How long a task ran lately; undefined before the first has. */
  readonly runMs: () => number | undefined;
}

/** Of the engine's configuration, in its words; times in seconds. */
export interface ScalerConfig {
  readonly strategy: StrategyName;
  /** How long a block has nothing to do before it is given back. */
  readonly max_idletime: number;
  readonly strategy_period: number;
  /** false: failing blocks end no task; they are only asked for more and more slowly. */
  readonly block_error_handler: boolean;
}

/** Changes that come faster than this are looked at together. */
const STEP_GAP_MS = 20;
/** A block whose managers are gone for so long is given back, should its job not end by itself. */
const FORSAKEN_MS = 60_000;
/** How long tasks may still be counted that a verdict has ended. */
const REPEAT_MS = 5_000;

export class Scaler {
  readonly #deps: ScalerDeps;
  readonly #config: ScalerConfig;
  readonly #policy: Policy;
  readonly #table: BlockTable;
  readonly #jobs: Jobs;
  readonly #closing = new AbortController();
  #wake = new AbortController();
  #poked = false;
  #emptySinceMs: number | undefined;
  #surplusSinceMs: number | undefined;
  #pressedSinceMs: number | undefined;
  /** Set from `onFailed` until the next block is asked for: that waits for new tasks. */
  #gaveUp = false;
  /** The newest failure that a verdict was given on. */
  #judged: BlockId | undefined;
  #gaveUpAtMs = -Infinity;
  /** Submitting the first blocks, and the loop after it. */
  #work: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(deps: ScalerDeps, config: ScalerConfig) {
    const { policy } = deps.provider;
    this.#deps = deps;
    this.#config = config;
    this.#policy = { ...policy, strategy: config.strategy, idleMsMax: config.max_idletime * 1000 };
    this.#table = new BlockTable(policy.init_blocks, nextBlock(deps.inherited));
    this.#jobs = new Jobs(deps, this.#table, () => this.poke());
  }

  /** Submits init_blocks, then keeps the loop. A block that cannot be submitted is not an error of this call. */
  start(): Promise<void> {
    this.#inherit();
    const wanted = this.#deps.provider.policy.init_blocks - this.#table.live().length;
    const submitted = this.#submit(wanted, { evenAfterFailure: true });
    this.#work = submitted.then(() => this.#run());
    return submitted;
  }

  /** Demand or managers changed: decide soon. */
  poke(): void {
    this.#poked = true;
    this.#wake.abort();
  }

  /** Every block that lives, and the last ones that ended, in order. */
  status(): BlockStatus[] {
    return this.#table.status(this.#deps.provider.policy.nodes_per_block);
  }

  /** Cancels every job and waits, bounded, until they are gone. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    await this.#work;
    await this.#jobs.endAll();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#closing.signal.aborted) {
      this.#poked = false;
      try {
        await this.#step();
      } catch (err) {
        log.error({ err }, 'scaling step failed');
      }
      await clock.sleep(STEP_GAP_MS, this.#closing.signal);
      this.#wake = new AbortController();
      if (!this.#poked && !this.#closing.signal.aborted) await clock.sleep(this.#restMs(), this.#wake.signal);
    }
  }

  async #step(): Promise<void> {
    const { clock, load } = this.#deps;
    this.#see();
    if (await this.#jobs.ask()) this.#tellEnds();
    await this.#jobs.submitUnasked();
    const forsaken = this.#table.endForsaken(clock.now(), FORSAKEN_MS);
    if (forsaken.length > 0) this.#deps.log.warn({ blocks: forsaken }, 'blocks given back that have no manager left');
    const view = this.#view(load(), clock.now());
    this.#judge(view);
    const decision = decide(view, this.#policy);
    switch (decision.type) {
      case 'hold':
        break;
      case 'scale-out':
        await this.#scaleOut(decision.count, view);
        break;
      case 'scale-in':
        this.#scaleIn(decision.blocks, view.now);
        break;
      default:
        unreachable(decision);
    }
    await this.#jobs.cancelEnding();
  }

  /** What an earlier process of this run had, as far as it is wanted still: max_blocks may have become less. */
  #inherit(): void {
    this.#jobs.inherit(openBlocks(this.#deps.inherited));
    const live = this.#table.live();
    const most = this.#policy.max_blocks === 0 ? this.#deps.provider.policy.init_blocks : this.#policy.max_blocks;
    // Those in the queue first, as they cost nothing to give back, and of equals the newest.
    const firstToGo = live.toReversed().sort((a, b) => Number(a.state === 'running') - Number(b.state === 'running'));
    for (const { id } of firstToGo.slice(0, Math.max(0, live.length - most))) {
      this.#table.tellToEnd(id, 'more than max_blocks', this.#deps.clock.now());
    }
  }

  #see(): void {
    const { clock, load, notes } = this.#deps;
    const { connected, changed } = this.#table.see(load(), clock.now());
    if (connected) this.#jobs.onConnected();
    for (const { id, managers, workers } of changed) notes.serving(id, managers, workers);
  }

  #tellEnds(): void {
    const ends = this.#table.ends();
    if (ends.length > 0) this.#deps.onEnds(ends);
  }

  /** How long nothing is due. */
  #restMs(): number {
    const now = this.#deps.clock.now();
    const idle = (sinceMs: number | undefined): number => (sinceMs ?? Infinity) + this.#policy.idleMsMax;
    const pressed = (this.#pressedSinceMs ?? Infinity) + (this.#table.leadMs ?? 0);
    const rests = [this.#jobs.notBeforeMs, idle(this.#emptySinceMs), idle(this.#surplusSinceMs), pressed]
      .map((at) => at - now).filter((ms) => ms > 0);
    return Math.min(this.#config.strategy_period * 1000, ...rests);
  }

  /** When no block is left that might still come: tells of it, once, if none will. */
  #judge({ tasks, now }: View): void {
    if (!this.#config.block_error_handler || this.#table.live().length > 0) return;
    const ended = this.#table.ended();
    const row = failedRow(ended, this.#deps.provider.policy.init_blocks);
    const newest = row?.at(-1)?.block;
    const fresh = newest !== undefined && newest !== this.#judged;
    // Where no block will ever be asked for again, later tasks hear of it, too.
    const fixed = this.#policy.strategy === 'none' || this.#policy.max_blocks === 0;
    const again = fixed && tasks > 0 && ended.length > 0 && now - this.#gaveUpAtMs >= REPEAT_MS;
    if (!fresh && !again) return;
    this.#judged = newest;
    this.#gaveUpAtMs = now;
    this.#gaveUp = true;
    const error = row === undefined ? noBlockLeft(ended.length) : blocksFailed(row);
    this.#deps.log.warn({ err: error }, 'blocks failed');
    this.#deps.onFailed(error);
  }

  #view({ waiting, held }: Load, now: number): View {
    const tasks = waiting + held;
    const workersPerNode = this.#deps.workersPerNode();
    const blocks = this.#table.views();
    const learned = present({ runMs: this.#deps.runMs(), leadMs: this.#table.leadMs });
    const serving = servingBlocks({ now, tasks, workersPerNode, blocks, ...learned }, this.#policy).length;
    const desired = desiredBlocks({ tasks, workersPerNode }, this.#policy);
    this.#emptySinceMs = tasks === 0 ? this.#emptySinceMs ?? now : undefined;
    this.#surplusSinceMs = serving > desired ? this.#surplusSinceMs ?? now : undefined;
    this.#pressedSinceMs = serving < desired ? this.#pressedSinceMs ?? now : undefined;
    return present({
      now, tasks, workersPerNode, blocks, emptySinceMs: this.#emptySinceMs, surplusSinceMs: this.#surplusSinceMs,
      pressedSinceMs: this.#pressedSinceMs, ...learned,
    });
  }

  async #scaleOut(count: number, { now, tasks }: View): Promise<void> {
    if (now < this.#jobs.notBeforeMs || (this.#gaveUp && tasks === 0)) return;
    this.#gaveUp = false;
    // After a failure one block shows whether the site is well again.
    await this.#submit(this.#jobs.doubtful ? 1 : count, { evenAfterFailure: false });
  }

  /** The first blocks are asked for once each, whatever becomes of the ones before: their number is the patience. */
  async #submit(count: number, { evenAfterFailure }: { evenAfterFailure: boolean }): Promise<void> {
    for (let asked = 0; asked < count && !this.#closing.signal.aborted; asked += 1) {
      if (await this.#jobs.submit()) continue;
      this.poke(); // for the verdict
      if (!evenAfterFailure) return;
    }
  }

  #scaleIn(blocks: readonly BlockId[], now: number): void {
    for (const id of blocks) this.#table.tellToEnd(id, 'scaled in', now);
    this.#deps.log.info({ blocks }, 'blocks scaled in');
    // All of them, those in the queue too: a manager that comes in the last moment gets no task.
    this.#deps.drain(blocks);
  }
}
