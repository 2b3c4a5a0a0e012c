// Which block is which job, and how far each has come.
//
// Always true: a block has at most one job, and an id is never used again. A block's state only goes forward: queued
// (pending, held, unknown: the scheduler may go back and forth between them), running, ended; an ended one never
// changes.
// A connected manager proves that its block runs, whatever the scheduler says or does not know. A block occupies its
// place until the scheduler says that the job ended: that it was told to end is not enough.

import type { BlockId, Load, ManagerSummary } from '../../src/common/protocol.ts';
import { TERMINAL_STATES, type Job, type JobState, type JobStatus } from '../../providers/provider.ts';
import type { Ended, Outcome } from './failures.ts';
import type { BlockView } from './strategy.ts';

/** What people are told of a block. */
export interface BlockStatus {
  readonly block: BlockId;
  /** The scheduler's id; absent while, and if never, submitted. */
  readonly job?: string;
  readonly state: JobState;
  readonly nodes: number;
  readonly managers: number;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly stderrTail?: string;
  readonly stdoutPath?: string;
  readonly stderrPath?: string;
  /** Epoch ms. */
  readonly submittedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  /** When the scheduler will end it, if it has said so. */
  readonly endsAtMs?: number;
}

export interface Block {
  readonly id: BlockId;
  job?: Job;
  state: JobState;
  managers: number;
  /** Tasks its managers hold. */
  held: number;
  idleSinceMs?: number;
  reason?: string;
  exitCode?: number;
  stderrTail?: string;
  endsAtMs?: number;
  readonly submittedAtMs: number;
  startedAtMs?: number;
  connectedAtMs?: number;
  endedAtMs?: number;
  /** It was told to end: when it was last seen with a task, or told, and when the scheduler took the order. */
  ending?: { busyAtMs: number; orderedAtMs?: number };
  outcome?: Outcome;
}

/** How many ended blocks are remembered, at least. */
const ENDED_KEPT = 200;
/** A block whose managers connected and that went wrong sooner than this is a crash; later it is bad luck. */
export const SETTLED_MS = 60_000;

export class BlockTable {
  readonly #blocks = new Map<BlockId, Block>();
  readonly #endedMax: number;
  #next = 0;

  constructor(initBlocks: number) {
    this.#endedMax = Math.max(ENDED_KEPT, 2 * initBlocks);
  }

  /** A new block: it has its place before the scheduler has heard of it. */
  open(now: number): Block {
    // Decimal, as the type says.
    const id = String(this.#next++) as BlockId;
    const block: Block = { id, state: 'pending', managers: 0, held: 0, submittedAtMs: now };
    this.#blocks.set(id, block);
    this.#forget();
    return block;
  }

  live(): Block[] {
    return [...this.#blocks.values()].filter(({ state }) => !TERMINAL_STATES.has(state));
  }

  ended(): Ended[] {
    return [...this.#blocks.values()].flatMap(({ id: block, outcome, job, exitCode, reason, stderrTail }) => {
      if (outcome === undefined) return [];
      return [present({ block, outcome, job: job?.id, exitCode, reason, stderrTail, stderrPath: job?.stderrPath })];
    });
  }

  /** What the scheduler says of the block's job. */
  observe(block: Block, status: JobStatus, now: number): void {
    if (TERMINAL_STATES.has(block.state)) return;
    if (status.state === 'missing' && block.managers > 0) return;
    if (status.endsAtMs !== undefined) block.endsAtMs = status.endsAtMs;
    if (TERMINAL_STATES.has(status.state)) {
      this.end(block, status, now);
      return;
    }
    if (status.state === 'running') block.startedAtMs ??= now;
    if (block.state === 'running') return;
    block.state = status.state;
    if (status.reason === undefined) delete block.reason;
    else block.reason = status.reason;
  }

  end(block: Block, status: JobStatus, now: number): void {
    block.state = status.state;
    block.endedAtMs = now;
    block.managers = 0;
    block.held = 0;
    if (status.exitCode !== undefined) block.exitCode = status.exitCode;
    // Why we told it to end says more than how it did.
    if (block.ending === undefined && status.reason !== undefined) block.reason = status.reason;
    block.outcome = outcomeOf(block, now);
  }

  /** What the interchange says of the blocks' managers. True when a block's first manager was among them. */
  see(load: Load, now: number): boolean {
    const known = new Set(load.connectedBlocks);
    const byBlock = groupByBlock(load.managers);
    let connected = false;
    for (const block of this.live()) {
      const managers = byBlock.get(block.id) ?? [];
      block.managers = managers.length;
      block.held = managers.reduce((sum, manager) => sum + manager.held, 0);
      const idle = managers.map((manager) => manager.idleSinceMs ?? now);
      if (managers.length > 0 && block.held === 0) block.idleSinceMs = Math.max(...idle);
      else delete block.idleSinceMs;
      if (block.ending !== undefined && block.held > 0) block.ending.busyAtMs = now;
      if (managers.length === 0 && !known.has(block.id)) continue;
      connected ||= block.connectedAtMs === undefined;
      block.connectedAtMs ??= now;
      block.startedAtMs ??= now;
      block.state = 'running';
    }
    return connected;
  }

  tellToEnd(id: BlockId, reason: string, now: number): void {
    const block = this.#blocks.get(id);
    if (block === undefined || TERMINAL_STATES.has(block.state)) return;
    block.ending ??= { busyAtMs: now };
    block.reason = reason;
  }

  /** What the strategy is shown. */
  views(): BlockView[] {
    return this.live().map((block) => ({
      block: block.id,
      queued: block.state !== 'running',
      ending: block.ending !== undefined,
      managers: block.managers,
      held: block.held,
      ...(block.idleSinceMs === undefined ? {} : { idleSinceMs: block.idleSinceMs }),
    }));
  }

  status(nodes: number): BlockStatus[] {
    return [...this.#blocks.values()].map((block) => {
      const { id, job, state, managers, reason, exitCode, stderrTail } = block;
      const { submittedAtMs, startedAtMs, endedAtMs, endsAtMs } = block;
      return present({
        block: id, job: job?.id, state, nodes, managers, reason, exitCode, stderrTail, stdoutPath: job?.stdoutPath,
        stderrPath: job?.stderrPath, submittedAtMs, startedAtMs, endedAtMs, endsAtMs,
      });
    });
  }

  /** A Map keeps the order of insertion, so the first ended ones are the oldest. */
  #forget(): void {
    const ended = this.ended();
    for (const { block } of ended.slice(0, Math.max(0, ended.length - this.#endedMax))) this.#blocks.delete(block);
  }
}

function outcomeOf(block: Block, now: number): Outcome {
  const planned = block.ending !== undefined;
  if (block.connectedAtMs === undefined) return planned ? 'unused' : 'stillborn';
  const well = planned || block.state === 'completed' || block.state === 'timeout';
  return well || now - block.connectedAtMs >= SETTLED_MS ? 'served' : 'crashed';
}

function groupByBlock(managers: readonly ManagerSummary[]): Map<BlockId, ManagerSummary[]> {
  const groups = new Map<BlockId, ManagerSummary[]>();
  for (const manager of managers) {
    const group = groups.get(manager.block);
    if (group === undefined) groups.set(manager.block, [manager]);
    else group.push(manager);
  }
  return groups;
}

type Present<T> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
function present<T extends object>(fields: T): Present<T> {
  // The filter does to the value what the type says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
