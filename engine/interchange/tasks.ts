// Which tasks the interchange answers for, and where each one is.
//
// A task is here from the moment it arrives until its result has gone to the client:
//   waiting  in the queue; `batch` and `index` say where its payload is
//   held     dispatched to the manager whose serial is `holder`; the payload is kept, for it may have to go elsewhere
// No entry: settled, or never seen. An id is settled at most once, because settling removes the entry.
//
// Ids are counted from 1 by the client, so the table is pages of columns and not a map: a million open tasks cost some
// 20 MB, and a lookup is two array reads.

import type { Hops, Kind, TaskId } from '../../src/common/protocol.ts';

/** A batch of tasks as it is kept: the frames it came in. */
export interface StoredBatch {
  readonly kind: Kind;
  readonly attempt: number;
  readonly hops: Hops;
  readonly ids: Float64Array;
  readonly sizes: Uint32Array;
  /** The frame that ids and sizes came in: passed on as it is where the whole batch goes to one manager. */
  readonly columns?: Uint8Array;
  readonly payload: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  /** The message that it came in, where it was the only batch of it: it can be passed on as it is. */
  readonly message?: Whole | undefined;
}

/** A small message as one run of bytes, and the part of it that is the header frame. */
export interface Whole {
  readonly bytes: Uint8Array;
  readonly header: Uint8Array;
}

/** Some consecutive tasks of a batch. `offset` is where the first one's payload starts. */
export interface Range {
  readonly batch: StoredBatch;
  from: number;
  to: number;
  offset: number;
}

const PAGE = 4096;

const NONE = 0;
const WAITING = 1;
const HELD = 2;

interface Page {
  open: number;
  readonly state: Uint8Array;
  readonly holder: Uint32Array;
  readonly index: Uint32Array;
  readonly batch: (StoredBatch | undefined)[];
}

export class TaskTable {
  readonly #pages = new Map<number, Page>();
  #newest = -1;
  #lastNumber = -1;
  #last: Page | undefined;
  waiting = 0;
  held = 0;
  /** Of those that wait, the ones that take more than one slot, and the slots that they take beyond one each. */
  waitingWide = 0;
  waitingExtra = 0;

  /** Takes a batch in. Returns how many of its first tasks are new; a replayed task ends the count. */
  add(batch: StoredBatch): number {
    const { ids } = batch;
    let i = 0;
    for (; i < ids.length; i++) {
      const id = ids[i] ?? 0;
      const page = this.#page(id) ?? this.#makePage(id);
      const at = id & (PAGE - 1);
      if (page.state[at] !== NONE) break;
      page.state[at] = WAITING;
      page.batch[at] = batch;
      page.index[at] = i;
      page.open++;
      this.waiting++;
    }
    if (batch.kind.footprint !== undefined) this.#countWide(batch, i);
    return i;
  }

  isWaiting(id: number): boolean {
    return this.#page(id)?.state[id & (PAGE - 1)] === WAITING;
  }

  /** The serial of the manager that holds it; undefined when nobody does. */
  holder(id: number): number | undefined {
    const page = this.#page(id);
    const at = id & (PAGE - 1);
    return page?.state[at] === HELD ? page.holder[at] : undefined;
  }

  /**
   * Takes up to `max` waiting tasks off the front of a range for a manager: the longest run of them that is contiguous,
   * or undefined when the range has none left. Tasks that were cancelled or claimed meanwhile are passed over.
   */
  take(range: Range, max: number, serial: number): Range | undefined {
    const { batch } = range;
    const { ids, sizes } = batch;
    let at = range.from;
    let offset = range.offset;
    while (at < range.to && !this.waitsIn(ids[at] ?? 0, batch)) offset += sizes[at++] ?? 0;
    const taken: Range = { batch, from: at, to: at, offset };
    const end = Math.min(range.to, at + max);
    while (at < end) {
      const id = ids[at] ?? 0;
      const page = this.#page(id);
      const cell = id & (PAGE - 1);
      if (page === undefined || page.state[cell] !== WAITING || page.batch[cell] !== batch) break;
      page.state[cell] = HELD;
      page.holder[cell] = serial;
      offset += sizes[at++] ?? 0;
    }
    range.from = at;
    range.offset = offset;
    taken.to = at;
    const count = taken.to - taken.from;
    this.waiting -= count;
    this.held += count;
    if (batch.kind.footprint !== undefined) this.#countWide(batch, -count);
    return count === 0 ? undefined : taken;
  }

  /** A manager came back holding this task: it is not dispatched a second time. False when it does not wait here. */
  claim(id: number, serial: number): boolean {
    if (!this.isWaiting(id)) return false;
    const page = this.#page(id);
    if (page === undefined) return false;
    const at = id & (PAGE - 1);
    page.state[at] = HELD;
    page.holder[at] = serial;
    this.waiting--;
    this.held++;
    this.#countWide(page.batch[at], -1);
    return true;
  }

  /** Whether every one of these ids is held by this manager: the usual case, told in one pass. */
  allHeldBy(ids: Float64Array, serial: number): boolean {
    for (let i = 0; i < ids.length; i++) {
      if (this.holder(ids[i] ?? 0) !== serial) return false;
    }
    return true;
  }

