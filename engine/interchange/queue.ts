// The order of waiting tasks. Tasks with the same demands stand in one lane, first in first out; a manager is offered
// the lanes it can serve, lowest priority number first and, among equals, the lane whose first task is oldest. So a
// task that nobody can run now holds up nobody else, and nothing here looks at more than the front of each lane.
//
// A wide task (of several slots) is offered in its turn, whether or not it fits just then: where it does not, a manager
// is kept for it (reservations.ts); else narrow tasks would pass it for ever.

import type { Kind, TaskId } from '../../src/common/protocol.ts';
import { widthOf, type Range, type StoredBatch, type TaskTable } from './tasks.ts';

export interface Lane {
  readonly priority: number;
  readonly minRemainingMs: number;
  /** Slots that each of its tasks occupies. */
  readonly width: number;
  /** It was on a manager that was lost, and may be the reason. */
  readonly suspect: boolean;
  ranges: Range[];
  /** The first range that is not used up. */
  head: number;
  /** Managers that are kept for its first tasks. */
  kept: number;
}

/** What a manager can take. */
export interface Offer {
  /** How long its block still lives; Infinity when nobody knows of an end. */
  readonly remainingMs: number;
  /** Tasks of one slot that would start at once; none or less where they would stand in line. */
  readonly free: number;
  /** The widest task that would start at once. */
  readonly widest: number;
  /** All that it has. */
  readonly slots: number;
}

/** Used-up ranges at the front of a lane are cut off in blocks, not one by one. */
const TRIM = 64;

export class Queue {
  readonly #tasks: TaskTable;
  /** Sorted: sooner first. */
  readonly #lanes: Lane[] = [];

  /** `tasks`: who knows which of them still wait. */
  constructor(tasks: TaskTable) {
    this.#tasks = tasks;
  }

  push(batch: StoredBatch, count: number): void {
    if (count > 0) this.#lane(batch.kind, false).ranges.push({ batch, from: 0, to: count, offset: 0 });
  }

  /** Tasks that come back go before those that never left: the oldest is first again. */
  pushBack(ranges: readonly Range[], suspect: boolean): void {
    for (const range of (suspect ? ranges.flatMap(single) : ranges).toReversed()) {
      const lane = this.#lane(range.batch.kind, suspect);
      const first = lane.ranges[lane.head];
      const id = firstId(range);
      if (first === undefined || firstId(first) > id) {
        if (lane.head > 0) lane.ranges[--lane.head] = range;
        else lane.ranges.unshift(range);
      } else {
        insert(lane, range, id);
      }
    }
  }

  /** The range to take from next, for this manager. A wide task may not fit just now: then the manager is for it. */
  next(offer: Offer): Range | undefined {
    let best: Range | undefined;
    let priority = Infinity;
    for (const lane of this.#lanes) {
      if (best !== undefined && lane.priority > priority) break;
      if (lane.minRemainingMs > offer.remainingMs || (startsAtOnce(lane) && offer.free < 1)) continue;
      if (lane.width > 1 && !this.#concerns(lane, offer)) continue;
      const range = front(lane);
      if (range !== undefined && (best === undefined || firstId(range) < firstId(best))) {
        best = range;
        priority = lane.priority;
      }
    }
    return best;
  }

  /** Whether the first task of a wide lane fits there now, or may have to wait for this manager. */
  #concerns(lane: Lane, { widest, slots }: Offer): boolean {
    if (lane.width > slots || this.first(lane) === undefined) return false;
    return lane.width <= widest || this.hasMore(lane, lane.kept);
  }

  /** The front of a lane, at a task that really waits. */
  first(lane: Lane): Range | undefined {
    for (;;) {
      const range = front(lane);
      if (range === undefined || this.#tasks.trim(range)) return range;
    }
  }

  /** The lane that a range is the front of. */
  laneOf(range: Range): Lane | undefined {
    return this.#lanes.find((lane) => lane.ranges[lane.head] === range);
  }

  /** Whether more than `count` tasks of a lane really wait. Looks at about so many. */
  hasMore(lane: Lane, count: number): boolean {
    let seen = 0;
    for (let i = lane.head; i < lane.ranges.length; i++) {
      const range = lane.ranges[i];
      if (range === undefined) break;
      for (let at = range.from; at < range.to; at++) {
        if (this.#tasks.waitsIn(range.batch.ids[at] ?? 0, range.batch) && ++seen > count) return true;
      }
    }
    return false;
  }

  /** Waiting tasks that are wider than this. Walks their lanes: for rare events only. */
  wider(slots: number): TaskId[] {
    const ranges = this.#lanes.filter(({ width }) => width > slots).flatMap((lane) => lane.ranges.slice(lane.head));
    return ranges.flatMap(({ batch, from, to }) =>
      [...batch.ids.subarray(from, to)].filter((id) => this.#tasks.waitsIn(id, batch)) as TaskId[]); // a column of ids
  }

  #lane(kind: Kind, suspect: boolean): Lane {
    const priority = kind.priority ?? Infinity;
    const { minRemainingMs } = kind;
    const width = widthOf(kind);
    const found = this.#lanes.find((lane) => lane.priority === priority && lane.minRemainingMs === minRemainingMs
      && lane.suspect === suspect && lane.width === width);
    if (found !== undefined) return found;
    const lane: Lane = { priority, minRemainingMs, width, suspect, ranges: [], head: 0, kept: 0 };
    this.#lanes.push(lane);
    this.#lanes.sort((a, b) => (a.priority === b.priority ? 0 : a.priority - b.priority));
    return lane;
  }

  /** Forgets lanes that stand empty, so that a run with many priorities does not walk old ones for ever. */
  sweep(): void {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i];
      if (lane !== undefined && lane.kept === 0 && front(lane) === undefined) this.#lanes.splice(i, 1);
    }
  }
}

/** Only where a slot is free right now: the next loss must tell, or its time is counted. */
function startsAtOnce({ suspect, minRemainingMs }: Lane): boolean {
  return suspect || minRemainingMs > 0;
}

/** Suspects are handed out one by one: each only where a slot is free for it. */
function single(range: Range): Range[] {
  let { offset } = range;
  return Array.from({ length: range.to - range.from }, (_, i) => {
    const one: Range = { batch: range.batch, from: range.from + i, to: range.from + i + 1, offset };
    offset += range.batch.sizes[one.from] ?? 0;
    return one;
  });
}

function front(lane: Lane): Range | undefined {
  for (;;) {
    const range = lane.ranges[lane.head];
    if (range === undefined) {
      lane.ranges = [];
      lane.head = 0;
      return undefined;
    }
    if (range.from < range.to) return range;
    lane.head++;
    if (lane.head >= TRIM && lane.head * 2 >= lane.ranges.length) {
      lane.ranges = lane.ranges.slice(lane.head);
      lane.head = 0;
    }
  }
}

function insert(lane: Lane, range: Range, id: number): void {
  let low = lane.head;
  let high = lane.ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = lane.ranges[middle];
    if (other !== undefined && firstId(other) < id) low = middle + 1;
    else high = middle;
  }
  lane.ranges.splice(low, 0, range);
}

function firstId(range: Range): number {
  return range.batch.ids[range.from] ?? Infinity;
}
