// The Engine's end of the line to its interchange: tasks out, outcomes in. Survives the loss of the interchange: a new
// one takes the place of the old, on the same ports and keys, and every open task is sent again.

import type { Clock } from '../src/common/clock.ts';
import { decodeHeader, encodeHeader } from '../src/common/codec.ts';
import { ComputeError, unreachable } from '../src/common/errors.ts';
import type { Logger } from '../src/common/log.ts';
import { encodeFailure } from '../src/common/payload.ts';
import type {
  Failure, FromInterchange, FunctionDefinition, FunctionId, Kind, Load, ManagerId, TaskBatch, TaskId,
  TaskPlace, ToInterchange,
} from '../src/common/protocol.ts';
import { Cancelled } from './cancelled.ts';
import type { EngineConfig } from './config.ts';
import { functionId } from './functions.ts';
import { interchangeConfig } from './interchange-config.ts';
import { InterchangeProcess } from './interchange-process.ts';
import { settleEnded, settleResults } from './incoming.ts';
import { NO_LOAD, withManager } from './load.ts';
import { Losses } from './losses.ts';
import { batchFrames, checkSize, Outgoing } from './outgoing.ts';
import { Pending, type SentBatch, type TaskSink } from './pending.ts';
import { Questions } from './questions.ts';
import type { Run } from './run.ts';
import { RunTimes } from './run-times.ts';
import type { Pipe } from './pipe.ts';
import type { Frame } from './socket.ts';

export interface LinkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** The id of the first task. */
  readonly firstTask: number;
  readonly onLoad: (load: Load) => void;
  /** The interchange could not be replaced; every open task has failed. */
  readonly onLost: (error: ComputeError) => void;
}

type Order = Extract<ToInterchange, { type: 'fail-waiting' | 'drain-blocks' | 'block-ends' }>;

export class EngineLink {
  readonly #config: EngineConfig;
  readonly #deps: LinkDeps;
  readonly #pending: Pending;
  readonly #outgoing: Outgoing;
  readonly #functions = new Map<FunctionId, FunctionDefinition>();
  readonly #questions = new Questions();
  readonly #managers = new Set<ManagerId>();
  readonly #waiters: (() => void)[] = [];
  #run: Run | undefined;
  #interchange: InterchangeProcess | undefined;
  #pipe: Pipe | undefined;
  /** Batches that wait for a line to the interchange. */
  #unsent: { header: TaskBatch; frames: Frame[] }[] = [];
  #flushing = false;
  /** What was decided while there was no line. */
  #orders: Order[] = [];
  readonly #cancelled: Cancelled;
  readonly #losses = new Losses();
  readonly runTimes = new RunTimes();
  /** A new interchange is on its way: who closes waits for it, to end it. */
  #replacing: Promise<void> | undefined;
  #closed = false;
  /** Why there is no interchange any more, nor will be. */
  #lost: ComputeError | undefined;
  #load = NO_LOAD;
  settled = 0;

  constructor(config: EngineConfig, deps: LinkDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#pending = new Pending(deps.firstTask);
    this.#cancelled = new Cancelled(this.#pending);
    this.#outgoing = new Outgoing((batch) => this.#onBatch(batch));
  }