  /** Forgets a task: its result is on the way. False when there was nothing to settle. */
  settle(id: number): boolean {
    const page = this.#page(id);
    const at = id & (PAGE - 1);
    if (page === undefined || page.state[at] === NONE) return false;
    if (page.state[at] === WAITING) {
      this.waiting--;
      this.#countWide(page.batch[at], -1);
    } else {
      this.held--;
    }
    page.state[at] = NONE;
    page.batch[at] = undefined;
    if (--page.open === 0) this.#dropPage(Math.floor(id / PAGE));
    return true;
  }

  /**
   * Puts held tasks back to waiting and returns them as ranges, ascending; ids that are not held are left out. `change`
   * says what is different from now on.
   */
  release(ids: Iterable<number>, change: (batch: StoredBatch) => StoredBatch = (batch) => batch): Range[] {
    const ranges: Range[] = [];
    const copies = new Map<StoredBatch, StoredBatch>();
    for (const id of [...ids].toSorted((a, b) => a - b)) {
      const page = this.#page(id);
      const at = id & (PAGE - 1);
      if (page?.state[at] !== HELD) continue;
      const old = page.batch[at];
      const index = page.index[at] ?? 0;
      if (old === undefined) continue;
      // A fresh object, so that an older range over the same batch does not find the task waiting a second time.
      const batch = copies.get(old) ?? { ...change(old), message: undefined };
      copies.set(old, batch);
      page.state[at] = WAITING;
      page.batch[at] = batch;
      this.held--;
      this.waiting++;
      this.#countWide(batch, 1);
      const last = ranges.at(-1);
      if (last?.batch === batch && last.to === index) last.to++;
      else ranges.push({ batch, from: index, to: index + 1, offset: offsetOf(batch, index) });
    }
    return ranges;
  }

  /** Ids in a state, ascending. Walks everything open: for rare events only. */
  * ids(serials: ReadonlySet<number> | 'waiting'): Generator<TaskId> {
    for (const number of [...this.#pages.keys()].toSorted((a, b) => a - b)) {
      const page = this.#pages.get(number);
      if (page === undefined) continue;
      for (let at = 0; at < PAGE; at++) {
        const found = serials === 'waiting'
          ? page.state[at] === WAITING
          : page.state[at] === HELD && serials.has(page.holder[at] ?? 0);
        if (found) yield (number * PAGE + at) as TaskId; // a cell in use is a task of the client's
      }
    }
  }

  batchOf(id: number): StoredBatch | undefined {
    return this.#page(id)?.batch[id & (PAGE - 1)];
  }

  /** The first tasks of a range that do not wait there any more are cut off. False when none is left. */
  trim(range: Range): boolean {
    const { batch } = range;
    while (range.from < range.to && !this.waitsIn(batch.ids[range.from] ?? 0, batch)) {
      range.offset += batch.sizes[range.from++] ?? 0;
    }
    return range.from < range.to;
  }

  /** Slots that these tasks occupy beyond one each. */
  extraOf(ids: Iterable<number>): number {
    let extra = 0;
    for (const id of ids) extra += widthOf(this.batchOf(id)?.kind) - 1;
    return extra;
  }

  #countWide(batch: StoredBatch | undefined, count: number): void {
    const width = widthOf(batch?.kind);
    if (width === 1) return;
    this.waitingWide += count;
    this.waitingExtra += count * (width - 1);
  }

  /** Whether it waits as one of this batch: a task that came back waits as one of a copy. */
  waitsIn(id: number, batch: StoredBatch): boolean {
    const page = this.#page(id);
    const at = id & (PAGE - 1);
    return page !== undefined && page.state[at] === WAITING && page.batch[at] === batch;
  }

  #page(id: number): Page | undefined {
    const number = Math.floor(id / PAGE);
    if (number !== this.#lastNumber) {
      this.#lastNumber = number;
      this.#last = this.#pages.get(number);
    }
    return this.#last;
  }

  #makePage(id: number): Page {
    const page: Page = {
      open: 0,
      state: new Uint8Array(PAGE),
      holder: new Uint32Array(PAGE),
      index: new Uint32Array(PAGE),
      batch: Array.from({ length: PAGE }),
    };
    const before = this.#newest;
    this.#lastNumber = Math.floor(id / PAGE);
    this.#last = page;
    this.#pages.set(this.#lastNumber, page);
    this.#newest = Math.max(before, this.#lastNumber);
    if (this.#newest !== before && this.#pages.get(before)?.open === 0) this.#pages.delete(before);
    return page;
  }

  /** The newest page stays, empty or not: the next task will need it. */
  #dropPage(number: number): void {
    if (number === this.#newest) return;
    this.#pages.delete(number);
    this.#lastNumber = -1;
    this.#last = undefined;
  }
}

/** How many slots a task of this kind occupies at once. */
export function widthOf(kind: Kind | undefined): number {
  return kind?.footprint?.width ?? 1;
}

/** Where a task's payload starts in its batch. */
export function offsetOf(batch: StoredBatch, index: number): number {
  let offset = 0;
  for (let i = 0; i < index; i++) offset += batch.sizes[i] ?? 0;
  return offset;
}
