// The client's open tasks: who waits for each, and the frames it was sent in.
//
// A task is here from `submit` until it settles, which happens once: settling takes it out. The frames are kept as long
// as any task of the batch is open, because after the loss of an interchange they are sent again. Ids count from 1, so
// this is pages of an array and not a map.

import type { Failure, Kind, ResultBatch, TaskId } from '../src/common/protocol.ts';
import type { Frame } from './socket.ts';

/** What the engine tells whoever waits for a task. Exactly one of the two is called, once. */
export interface TaskSink {
  /** `at`: its position in the columns of `arrived`. `outcome` is valid during the call only. */
  onOutcome(ok: boolean, outcome: Uint8Array, arrived: Arrived, at: number): void;
  onFailure(failure: Failure, settledAtMs: number): void;
}

/** Results as they came, shared by the futures that settled from them. */
export interface Arrived {
  readonly header: ResultBatch;
  readonly startedMs: Float32Array;
  readonly runMs: Float32Array;
  readonly buffers: readonly Frame[];
  readonly settledAtMs: number;
}

/** Tasks of one kind that were sent together; ids from `first` on. */
export interface SentBatch {
  readonly kind: Kind;
  readonly first: number;
  readonly count: number;
  readonly submittedAtMs: number;
  readonly sizes: Uint32Array;
  readonly payload: Frame;
  readonly buffers: readonly Frame[];
  open: number;
}

const PAGE = 4096;

interface Page {
  open: number;
  readonly sinks: (TaskSink | undefined)[];
}

export class Pending {
  readonly #pages = new Map<number, Page>();
  readonly #batches = new Map<number, SentBatch>();
  /** First ids of the open batches, ascending: they are made in that order. */
  #order: number[] = [];
  #lastNumber = -1;
  #last: Page | undefined;
  #nextId: number;
  open = 0;

  constructor(first = 1) {
    this.#nextId = first;
  }

  /** Takes a task in and names it. */
  add(sink: TaskSink): TaskId {
    const id = this.#nextId++;
    const number = Math.floor(id / PAGE);
    let page = this.#find(number);
    if (page === undefined) {
      page = { open: 0, sinks: [] };
      this.#pages.set(number, page);
      this.#last = page;
    }
    page.sinks[id % PAGE] = sink;
    page.open++;
    this.open++;
    return id as TaskId; // this is where ids are made
  }

  keep(batch: SentBatch): void {
    this.#batches.set(batch.first, batch);
    this.#order.push(batch.first);
  }

  has(id: number): boolean {
    return this.#find(Math.floor(id / PAGE))?.sinks[id % PAGE] !== undefined;
  }

  /** Takes a task out. Undefined when it has settled before. */
  take(id: number): TaskSink | undefined {
    const number = Math.floor(id / PAGE);
    const page = this.#find(number);
    const sink = page?.sinks[id % PAGE];
    if (page === undefined || sink === undefined) return undefined;
    page.sinks[id % PAGE] = undefined;
    this.open--;
    if (--page.open === 0 && this.#nextId > (number + 1) * PAGE) {
      this.#pages.delete(number);
      this.#lastNumber = -1;
    }
    return sink;
  }

  /** `count` tasks from `id` on have settled; called with runs of ids, so that a batch is looked up once a run. */
  release(id: number, count: number): void {
    let at = id;
    let left = count;
    while (left > 0) {
      const batch = this.#batchOf(at);
      if (batch === undefined) return;
      const here = Math.min(left, batch.first + batch.count - at);
      batch.open -= here;
      if (batch.open <= 0) this.#drop(batch);
      at += here;
      left -= here;
    }
  }

  /** Open batches in the order in which they were submitted. */
  * batches(): Generator<SentBatch> {
    for (const first of this.#order) {
      const batch = this.#batches.get(first);
      if (batch !== undefined) yield batch;
    }
  }

  * ids(): Generator<TaskId> {
    for (const [number, page] of this.#pages) {
      for (let at = 0; at < page.sinks.length; at++) {
        if (page.sinks[at] !== undefined) yield (number * PAGE + at) as TaskId; // made by `add`
      }
    }
  }

  #batchOf(id: number): SentBatch | undefined {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#order[middle] ?? Infinity) <= id) low = middle + 1;
      else high = middle;
    }
    const first = this.#order[low - 1];
    return first === undefined ? undefined : this.#batches.get(first);
  }

  #drop(batch: SentBatch): void {
    this.#batches.delete(batch.first);
    if (this.#order.length > 64 && this.#order.length > 2 * this.#batches.size) {
      this.#order = this.#order.filter((first) => this.#batches.has(first));
    }
  }

  #find(number: number): Page | undefined {
    if (number !== this.#lastNumber) {
      this.#lastNumber = number;
      this.#last = this.#pages.get(number);
    }
    return this.#last;
  }
}
