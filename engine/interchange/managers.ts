// Who can take tasks. A manager is in exactly one of these places:
//   open    a slot is free: a task given to it starts at once
//   spare   every slot is busy, but it wants more in line (its window is larger than what it holds)
//   neither full, draining, away (its connection broke and it may come back), or kept for a wide task
// Both sets are turned round by use, so tasks are spread and no step looks at every manager.
//
// A wide task occupies several slots: it counts as one in `held`, and for the rest in `extra`. Nothing stands in line
// where a wide task runs: nobody knows how long its slots will be taken.

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
  /** Tasks it runs at a time: as many as slots, except in an MPI engine. */
  readonly workers: number;
  readonly endsAtMs: number | undefined;
  /** How many tasks it wants to hold. */
  window: number;
  held: number;
  /** Slots that the tasks it holds occupy beyond one each. */
  extra: number;
  /** It gets no task but the wide one that waits for it. */
  kept: boolean;
  draining: boolean;
  /** It was asked to hand tasks back and has not answered. */
  recalling: boolean;
  seenAtMs: number;
  /** When a task of it ended last. */
  freedAtMs: number;
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
  /** Of the largest manager that ever was. */
  slotsMax = 0;
  /** When the first one came. */
  firstAtMs: number | undefined;

  add(
    fields: Omit<ManagerRecord,
      'serial' | 'held' | 'extra' | 'kept' | 'recalling' | 'freedAtMs' | 'awayAtMs' | 'idleSinceMs' | 'functions'>,
    now: number,
  ): ManagerRecord {
    const { peer, id, block, node, pid, slots, workers, endsAtMs, window, draining, seenAtMs } = fields;
    // Field by field: thousands of records that a spread made have shapes of their own, and each is slow to read.
    const record: ManagerRecord = {
      serial: ++this.#serial, peer, id, block, node, pid, slots, workers, endsAtMs, window, held: 0, extra: 0,
      kept: false, draining, recalling: false, seenAtMs, freedAtMs: now, idleSinceMs: now, awayAtMs: undefined,
      functions: new Set(),
    };
    this.slotsMax = Math.max(this.slotsMax, record.slots);
    this.firstAtMs ??= now;
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

  /** Slots that held tasks occupy beyond one each. Looks at all managers. */
  extraSlots(): number {
    let sum = 0;
    for (const { extra } of this.byPeer.values()) sum += extra;
    return sum;
  }

  get takers(): number {
    return this.#open.size + this.#spare.size;
  }

  /** The manager with the most tasks in line, of those that can be asked for them. Looks at all of them. */
  longestLine(): ManagerRecord | undefined {
    let longest: ManagerRecord | undefined;
    for (const record of this.byPeer.values()) {
      if (record.recalling || record.awayAtMs !== undefined) continue;
      const length = -freeOf(record);
      if (length > 0 && !(longest !== undefined && -freeOf(longest) >= length)) longest = record;
    }
    return longest;
  }

  #enter(record: ManagerRecord): void {
    const free = freeOf(record);
    this.inLine += Math.max(0, -free);
    if (record.draining || record.awayAtMs !== undefined || record.kept) return;
    if (free > 0) {
      this.freeSlots += free;
      this.#open.add(record);
    } else if (record.window > record.held && record.extra === 0) {
      this.#spare.add(record);
    }
  }

  #leave(record: ManagerRecord): void {
    const free = freeOf(record);
    this.inLine -= Math.max(0, -free);
    if (this.#open.delete(record)) this.freeSlots -= free;
    this.#spare.delete(record);
  }
}

/** Slots in which a task given now starts at once; negative where tasks stand in line. */
export function freeOf({ slots, workers, held, extra }: ManagerRecord): number {
  return Math.min(slots - extra, workers) - held;
}

/** How many more tasks of one slot it takes, those in line among them. */
export function roomOf(record: ManagerRecord): number {
  const free = freeOf(record);
  return record.extra > 0 ? free : Math.max(free, record.window - record.held);
}

/** The widest task that starts at once when it is given now. */
export function widestOf({ slots, workers, held, extra }: ManagerRecord): number {
  return held < workers ? slots - extra - held : 0;
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
