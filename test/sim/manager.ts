// A manager of a simulated run: follows the protocol as the real one does, and runs tasks by letting time pass.

import assert from 'node:assert/strict';
import { decodeHeader, encodeHeader } from '../../src/common/codec.ts';
import { decodeTaskColumns, encodeResultColumns } from '../../src/common/columns.ts';
import {
  PROTOCOL_VERSION, STATUS,
  type BlockId, type FromManager, type FunctionId, type Hops, type ManagerId, type ResultBatch, type TaskId,
  type ToManager,
} from '../../src/common/protocol.ts';
import { payloadOf } from './client.ts';
import { Line, type Dialing, type Frames, type Listening, type Random, type Timeline } from './network.ts';

/** What a task does where it runs. */
export interface Nature {
  readonly runMs: number;
  /** So many tries raise before one does not. */
  readonly raises: number;
  readonly kills: 'nothing' | 'worker' | 'manager';
}

/** What the world wants to know of what happens on nodes. */
export interface Witness {
  natureOf(id: TaskId): Nature;
  onRaised(id: TaskId): void;
  onWorkerLost(id: TaskId): void;
  onEnded(manager: SimManager): void;
}

export interface Place {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly listener: () => Listening | undefined;
  readonly witness: Witness;
  readonly id: ManagerId;
  readonly block: BlockId;
  readonly slots: number;
  readonly prefetch: number;
  readonly endsAtMs: number | undefined;
}

interface Task {
  readonly id: TaskId;
  readonly fn: FunctionId;
  readonly attempt: number;
  readonly hops: Hops;
  readonly width: number;
}

/** A process of its own that is told to end waits so long for what runs. */
const TERM_GRACE_MS = 3000;
const KEEP_MS = 2000;
const ASLEEP_MS = 3000;

export class SimManager implements Dialing {
  readonly place: Place;
  readonly #line: Line;
  readonly #running = new Map<Task, () => void>();
  readonly #functions = new Set<string>();
  readonly #timers: (() => void)[] = [];
  #waiting: Task[] = [];
  #kept: { readonly atMs: number; readonly header: ResultBatch; readonly frames: Frames }[] = [];
  #registered = false;
  #draining = false;
  /** Its last registration said so. */
  #registeredDraining = false;
  #heardAtMs: number;
  #thresholdMs = Infinity;
  #heart: (() => void) | undefined;
  #frozenUntilMs = 0;
  ended = false;

  constructor(place: Place) {
    this.place = place;
    this.#heardAtMs = place.timeline.now;
    this.#line = new Line(place.timeline, place.random, place.listener, this);
    this.#register();
  }

  get peer(): string {
    return this.place.id;
  }

