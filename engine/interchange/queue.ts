// The order of waiting tasks. Tasks with the same demands stand in one lane, first in first out; a manager is offered
// the lanes it can serve, lowest priority number first and, among equals, the lane whose first task is oldest. So a
// task that nobody can run now holds up nobody else, and nothing here looks at more than the front of each lane.

import type { Kind } from '../../src/common/protocol.ts';
import type { Range, StoredBatch } from './tasks.ts';

interface Lane {
  readonly priority: number;
  readonly minRemainingMs: number;
  /** It was on a manager that was lost, and may be the reason. */
  readonly suspect: boolean;
  ranges: Range[];
  /** The first range that is not used up. */
  head: number;
}

/** What a manager can take. */
export interface Offer {
  /** How long its block still lives; Infinity when nobody knows of an end. */
  readonly remainingMs: number;
  /** Whether one of its slots is free, so that a task starts at once. */
  readonly freeSlot: boolean;
}

/** Used-up ranges at the front of a lane are cut off in blocks, not one by one. */
const TRIM = 64;

export class Queue {
  /** Sorted: sooner first. */
  readonly #lanes: Lane[] = [];

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

  /** The range to take from next, for this manager. */
  next(offer: Offer): Range | undefined {
    let best: Range | undefined;
    let priority = Infinity;
    for (const lane of this.#lanes) {
      if (best !== undefined && lane.priority > priority) break;
      if (lane.minRemainingMs > offer.remainingMs || (startsAtOnce(lane) && !offer.freeSlot)) continue;
      const range = front(lane);
      if (range !== undefined && (best === undefined || firstId(range) < firstId(best))) {
        best = range;
        priority = lane.priority;
      }
    }
    return best;
  }

  #lane(kind: Kind, suspect: boolean): Lane {
    const priority = kind.priority ?? Infinity;
    const { minRemainingMs } = kind;
    const found = this.#lanes.find((lane) =>
      lane.priority === priority && lane.minRemainingMs === minRemainingMs && lane.suspect === suspect);
    if (found !== undefined) return found;
    const lane: Lane = { priority, minRemainingMs, suspect, ranges: [], head: 0 };
    this.#lanes.push(lane);
    this.#lanes.sort((a, b) => (a.priority === b.priority ? 0 : a.priority - b.priority));
    return lane;
  }

  /** Forgets lanes that stand empty, so that a run with many priorities does not walk old ones for ever. */
  sweep(): void {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i];
      if (lane !== undefined && front(lane) === undefined) this.#lanes.splice(i, 1);
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
