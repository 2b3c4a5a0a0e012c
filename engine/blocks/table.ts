// Which block is which job, and how far each has come.
//
// Always true: a block has at most one job, and an id is never used again. A block's state only goes forward: queued
// (pending, held, unknown: the scheduler may go back and forth between them), running, ended; an ended one never
// changes.
// A connected manager proves that its block runs, whatever the scheduler says or does not know. A block occupies its
// place until the scheduler says that the job ended: that it was told to end is not enough.

import type { BlockId, Load, ManagerSummary } from '../../src/common/protocol.ts';
import { TERMINAL_STATES, type Job, type JobSpec, type JobState, type JobStatus } from '../../providers/provider.ts';
import type { Ended, Outcome } from './failures.ts';
import type { BlockRecord } from './records.ts';
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
  /** Slots over all its managers. */
  workers: number;
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
  /** Its managers take no more tasks, though nobody here told them: its time is nearly up, or it is preempted. */
  leaving?: true;
  /** Since when none of its managers is there any more, and that it was told to end for that. */
  forsakenSinceMs?: number;
  forsaken?: true;
  /** Its job, as long as the scheduler could not be asked for it; once its files are there. */
  spec?: JobSpec;
  /** An earlier process of this run had it; it has not shown yet what it is worth. */
  inherited?: true;
  outcome?: Outcome;
}

/** What the newest block's wait counts for, beside all before it. */
const LEAD_NEWS = 0.3;
/** How many ended blocks are remembered, at least. */
const ENDED_KEPT = 200;
/** A block whose managers connected and that went wrong sooner than this is a crash; later it is bad luck. */
export const SETTLED_MS = 60_000;

export class BlockTable {
  readonly #blocks = new Map<BlockId, Block>();
  readonly #endedMax: number;
  #next: number;
  /** How long a block took lately from its submission to its first manager. */
  leadMs: number | undefined;

  /** `next`: the first number that is free. */
  constructor(initBlocks: number, next = 0) {
    this.#endedMax = Math.max(ENDED_KEPT, 2 * initBlocks);
    this.#next = next;
  }

  /** A new block: it has its place before the scheduler has heard of it. */
  open(now: number): Block {
    // Decimal, as the type says.
    const id = String(this.#next++) as BlockId;
    const block: Block = { id, state: 'pending', managers: 0, workers: 0, held: 0, submittedAtMs: now };
    this.#blocks.set(id, block);
    this.#forget();
    return block;
  }

  /** A block of an earlier process of this run, under its number. */
  inherit({ block: id, connected }: BlockRecord, job: Job): void {
    const { submittedAtMs } = job;
    const state = connected ? 'running' : 'pending';
    this.#blocks.set(id, {
      id, job, state, managers: 0, workers: 0, held: 0, submittedAtMs, inherited: true,
    });
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
    block.workers = 0;
    block.held = 0;
    if (status.exitCode !== undefined) block.exitCode = status.exitCode;
    // Why we told it to end says more than how it did.
    if (block.ending === undefined && status.reason !== undefined) block.reason = status.reason;
    block.outcome = outcomeOf(block, status, now);
  }

  /** What the interchange says of the blocks' managers. `connected`: some block's first manager was among them. */
  see(load: Load, now: number): { readonly connected: boolean; readonly changed: readonly Block[] } {
    const known = new Set(load.connectedBlocks);
    const byBlock = groupByBlock(load.managers);
    let connected = false;
    const changed: Block[] = [];
    for (const block of this.live()) {
      const managers = byBlock.get(block.id) ?? [];
      const workers = managers.reduce((sum, manager) => sum + manager.slots, 0);
      if (block.managers !== managers.length || block.workers !== workers) changed.push(block);
      block.managers = managers.length;
      block.workers = workers;
      block.held = managers.reduce((sum, manager) => sum + manager.held, 0);
      const idle = managers.map((manager) => manager.idleSinceMs ?? now);
      if (managers.length > 0 && block.held === 0) block.idleSinceMs = Math.max(...idle);
      else delete block.idleSinceMs;
      if (block.ending !== undefined && block.held > 0) block.ending.busyAtMs = now;
      if (managers.length > 0 && managers.every(({ draining }) => draining)) block.leaving = true;
      if (managers.length > 0 || block.connectedAtMs === undefined) delete block.forsakenSinceMs;
      else block.forsakenSinceMs ??= now;
      if (managers.length === 0 && !known.has(block.id)) continue;
      if (block.connectedAtMs === undefined) {
        connected = true;
        if (!block.inherited) this.#learnLead(now - block.submittedAtMs);
      }
      block.connectedAtMs ??= now;
      block.startedAtMs ??= now;
      block.state = 'running';
    }
    return { connected, changed };
  }

  /** Tells blocks to end whose job goes on although its managers are gone, for so long: nobody has any use of them. */
  endForsaken(now: number, ms: number): BlockId[] {
    const due = this.live().filter(({ ending, forsakenSinceMs }) =>
      ending === undefined && forsakenSinceMs !== undefined && now - forsakenSinceMs >= ms);
    return due.map((block) => {
      block.forsaken = true;
      this.tellToEnd(block.id, 'its managers are gone', now);
      return block.id;
    });
  }

  /** When the scheduler will end those that run, as far as it has said. */
  ends(): { readonly block: BlockId; readonly endsAtMs: number }[] {
    return this.live().flatMap(({ id: block, state, endsAtMs }) =>
      (state === 'running' && endsAtMs !== undefined ? [{ block, endsAtMs }] : []));
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
      ending: block.ending !== undefined || block.leaving === true,
      managers: block.managers,
      held: block.held,
      ...(block.idleSinceMs === undefined ? {} : { idleSinceMs: block.idleSinceMs }),
      ...(block.endsAtMs === undefined ? {} : { endsAtMs: block.endsAtMs }),
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

  #learnLead(ms: number): void {
    this.leadMs = this.leadMs === undefined ? ms : this.leadMs + (ms - this.leadMs) * LEAD_NEWS;
  }

  /** A Map keeps the order of insertion, so the first ended ones are the oldest. */
  #forget(): void {
    const ended = this.ended();
    for (const { block } of ended.slice(0, Math.max(0, ended.length - this.#endedMax))) this.#blocks.delete(block);
  }
}

function outcomeOf(block: Block, { neverQueued }: JobStatus, now: number): Outcome {
  const { connectedAtMs, forsaken, forsakenSinceMs, inherited, state } = block;
  const planned = (block.ending !== undefined && !forsaken) || block.leaving === true;
  if (connectedAtMs === undefined) {
    return block.ending !== undefined || inherited || neverQueued ? 'unused' : 'stillborn';
  }
  const well = planned || state === 'completed' || state === 'timeout';
  const lastedMs = (forsaken ? forsakenSinceMs ?? now : now) - connectedAtMs;
  return well || lastedMs >= SETTLED_MS ? 'served' : 'crashed';
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
export function present<T extends object>(fields: T): Present<T> {
  // The filter does to the value what the type says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