  get open(): number { return this.#pending.open; }
  get pid(): number | undefined { return this.#interchange?.pid; }
  get managerPort(): number { return this.#interchange?.managerPort ?? 0; }

  start(run: Run): Promise<void> {
    this.#run = run;
    return this.#connect(false);
  }

  define(definition: FunctionDefinition): FunctionId {
    const id = functionId(definition);
    if (!this.#functions.has(id)) {
      this.#functions.set(id, definition);
      this.#outgoing.flush();
      this.#send({ type: 'function', id, definition });
    }
    return id;
  }

  submit(kind: Kind, bytes: Uint8Array, buffers: readonly Uint8Array[], sink: TaskSink): TaskId {
    if (this.#lost !== undefined) throw this.#lost;
    const { tasks_max: tasksMax, payload_bytes_max: bytesMax } = this.#config;
    if (this.#pending.open >= tasksMax) {
      throw new ComputeError('QUEUE_FULL', `${tasksMax} tasks are open: wait for some, or raise tasks_max`);
    }
    checkSize(bytes, buffers, bytesMax);
    const id = this.#pending.add(sink);
    this.#outgoing.add(id, kind, bytes, buffers, () => this.#deps.clock.now());
    if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(() => this.#flush());
    }
    return id;
  }

  cancel(ids: readonly TaskId[]): void {
    this.#outgoing.flush();
    this.#send({ type: 'cancel', ids });
    this.#cancelled.add(ids);
  }

  failWaiting(failure: Failure): void {
    this.#outgoing.flush();
    this.tell({ type: 'fail-waiting', failure });
  }

  /** Said once: to the interchange that there is, or to the next one. */
  tell(order: Order): void {
    if (this.#pipe === undefined) this.#orders.push(order);
    else this.#send(order);
  }

  async locate(id: TaskId): Promise<TaskPlace> {
    const answer = await this.#ask((request) => ({ type: 'locate', request, id }));
    return answer?.type === 'located' ? answer.place : { at: 'unknown' };
  }

  async dump(): Promise<unknown> {
    const answer = await this.#ask((request) => ({ type: 'dump', request }));
    return answer?.type === 'dump' ? answer.state : undefined;
  }

  /** Fails everything that is open. */
  fail(error: ComputeError): void {
    const failure = encodeFailure(error, error.code, error.details);
    const now = this.#deps.clock.now();
    this.#unsent = [];
    for (const id of this.#pending.ids()) {
      const sink = this.#pending.take(id);
      if (sink === undefined) continue;
      this.settled++;
      this.#pending.release(id, 1);
      sink.onFailure(failure, now);
    }
    this.#afterSettling();
  }

  drained(): Promise<void> {
    if (this.#pending.open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  stopManagers(): void {
    this.#closed = true;
    this.#send({ type: 'stop' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#questions.giveUp();
    await this.#replacing;
    await this.#pipe?.close();
    await this.#interchange?.stop();
    this.#interchange = undefined;
  }

  async #connect(replacement: boolean): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    const interchange = await InterchangeProcess.start(
      interchangeConfig(this.#config, run, replacement ? this.#interchange?.managerPort : undefined),
      (how) => this.#onInterchangeLost(how),
    );
    if (this.#closed) {
      await interchange.stop();
      return;
    }
    this.#interchange = interchange;
    interchange.pipe.listen((frames) => this.#onMessage(frames));
    this.#pipe = interchange.pipe;
    this.#deps.log.info({ pid: interchange.pid, port: interchange.managerPort }, 'interchange started');
    this.#send({ type: 'hello' });
    for (const [id, definition] of this.#functions) this.#send({ type: 'function', id, definition });
    this.#sendOpen();
    // Managers that do not come back stay in the list: should this one end too, some may yet hold tasks.
    if (replacement) this.#send({ type: 'resumed', managers: [...this.#managers] });
    const cancelled = this.#cancelled.open();
    if (cancelled.length > 0) this.#send({ type: 'cancel', ids: cancelled });
    for (const order of this.#orders.splice(0)) this.#send(order);
  }

  #onInterchangeLost(how: string): void {
    if (this.#closed) return;
    const { clock, log } = this.#deps;
    log.warn({ reason: how, count: this.#pending.open }, 'interchange lost');
    void this.#pipe?.close(true);
    this.#pipe = undefined;
    this.#unsent = [];
    this.#questions.giveUp();
    const tooMany = this.#losses.add(clock.now());
    if (tooMany !== undefined) {
      const logPath = `${this.#run?.folder}/interchange.log`;
      this.#giveUp(new ComputeError('ENGINE_LOST', `${tooMany} (${how}); its log is ${logPath}`));
      return;
    }
    this.#replacing = this.#connect(true).catch((cause: unknown) => {
      const message = `the interchange ended (${how}) and could not be replaced`;
      this.#giveUp(new ComputeError('ENGINE_LOST', message, { cause }));
    });
  }

  #giveUp(error: ComputeError): void {
    this.#lost = error;
    this.fail(error);
    this.#deps.onLost(error);
  }

  /** Everything that is open, to an interchange that knows nothing of it. */
  #sendOpen(): void {
    this.#outgoing.flush();
    this.#unsent = [];
    const isOpen = (id: number): boolean => this.#pending.has(id);
    const now = this.#deps.clock.now();
    for (const batch of this.#pending.batches()) {
      const { header, frames } = batchFrames(batch, now, batch.open < batch.count ? isOpen : undefined);
      if (header.count > 0) this.#send({ type: 'tasks', batches: [header] }, frames);
    }
  }

  #onBatch(batch: SentBatch): void {
    this.#pending.keep(batch);
    if (this.#pipe === undefined) return; // sent with everything else when the line is there
    this.#unsent.push(batchFrames(batch, this.#deps.clock.now()));
    if (this.#unsent.length >= 16) this.#sendBatches();
  }

  #flush(): void {
    this.#flushing = false;
    this.#outgoing.flush();
    this.#sendBatches();
  }

  #sendBatches(): void {
    if (this.#unsent.length === 0 || this.#pipe === undefined) return;
    const batches = this.#unsent;
    this.#unsent = [];
    const headers = batches.map(({ header }) => header);
    this.#send({ type: 'tasks', batches: headers }, batches.flatMap(({ frames }) => frames));
  }

  #send(message: ToInterchange, frames: readonly Frame[] = []): void {
    if (message.type !== 'tasks' && this.#unsent.length > 0) this.#sendBatches();
    this.#pipe?.send([encodeHeader(message), ...frames]);
  }

  #ask(question: (request: number) => ToInterchange): ReturnType<Questions['ask']> {
    if (this.#pipe === undefined || this.#closed) return Promise.resolve(undefined);
    this.#flush();
    return this.#questions.ask((message) => this.#send(message), question);
  }

  #onMessage(frames: readonly Frame[]): void {
    const message = decodeHeader(frames[0] ?? new Uint8Array(0)) as unknown as FromInterchange; // our own child
    switch (message.type) {
      case 'results':
        this.settled += settleResults(this.#pending, message.batches, frames, this.#deps.clock.now());
        this.runTimes.observe(message.batches);
        this.#afterSettling();
        break;
      case 'ended':
        this.settled += settleEnded(this.#pending, message, frames, this.#deps.clock.now());
        this.#afterSettling();
        break;
      case 'load': this.#setLoad(message.load); break;
      case 'manager-joined':
        this.#managers.add(message.manager.manager);
        this.#setLoad(withManager(this.#load, message.manager));
        break;
      case 'manager-left': this.#managers.delete(message.manager); break;
      case 'located': case 'dump': this.#questions.onAnswer(message); break;
      default: unreachable(message);
    }
  }

  #setLoad(load: Load): void {
    this.#load = load;
    this.#deps.onLoad(load);
  }

  #afterSettling(): void {
    if (this.#pending.open > 0 || this.#waiters.length === 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
