// Tasks a manager holds that no slot has taken yet, in the order in which they came.

import type { Hops, Kind, TaskId } from '../../src/common/protocol.ts';

/** Consecutive tasks of one batch, payloads and all. `offset` is where the first one's payload starts. */
export interface Segment {
  readonly kind: Kind;
  readonly attempt: number;
  readonly hops: Hops;
  readonly ids: Float64Array;
  readonly sizes: Uint32Array;
  readonly payload: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  from: number;
  to: number;
  offset: number;
}

export function idsOf(segment: Segment): TaskId[] {
  return [...segment.ids.subarray(segment.from, segment.to)] as TaskId[]; // a column of ids
}

/** Of its payloads. */
export function bytesOf(segment: Segment): number {
  let bytes = 0;
  for (let i = segment.from; i < segment.to; i++) bytes += segment.sizes[i] ?? 0;
  return bytes;
}

export class Line {
  #segments: Segment[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(segment: Segment): void {
    this.#segments.push(segment);
    this.#length += segment.to - segment.from;
  }

  /** Tasks that a slot gave back go to the front again. */
  pushFront(segments: readonly Segment[]): void {
    this.#segments.unshift(...segments);
    for (const segment of segments) this.#length += segment.to - segment.from;
  }

  /** What the next task is. */
  next(): Kind | undefined {
    return this.#segments[0]?.kind;
  }

  /** Up to `max` tasks of one batch from the front, with payloads of `bytesMax` together; one task in any case. */
  take(max: number, bytesMax: number): Segment | undefined {
    const segment = this.#segments[0];
    if (segment === undefined) return undefined;
    const end = Math.min(segment.to, segment.from + max);
    let bytes = segment.sizes[segment.from] ?? 0;
    let to = segment.from + 1;
    for (; to < end && bytes + (segment.sizes[to] ?? 0) <= bytesMax; to++) bytes += segment.sizes[to] ?? 0;
    this.#length -= to - segment.from;
    if (to === segment.to) return this.#segments.shift();
    const taken = { ...segment, to };
    segment.offset += bytes;
    segment.from = to;
    return taken;
  }

  /** Gives up to `max` tasks back, the last ones first: they would have waited longest. */
  takeBack(max: number): TaskId[] {
    const ids: TaskId[] = [];
    while (ids.length < max) {
      const segment = this.#segments.at(-1);
      if (segment === undefined) break;
      segment.to--;
      this.#length--;
      ids.push(segment.ids[segment.to] as TaskId); // within from..to
      if (segment.from === segment.to) this.#segments.pop();
    }
    return ids;
  }

  /** Takes these tasks out, wherever they stand. Returns those that were there. */
  remove(wanted: ReadonlySet<number>): { id: TaskId; segment: Segment }[] {
    const removed: { id: TaskId; segment: Segment }[] = [];
    this.#segments = this.#segments.flatMap((segment) => {
      const pieces: Segment[] = [];
      let piece: Segment | undefined;
      let { offset } = segment;
      for (let i = segment.from; i < segment.to; i++) {
        const id = segment.ids[i] as TaskId; // within from..to
        if (wanted.has(id)) {
          removed.push({ id, segment });
          piece = undefined;
        } else if (piece === undefined) {
          piece = { ...segment, from: i, to: i + 1, offset };
          pieces.push(piece);
        } else {
          piece.to++;
        }
        offset += segment.sizes[i] ?? 0;
      }
      return pieces;
    });
    this.#length -= removed.length;
    return removed;
  }

  ids(): TaskId[] {
    return this.#segments.flatMap(idsOf);
  }
}
