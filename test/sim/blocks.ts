// The blocks of a simulated run: the real strategy decides, a scheduler of few words obeys.

import { decide, desiredBlocks, type BlockView, type Policy } from '../../engine/blocks/strategy.ts';
import type { BlockId, ManagerId } from '../../src/common/protocol.ts';
import type { SimClient } from './client.ts';
import { SimManager, type Witness } from './manager.ts';
import type { Listening, Random, Timeline } from './network.ts';

const POLL_MS = 500;
/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 8000;

interface Block {
  readonly block: BlockId;
  readonly managers: SimManager[];
  queued: boolean;
  ending: boolean;
}

export interface BlocksDeps {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly client: SimClient;
  readonly listener: () => Listening | undefined;
  readonly witness: Witness;
}

export class SimBlocks {
  readonly #deps: BlocksDeps;
  readonly #policy: Policy;
  readonly #slots: number;
  readonly #prefetch: number;
  readonly #blocks: Block[] = [];
  #count = 0;
  #emptySinceMs: number | undefined;
  #surplusSinceMs: number | undefined;

  /** Of each manager. */
  get slots(): number {
    return this.#slots;
  }

  constructor(deps: BlocksDeps) {
    const { random, timeline } = deps;
    this.#deps = deps;
    this.#slots = random.whole(1, 4);
    this.#prefetch = random.chance(0.5) ? 0 : random.whole(1, 12);
    this.#policy = {
      strategy: random.chance(0.5) ? 'simple' : 'htex_auto_scale',
      min_blocks: 0, max_blocks: random.whole(1, 4), nodes_per_block: random.whole(1, 2), parallelism: 1,
      idleMsMax: 2000,
    };
    timeline.every(POLL_MS, () => this.#poll());
  }

  /** Every manager that runs. */
  get managers(): SimManager[] {
    return this.#blocks.flatMap(({ managers }) => managers.filter(({ ended }) => !ended));
  }

  #poll(): void {
    const { client, timeline } = this.#deps;
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const block = this.#blocks[i];
      if (block !== undefined && !block.queued && block.managers.every(({ ended }) => ended)) this.#blocks.splice(i, 1);
    }
    const size = { tasks: client.open, workersPerNode: this.#slots };
    const serving = this.#blocks.filter(({ ending }) => !ending).length;
    this.#emptySinceMs = client.open === 0 ? this.#emptySinceMs ?? timeline.now : undefined;
    const isSurplus = serving > desiredBlocks(size, this.#policy);
    this.#surplusSinceMs = isSurplus ? this.#surplusSinceMs ?? timeline.now : undefined;
    const decision = decide({
      ...size, now: timeline.now, blocks: this.#blocks.map((block) => this.#view(block)),
      ...(this.#emptySinceMs === undefined ? {} : { emptySinceMs: this.#emptySinceMs }),
      ...(this.#surplusSinceMs === undefined ? {} : { surplusSinceMs: this.#surplusSinceMs }),
    }, this.#policy);
    if (decision.type === 'scale-out') for (let i = 0; i < decision.count; i++) this.#submit();
    else if (decision.type === 'scale-in') this.#scaleIn(new Set(decision.blocks));
  }

  #view({ block, queued, ending }: Block): BlockView {
    const managers = this.#deps.client.load.managers.filter((manager) => manager.block === block);
    const idle = managers.every(({ idleSinceMs }) => idleSinceMs !== undefined) && managers.length > 0;
    return {
      block, queued, ending, managers: managers.length,
      held: managers.reduce((sum, { held }) => sum + held, 0),
      ...(idle ? { idleSinceMs: Math.max(...managers.map(({ idleSinceMs }) => idleSinceMs ?? 0)) } : {}),
    };
  }

  #submit(): void {
    const { timeline, random } = this.#deps;
    const block: Block = { block: String(this.#count++) as BlockId, managers: [], queued: true, ending: false };
    this.#blocks.push(block);
    timeline.after(random.between(100, 3000), () => this.#start(block));
  }

  #start(block: Block): void {
    const { timeline, random, listener, witness } = this.#deps;
    block.queued = false;
    if (block.ending) return;
    const walltimeMs = random.chance(0.3) ? random.between(15_000, 60_000) : undefined;
    const endsAtMs = walltimeMs === undefined ? undefined : timeline.now + walltimeMs;
    for (let node = 0; node < this.#policy.nodes_per_block; node++) {
      const id = `${block.block}.node${node}.${random.whole(0, 1e9)}` as ManagerId;
      block.managers.push(new SimManager({
        timeline, random, listener, witness, id, block: block.block, slots: this.#slots, prefetch: this.#prefetch,
        endsAtMs,
      }));
    }
    if (walltimeMs !== undefined) timeline.after(walltimeMs - KILL_AFTER_MS, () => this.#end(block));
  }

  /** What is planned: first no more tasks, then the job is told to end. */
  #scaleIn(blocks: ReadonlySet<BlockId>): void {
    this.#deps.client.drainBlocks([...blocks]);
    for (const block of this.#blocks) {
      if (!blocks.has(block.block)) continue;
      block.ending = true;
      this.#deps.timeline.after(1000, () => this.#end(block));
    }
  }

  #end(block: Block): void {
    block.ending = true;
    for (const manager of block.managers) manager.term();
    this.#deps.timeline.after(KILL_AFTER_MS, () => {
      for (const manager of block.managers) manager.die(false);
    });
  }
}
