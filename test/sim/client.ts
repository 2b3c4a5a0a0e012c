// The client of a simulated run: its real table of open tasks, batches and results, and what it does when the
// interchange is replaced.

import assert from 'node:assert/strict';
import { decodeHeader, encodeHeader } from '../../src/common/codec.ts';
import { settleEnded, settleResults } from '../../engine/incoming.ts';
import { batchFrames, Outgoing } from '../../engine/outgoing.ts';
import { Pending, type SentBatch } from '../../engine/pending.ts';
import type {
  BlockId, Failure, FromInterchange, FunctionId, Kind, Load, ManagerId, TaskId, ToInterchange,
} from '../../src/common/protocol.ts';
import type { SimInterchange } from './interchange.ts';
import { Pipe, type Frames, type Random, type Timeline } from './network.ts';

export type Ending = 'ok' | Failure['code'];

/** Payloads say whose they are, so that a wrong cut is seen where it is run. */
export function payloadOf(id: number): Uint8Array {
  return new TextEncoder().encode(`task ${id}${'.'.repeat(id % 7)}`);
}

export class SimClient {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #pending = new Pending();
  readonly #outgoing = new Outgoing((batch) => this.#onBatch(batch));
  readonly #functions = new Set<FunctionId>();
  readonly #managers = new Set<ManagerId>();
  readonly endings = new Map<TaskId, Ending>();
  readonly cancelled = new Set<TaskId>();
  #interchange: SimInterchange | undefined;
  #pipe: Pipe;
  load: Load = { waiting: 0, held: 0, managers: [], connectedBlocks: [] };
  submitted = 0;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
    this.#pipe = new Pipe(timeline, random);
  }

  get open(): number {
    return this.#pending.open;
  }

  openIds(): TaskId[] {
    return [...this.#pending.ids()];
  }

  /** As the engine does it: functions, then every open task, who may hold some of them, what was cancelled. */
  connect(interchange: SimInterchange, replacement: boolean): void {
    this.#interchange = interchange;
    this.#pipe = new Pipe(this.#timeline, this.#random);
    this.#send({ type: 'hello' });
    for (const id of this.#functions) this.#sendFunction(id);
    for (const batch of this.#pending.batches()) {
      const { header, frames } = batchFrames(batch, this.#timeline.now, (id) => this.#pending.has(id));
      if (header.count > 0) this.#send({ type: 'tasks', batches: [header] }, frames);
    }
    if (replacement) this.#send({ type: 'resumed', managers: [...this.#managers] });
    const cancelled = [...this.cancelled].filter((id) => this.#pending.has(id));
    if (cancelled.length > 0) this.#send({ type: 'cancel', ids: cancelled });
  }

  lose(): void {
    this.#interchange = undefined;
    this.#pipe.cut();
  }

  submit(kind: Kind, count: number): TaskId[] {
    if (!this.#functions.has(kind.fn)) {
      this.#functions.add(kind.fn);
      this.#sendFunction(kind.fn);
    }
    const ids = Array.from({ length: count }, () => {
      const id = this.#pending.add({
        onOutcome: (ok, outcome) => this.#onEnd(id, ok ? 'ok' : new TextDecoder().decode(outcome) as Ending),
        onFailure: ({ code }) => this.#onEnd(id, code),
      });
      this.#outgoing.add(id, kind, payloadOf(id), [], () => this.#timeline.now);
      return id;
    });
    this.submitted += count;
    this.#outgoing.flush();
    return ids;
  }

  cancel(ids: readonly TaskId[]): void {
    for (const id of ids) this.cancelled.add(id);
    this.#send({ type: 'cancel', ids });
  }

  failWaiting(failure: Failure): void {
    this.#send({ type: 'fail-waiting', failure });
  }

  drainBlocks(blocks: readonly BlockId[]): void {
    this.#send({ type: 'drain-blocks', blocks });
  }

  onMessage(frames: Frames): void {
    const message = decodeHeader(frames[0] ?? new Uint8Array(0)) as unknown as FromInterchange; // our own interchange
    const { now } = this.#timeline;
    switch (message.type) {
      case 'results': settleResults(this.#pending, message.batches, frames, now); break;
      case 'ended': settleEnded(this.#pending, message, frames, now); break;
      case 'load': this.load = message.load; break;
      case 'manager-joined': this.#managers.add(message.manager.manager); break;
      case 'manager-left': this.#managers.delete(message.manager); break;
      case 'located': case 'dump': assert.fail(`nobody asked for ${message.type}`);
    }
  }

  #onEnd(id: TaskId, ending: Ending): void {
    assert.ok(!this.endings.has(id), `task ${id} ends a second time: ${this.endings.get(id)}, then ${ending}`);
    this.endings.set(id, ending);
  }

  #onBatch(batch: SentBatch): void {
    this.#pending.keep(batch);
    const { header, frames } = batchFrames(batch, this.#timeline.now);
    this.#send({ type: 'tasks', batches: [header] }, frames);
  }

  #sendFunction(id: FunctionId): void {
    this.#send({ type: 'function', id, definition: { form: 'source', name: id, source: '() => {}' } });
  }

  #send(message: ToInterchange, frames: Frames = []): void {
    const interchange = this.#interchange;
    if (interchange === undefined) return; // it is told everything when the next one is there
    const all = [encodeHeader(message), ...frames];
    this.#pipe.send(() => interchange.onClient(all));
  }
}
