// The workers of a node: gives idle slots tasks from the line, collects what comes out, and deals with what goes wrong.

import type { Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import type { Logger } from '../../src/common/log.ts';
import { STATUS, type FunctionDefinition, type FunctionId, type TaskId } from '../../src/common/protocol.ts';
import { PAYLOAD_BYTES_MAX } from '../../src/common/slot-memory.ts';
import { Barren } from './barren.ts';
import { endGroups, endInterpreter, endStartingCommand } from './command-group.ts';
import { share, type SharedDefinition } from './definition.ts';
import { failAll } from './failed.ts';
import { idsOf, Line, type Segment } from './line.ts';
import type { Crew, ManagerLink } from './link.ts';
import { Pace } from './pace.ts';
import type { WorkerPool } from './pool.ts';
import { Seats, tooWide, type Equipment } from './seats.ts';
import { Slot, type Collected } from './slot.ts';
import { limitTime } from './time-limit.ts';

export interface CrewOptions {
  /** Tasks at a time. */
  readonly workers: number;
  readonly prefetch: number;
  readonly equipment: Equipment;
}

export interface CrewDeps {
  readonly pool: WorkerPool;
  readonly link: ManagerLink;
  readonly clock: Clock;
  readonly log: Logger;
  /** Everything that ran has ended and the rest was handed back. */
  readonly onDrained: () => void;
}

/** How often results are collected, and lines evened out, while workers are at assignments of several tasks. */
const COLLECT_MS = 5;

export class WorkerCrew implements Crew {
  readonly slots: number;
  readonly workers: number;
  readonly #deps: CrewDeps;
  readonly #all: Slot[];
  readonly #seats: Seats;
  readonly #line = new Line();
  readonly #pace: Pace;
  readonly #definitions = new Map<FunctionId, SharedDefinition>();
  readonly #barren = new Barren();
  #collecting: NodeJS.Timeout | undefined;
  #draining = false;
  #closed = false;

  constructor(options: CrewOptions, deps: CrewDeps) {
    const { workers, prefetch, equipment } = options;
    this.slots = equipment.mpi?.nodes.length ?? workers;
    this.workers = workers;
    this.#deps = deps;
    this.#all = Array.from({ length: workers }, (_, index) => new Slot(index));
    this.#seats = new Seats(this.#all, equipment);
    this.#pace = new Pace(workers, prefetch, equipment.mpi === null);
  }

  get draining(): boolean { return this.#draining; }

  window(): number {
    return this.#draining ? 0 : this.#pace.window();
  }

  held(): TaskId[] {
    return [...this.#all.flatMap((slot) => slot.ids()), ...this.#line.ids()];
  }

  onFunctions(functions: readonly { id: FunctionId; definition: FunctionDefinition }[]): void {
    for (const { id, definition } of functions) this.#definitions.set(id, share(definition));
  }

  onTasks(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const { footprint } = segment.kind;
      if (footprint === undefined || footprint.width <= this.slots) this.#line.push(segment);
      else this.#fail(idsOf(segment), segment, tooWide(footprint, this.slots));
    }
    if (this.#draining) this.#handBack();
    else this.#assign();
  }

  onCancel(ids: readonly TaskId[]): void {
    const cancelled = new ComputeError('TASK_CANCELLED', 'the task was cancelled');
    this.#takeOut(new Set(ids), (out, segment) => this.#fail(out, segment, cancelled),
      (slot) => this.#abort(slot, cancelled, STATUS.failed));
  }

  onDrop(ids: readonly TaskId[]): void {
    this.#takeOut(new Set(ids), () => { /* nobody wants to hear of them */ }, (slot) => this.#discard(slot));
  }

  onRecall(count: number): void {
    const ids = this.#line.takeBack(count);
    for (const slot of this.#all) {
      if (ids.length >= count) break;
      ids.push(...slot.recall(count - ids.length).flatMap(idsOf));
    }
    this.#deps.link.send({ type: 'returned', ids });
  }

  /** `terminated`: by the scheduler's SIGTERM, which mostly the commands of tasks have got, too. */
  onDrain(terminated = false): void {
    if (terminated) for (const slot of this.#all) slot.memory.terminate();
    if (this.#draining) return;
    this.#draining = true;
    this.#deps.link.send({ type: 'draining' });
    this.#handBack();
  }

  /** Ends what runs now and hands it back: the block's end is not the task's fault. */
  handBackRunning(): void {
    for (const slot of this.#all) {
      const id = this.#discard(slot);
      if (id !== undefined) this.#deps.link.send({ type: 'returned', ids: [id] });
    }
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#collecting);
    for (const slot of this.#all) clearTimeout(slot.timer);
    await Promise.all(this.#all.map((slot) => endStartingCommand(slot, this.#deps.clock)));
    await this.#deps.pool.close();
  }

  #assign(): void {
    while (this.#seats.idle > 0 && this.#line.length > 0 && !this.#closed) {
      const kind = this.#line.next();
      if (kind === undefined) return;
      const slot = this.#seats.take(kind.footprint);
      if (slot === undefined) return; // what is behind a task that waits for its slots waits with it
      const count = slot.seat === undefined ? this.#pace.assignment(kind.fn, this.#line.length) : 1;
      const segment = this.#line.take(count, PAYLOAD_BYTES_MAX);
      const definition = this.#definitions.get(kind.fn);
      if (segment !== undefined && definition !== undefined) {
        void this.#run(slot, segment, definition);
        continue;
      }
      this.#seats.giveBack(slot);
      if (segment === undefined) return;
      const unknown = new ComputeError('FUNCTION_NOT_FOUND', 'the function was never sent to this manager');
      this.#fail(idsOf(segment), segment, unknown);
    }
  }

  async #run(slot: Slot, segment: Segment, definition: SharedDefinition): Promise<void> {
    const { clock } = this.#deps;
    const assignment = slot.start(segment, clock.now());
    slot.ended = false;
    if (segment.kind.timeoutMs > 0) {
      limitTime(slot, { timeoutMs: segment.kind.timeoutMs, command: definition.form === 'command', clock }, (reason) =>
        this.#abort(slot, reason, STATUS.retryable));
    }
    if (assignment.count > 1) this.#collecting ??= setInterval(() => this.#collectAll(), COLLECT_MS);
    let lost = false;
    try {
      const large = await this.#poolOf(slot).run(slot, assignment, definition.bytes);
      this.#report(slot.collect(clock.now()), segment);
      if (large !== undefined) this.#report(slot.collectLarge(large, clock.now()), segment);
    } catch (error) {
      lost = true;
      if (!this.#closed) this.#onLost(slot, segment, error, slot.ended);
    }
    if (this.#closed) return;
    // Tasks behind one whose outcome was too large for the slot's memory, or behind the one that took the worker down.
    this.#line.pushFront(slot.takeBack());
    const stranded = slot.stranded();
    if (stranded.length > 0) this.#deps.link.send({ type: 'returned', ids: stranded });
    slot.clear(lost);
    this.#seats.giveBack(slot);
    if (this.#draining) this.#handBack();
    else this.#assign();
  }

  /** The thread is gone. What finished counts; the task it was at is charged, unless we ended it ourselves. */
  #onLost(slot: Slot, segment: Segment, error: unknown, ours: boolean): void {
    const { clock, log } = this.#deps;
    this.#report(slot.collect(clock.now()), segment);
    endGroups(slot);
    if (ours) return;
    const lost = error instanceof ComputeError
      ? error : new ComputeError('WORKER_LOST', 'the worker ended', { cause: error });
    log.warn({ err: lost, count: slot.queued() }, 'worker lost');
    const failed = slot.failRunning(lost, STATUS.workerLost, clock.now())
      ?? slot.failLarge(lost, STATUS.workerLost, clock.now());
    if (failed !== undefined) {
      this.#report(failed, segment);
      return;
    }
    const [first] = slot.ids();
    if (first === undefined || slot.moved || !this.#barren.add(first)) return;
    slot.recall(1, (id) => id === first);
    this.#fail([first], segment, lost, STATUS.workerLost);
  }

  /** Fails the running task and ends its thread; the others of its assignment go on elsewhere. */
  #abort(slot: Slot, reason: ComputeError, status: number): void {
    const { segment } = slot;
    if (segment === undefined) return;
    this.#line.pushFront(slot.recall(Infinity));
    const failed = slot.failRunning(reason, status, this.#deps.clock.now());
    if (failed === undefined) return; // it finished in time after all
    this.#report(failed, segment);
    this.#end(slot);
  }

  /** Ends the running task and its thread without a result. Undefined when none ran, or it finished just now. */
  #discard(slot: Slot): TaskId | undefined {
    const at = slot.running();
    if (at === undefined || !slot.memory.kill(at)) return undefined;
    this.#line.pushFront(slot.recall(Infinity));
    this.#end(slot);
    return slot.idAt(at);
  }

  /** Tasks wherever they are: in line or queued in a slot, and those that run. */
  #takeOut(
    wanted: ReadonlySet<number>, onOut: (ids: TaskId[], segment: Segment) => void, onRunning: (slot: Slot) => void,
  ): void {
    for (const { id, segment } of this.#line.remove(wanted)) onOut([id], segment);
    for (const slot of this.#all) {
      for (const segment of slot.recall(Infinity, (id) => wanted.has(id))) onOut(idsOf(segment), segment);
      const { segment } = slot;
      const claimed = slot.giveUpClaimed(wanted);
      if (segment !== undefined && claimed.length > 0) onOut(claimed, segment);
      const at = slot.running();
      if (at !== undefined && wanted.has(slot.idAt(at))) onRunning(slot);
    }
  }

  #end(slot: Slot): void {
    const { segment } = slot;
    slot.ended = true;
    const isPython = segment !== undefined && this.#definitions.get(segment.kind.fn)?.form === 'python';
    void (isPython ? endInterpreter : endStartingCommand)(slot, this.#deps.clock).then(() => {
      if (slot.segment === segment) this.#poolOf(slot).kill(slot.index);
    });
  }

  #poolOf({ seat }: Slot): WorkerPool {
    return seat === undefined ? this.#deps.pool : this.#deps.pool.ofWidth(1 + seat.others.length);
  }

  #collectAll(): void {
    let several = false;
    for (const slot of this.#all) {
      if (slot.segment === undefined) continue;
      this.#report(slot.collect(this.#deps.clock.now()), slot.segment);
      several ||= slot.severalOpen;
    }
    if (several) {
      this.#evenOut();
      return;
    }
    clearInterval(this.#collecting);
    this.#collecting = undefined;
  }

  /** A slot is idle while another has tasks queued: half of the longest queue moves. */
  #evenOut(): void {
    if (this.#seats.idle === 0 || this.#line.length > 0) return;
    let longest: Slot | undefined;
    for (const slot of this.#all) if (slot.queued() > (longest?.queued() ?? 0)) longest = slot;
    if (longest === undefined) return;
    this.#line.pushFront(longest.recall(Math.ceil(longest.queued() / 2)));
    this.#assign();
  }

  #handBack(): void {
    const ids = [
      ...this.#line.takeBack(Infinity),
      ...this.#all.flatMap((slot) => slot.recall(Infinity).flatMap(idsOf)),
    ];
    if (ids.length > 0) this.#deps.link.send({ type: 'returned', ids });
    if (this.#seats.idle === this.workers) this.#deps.onDrained();
  }

  #report(collected: Collected | undefined, segment: Segment): void {
    if (collected === undefined) return;
    this.#deps.link.report(collected.header, collected.frames); // first: somebody waits for it
    this.#pace.observe(segment.kind.fn, collected);
    this.#barren.forget(collected.ids);
  }

  #fail(ids: readonly number[], segment: Segment, error: ComputeError, status: number = STATUS.failed): void {
    const { header, frames } = failAll(ids, segment, error, status, this.#deps.clock.now());
    this.#deps.link.report(header, frames);
  }
}
