// Who can take tasks. A manager is in exactly one of these places:
//   open    a slot is free: a task given to it starts at once
//   spare   every slot is busy, but it wants more in line (its window is larger than what it holds)
//   neither full, draining, or away (its connection broke and it may come back)
// Both sets are turned round by use, so tasks are spread and no step looks at every manager.

import type { BlockId, FunctionId, ManagerId, ManagerSummary } from '../../src/common/protocol.ts';

export interface ManagerRecord {
  /** Small number by which the task table names it; never used again. */
  readonly serial: number;
  /** Its name on the socket. */
  readonly peer: string;
  readonly id: ManagerId;
  readonly block: BlockId;
  readonly node: string;
  readonly pid: number;
  readonly slots: number;
  readonly endsAtMs: number | undefined;
  /** How many tasks it wants to hold. */
  window: number;
  held: number;
  draining: boolean;
  /** It was asked to hand tasks back and has not answered. */
  recalling: boolean;
  seenAtMs: number;
  idleSinceMs: number | undefined;
  /** Since when its connection is broken. */
  awayAtMs: number | undefined;
  /** Definitions that it has. */
  readonly functions: Set<FunctionId>;
}

export class ManagerTable {
  readonly byPeer = new Map<string, ManagerRecord>();
  readonly #bySerial = new Map<number, ManagerRecord>();
  readonly #open = new Set<ManagerRecord>();
  readonly #spare = new Set<ManagerRecord>();
  #serial = 0;
  /** Slots that are free now, over all managers that take tasks. */
  freeSlots = 0;
  /** Tasks in line behind busy slots, over all managers. */
  inLine = 0;

  add(
    fields: Omit<ManagerRecord, 'serial' | 'held' | 'recalling' | 'awayAtMs' | 'idleSinceMs' | 'functions'>,
    now: number,
  ): ManagerRecord {
    const { peer, id, block, node, pid, slots, endsAtMs, window, draining, seenAtMs } = fields;
    // Field by field: thousands of records that a spread made have shapes of their own, and each is slow to read.
    const record: ManagerRecord = {
      serial: ++this.#serial, peer, id, block, node, pid, slots, endsAtMs, window, held: 0, draining, recalling: false,
      seenAtMs, idleSinceMs: now, awayAtMs: undefined, functions: new Set(),
    };
    this.byPeer.set(record.peer, record);
    this.#bySerial.set(record.serial, record);
    this.#enter(record);
    return record;
  }

  remove(record: ManagerRecord): void {
    this.#leave(record);
    this.byPeer.delete(record.peer);
    this.#bySerial.delete(record.serial);
  }

  bySerial(serial: number): ManagerRecord | undefined {
    return this.#bySerial.get(serial);
  }

  /** Every change of what decides a manager's place goes through here. */
  update(record: ManagerRecord, now: number, change: (record: ManagerRecord) => void): void {
    this.#leave(record);
    change(record);
    if (record.held > 0) record.idleSinceMs = undefined;
    else record.idleSinceMs ??= now;
    this.#enter(record);
  }

  /**
   * The manager to serve next: one with a free slot, else one that wants more in line. Each in turn, or that of the
   * newest block, so that older ones run dry and can be given back; then all that take tasks are looked at.
   */
  next(passedOver: ReadonlySet<ManagerRecord>, newestBlock = false): ManagerRecord | undefined {
    for (const set of [this.#open, this.#spare]) {
      let chosen: ManagerRecord | undefined;
      for (const record of set) {
        if (passedOver.has(record)) continue;
        if (!newestBlock) return record;
        if (chosen === undefined || Number(record.block) > Number(chosen.block)) chosen = record;
      }
      if (chosen !== undefined) return chosen;
    }
    return undefined;
  }

  get takers(): number {
    return this.#open.size + this.#spare.size;
  }

  /** The manager with the most tasks in line, of those that can be asked for them. Looks at all of them. */
  longestLine(): ManagerRecord | undefined {
    let longest: ManagerRecord | undefined;
    for (const record of this.byPeer.values()) {
      if (record.recalling || record.awayAtMs !== undefined) continue;
      const length = record.held - record.slots;
      if (length > 0 && !(longest !== undefined && longest.held - longest.slots >= length)) longest = record;
    }
    return longest;
  }

  #enter(record: ManagerRecord): void {
    this.inLine += Math.max(0, record.held - record.slots);
    if (record.draining || record.awayAtMs !== undefined) return;
    const free = record.slots - record.held;
    if (free > 0) {
      this.freeSlots += free;
      this.#open.add(record);
    } else if (record.window > record.held) {
      this.#spare.add(record);
    }
  }

  #leave(record: ManagerRecord): void {
    this.inLine -= Math.max(0, record.held - record.slots);
    if (this.#open.delete(record)) this.freeSlots -= record.slots - record.held;
    this.#spare.delete(record);
  }
}

export function summaryOf(record: ManagerRecord): ManagerSummary {
  return {
    manager: record.id,
    block: record.block,
    node: record.node,
    pid: record.pid,
    slots: record.slots,
    held: record.held,
    draining: record.draining,
    ...(record.idleSinceMs === undefined ? {} : { idleSinceMs: record.idleSinceMs }),
    ...(record.endsAtMs === undefined ? {} : { endsAtMs: record.endsAtMs }),
  };
}