  held(): TaskId[] {
    return [...this.#running.keys(), ...this.#waiting].map(({ id }) => id);
  }

  onMessage(frames: Frames): void {
    this.#whenAwake(() => {
      this.#heardAtMs = this.place.timeline.now;
      this.#take(decodeHeader(frames[0] ?? new Uint8Array(0)) as unknown as ToManager, frames); // our own interchange
    });
  }

  onConnection(connected: boolean): void {
    this.#whenAwake(() => {
      if (connected && !this.#registered) this.#register();
      this.#registered &&= connected;
    });
  }

  cut(): void {
    this.#line.cut();
  }

  /** Stopped, as a debugger or a stalled file system does it: connected, and silent. */
  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.place.timeline.now + ms);
  }

  /** `silently`: with its node, so that nobody hears of it. */
  die(silently: boolean): void {
    if (this.ended) return;
    this.#end();
    if (silently) this.#line.vanish();
    else this.#line.close();
  }

  /** The scheduler wants the node back. */
  term(): void {
    this.#whenAwake(() => {
      this.#drain();
      this.#after(TERM_GRACE_MS, () => {
        for (const [task, stop] of this.#running) {
          stop();
          this.#running.delete(task);
          this.#send({ type: 'returned', ids: [task.id] });
        }
        this.#leaveIfDone();
      });
    });
  }

  #take(message: ToManager, frames: Frames): void {
    switch (message.type) {
      case 'registered': this.#onRegistered(message.heartbeatPeriodMs, message.heartbeatThresholdMs); break;
      case 'tasks':
        if (this.#registered) this.#onTasks(message, frames);
        break;
      case 'cancel': this.#onCancel(new Set(message.ids), true); break;
      case 'drop': this.#onCancel(new Set(message.ids), false); break;
      case 'recall': {
        const back = this.#waiting.splice(Math.max(0, this.#waiting.length - message.count));
        this.#send({ type: 'returned', ids: back.map(({ id }) => id) });
        break;
      }
      case 'drain': this.#drain(); break;
      case 'register-again':
        if (this.#registered) this.#register();
        break;
      case 'heartbeat': break;
      case 'refused': assert.fail(`${this.peer} was refused: ${message.reason}`);
      // falls through
      case 'stop': this.die(false); break;
    }
  }

  #onTasks(message: Extract<ToManager, { type: 'tasks' }>, frames: Frames): void {
    assert.ok(!this.#registeredDraining, `${this.peer} gets tasks after a registration that said it takes none`);
    for (const { id } of message.functions ?? []) this.#functions.add(id);
    message.batches.forEach(({ kind, count, attempt, hops }, i) => {
      const { ids, sizes } = decodeTaskColumns(frames[1 + 2 * i] ?? new Uint8Array(0), count);
      const payload = frames[2 + 2 * i] ?? new Uint8Array(0);
      let offset = 0;
      ids.forEach((number, at) => {
        const id = number as TaskId; // a column of ids
        const bytes = payload.subarray(offset, offset += sizes[at] ?? 0);
        assert.deepEqual(new Uint8Array(bytes), payloadOf(id), `task ${id} comes with its own payload`);
        assert.ok(this.#functions.has(kind.fn), `${this.peer} was sent a task, and never its function`);
        this.#waiting.push({ id, fn: kind.fn, attempt, hops, width: kind.footprint?.width ?? 1 });
      });
      assert.equal(offset, payload.length);
    });
    if (this.#draining) this.#handBack();
    else this.#assign();
  }

  #assign(): void {
    const { slots, random, witness } = this.place;
    while (!this.ended) {
      const task = this.#waiting[0];
      const taken = [...this.#running.keys()].reduce((sum, { width }) => sum + width, 0);
      // What is behind a task that waits for its slots waits with it.
      if (task === undefined || taken + task.width > slots) return;
      this.#waiting.shift();
      const { runMs } = witness.natureOf(task.id);
      const stop = this.#after(runMs * random.between(0.8, 1.2), () => this.#onDone(task));
      this.#running.set(task, stop);
    }
  }

  #onDone(task: Task): void {
    const { witness } = this.place;
    const { kills, raises } = witness.natureOf(task.id);
    if (kills === 'manager') {
      this.die(false);
      return;
    }
    this.#running.delete(task);
    if (kills === 'worker') {
      witness.onWorkerLost(task.id);
      this.#report(task, STATUS.workerLost, 'WORKER_LOST');
    } else if (task.attempt <= raises) {
      witness.onRaised(task.id);
      this.#report(task, STATUS.retryable, 'TASK_RAISED');
    } else {
      this.#report(task, STATUS.ok, 'ok');
    }
    this.#assign();
    if (this.#draining) this.#leaveIfDone();
  }

  #onCancel(ids: ReadonlySet<TaskId>, isReported: boolean): void {
    const isMeant = ({ id }: Task): boolean => ids.has(id);
    const cancelled = [...this.#waiting.filter(isMeant), ...[...this.#running.keys()].filter(isMeant)];
    this.#waiting = this.#waiting.filter((task) => !isMeant(task));
    for (const task of cancelled) {
      this.#running.get(task)?.();
      this.#running.delete(task);
      if (isReported) this.#report(task, STATUS.failed, 'TASK_CANCELLED');
    }
    this.#assign();
    if (this.#draining) this.#leaveIfDone();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#send({ type: 'draining' });
    this.#handBack();
  }

  #handBack(): void {
    const back = this.#waiting.splice(0);
    if (back.length > 0) this.#send({ type: 'returned', ids: back.map(({ id }) => id) });
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#running.size > 0) return;
    this.#send({ type: 'drained' });
    this.die(false);
  }

  #report(task: Task, status: number, outcome: string): void {
    const body = new TextEncoder().encode(outcome);
    const { timeline } = this.place;
    const header: ResultBatch = {
      count: 1, attempt: task.attempt, buffers: 0, failures: status !== STATUS.ok, worker: 0,
      startedAtMs: timeline.now, returnedAtMs: timeline.now, hops: task.hops,
    };
    const columns = encodeResultColumns({
      ids: Float64Array.of(task.id), startedMs: Float32Array.of(0), runMs: Float32Array.of(1),
      sizes: Uint32Array.of(body.length), status: Uint8Array.of(status),
    });
    this.#kept.push({ atMs: timeline.now, header, frames: [columns, body] });
    this.#send({ type: 'results', window: this.#window(), batches: [header] }, [columns, body]);
  }

  #window(): number {
    return this.#draining ? 0 : this.place.slots + this.place.prefetch;
  }

  #register(): void {
    if (this.ended) return;
    this.#registered = false;
    this.#registeredDraining = this.#draining;
    const { id: manager, block, slots, endsAtMs } = this.place;
    this.#send({
      type: 'register', version: PROTOCOL_VERSION, manager, block, node: 'node', pid: 1, slots, window: this.#window(),
      nodeVersion: '20', cores: slots, memoryMiB: 1, draining: this.#draining,
      ...(endsAtMs === undefined ? {} : { endsAtMs }),
      held: this.held(), batches: this.#kept.map(({ header }) => header),
    }, this.#kept.flatMap(({ frames }) => frames));
  }

  #onRegistered(periodMs: number, thresholdMs: number): void {
    const { timeline } = this.place;
    this.#registered = true;
    this.#thresholdMs = thresholdMs;
    this.#heart?.();
    let dueMs = periodMs;
    let checkedAtMs = timeline.now;
    this.#heart = timeline.every(Math.min(1000, periodMs), () => this.#whenAwake(() => {
      dueMs -= Math.min(1000, periodMs);
      if (dueMs <= 0) {
        dueMs = periodMs;
        this.#send({ type: 'heartbeat' });
      }
      if (this.#registered) this.#kept = this.#kept.filter(({ atMs }) => atMs >= timeline.now - KEEP_MS);
      const hasSlept = timeline.now - checkedAtMs > ASLEEP_MS;
      checkedAtMs = timeline.now;
      if (hasSlept) this.#heardAtMs = timeline.now;
      else if (timeline.now - this.#heardAtMs > this.#thresholdMs) this.die(false);
    }));
  }

  /**
   * What is said twice after a broken connection may as well be said twice at any time. A registration is not: once on
   * each connection is what the interchange is promised, because tasks could cross with the second one.
   */
  #send(message: FromManager, frames: Frames = []): void {
    if (this.ended) return;
    const mayRepeat = ['results', 'heartbeat'].includes(message.type);
    this.#line.send([encodeHeader(message), ...frames], mayRepeat && this.place.random.chance(0.02));
  }

  #after(ms: number, run: () => void): () => void {
    const stop = this.place.timeline.after(ms, () => this.#whenAwake(run));
    this.#timers.push(stop);
    return stop;
  }

  #whenAwake(run: () => void): void {
    if (this.ended) return;
    const { timeline } = this.place;
    if (timeline.now >= this.#frozenUntilMs) run();
    else timeline.after(this.#frozenUntilMs - timeline.now, () => this.#whenAwake(run));
  }

  #end(): void {
    this.place.witness.onEnded(this);
    this.ended = true;
    this.#heart?.();
    for (const stop of this.#timers) stop();
  }
}
