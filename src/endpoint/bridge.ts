// Between the broker's task queue and the engine. A task is the ledger's when its message is acknowledged, and not
// before; it is over when the broker has its result. What comes twice meanwhile runs once.

import type { Delivery } from '../amqp/consumer.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { encodeFailure, type Encoded } from '../common/payload.ts';
import type { Failure, Kind, TaskId } from '../common/protocol.ts';
import type { TaskSink } from '../../engine/pending.ts';
import { readArrival, readWritten, writeArrival, type ArrivedTask } from './arrival.ts';
import type { Ledger } from './ledger.ts';
import type { Outbox } from './outbox.ts';
import { argumentsOf, languageOf, type Language, type Programs } from './programs.ts';
import { failureOf, isPostponed, notAllowed, notStarted, resultOf, type Answering } from './result-of.ts';

export interface BridgeDeps {
  readonly ledger: Ledger;
  readonly outbox: Pick<Outbox, 'add' | 'resend'>;
  readonly programs: Programs;
  readonly submit: (kind: Kind, arguments_: Encoded, sink: TaskSink) => TaskId;
  readonly log: Logger;
  /** The engine cannot go on: every block failed, or it was lost itself. */
  readonly onBroken: (failure: Failure) => void;
}

export interface BridgeConfig {
  readonly endpointId: string;
  /** null: every function may run here. */
  readonly allowedFunctions: readonly string[] | null;
  /** In every result of JavaScript. */
  readonly details: JsonObject;
}

/** Tasks that are open, and bytes of them and their results: what comes beyond stays with the broker. */
const OPEN_TASKS_MAX = 200_000;
const OPEN_BYTES_MAX = 1024 * 1024 * 1024;
/** Failures after which an engine takes tasks only to fail them. */
const BROKEN: ReadonlySet<string> = new Set(['BLOCKS_FAILED', 'ENGINE_LOST', 'START_FAILED']);

export class Bridge {
  readonly #deps: BridgeDeps;
  readonly #endpointId: string;
  readonly #details: JsonObject;
  readonly #allowed: ReadonlySet<string> | null;
  /** Deliveries for which there is no room, or not yet. As many as the consumer's prefetch lets in. */
  #held: Delivery[] = [];
  #isOpen = false;
  #stopping = false;
  /** Tasks that were taken, those of an earlier process too. */
  received = 0;
  /** Messages that were no task's, and of no known task. */
  dropped = 0;
  /** Tasks that came again while they were open or had just ended. */
  duplicates = 0;
  /** Tasks that run, and that an earlier process may have run. */
  rerun = 0;

  constructor(deps: BridgeDeps, { endpointId, allowedFunctions, details }: BridgeConfig) {
    this.#deps = deps;
    this.#endpointId = endpointId;
    this.#allowed = allowedFunctions === null ? null : new Set(allowedFunctions.map((id) => id.toLowerCase()));
    this.#details = { ...details, endpoint_id: endpointId };
  }

  /** What an earlier process has left: its results are sent, its tasks run again. Then deliveries are taken. */
  async open(): Promise<void> {
    const { ledger, outbox, log } = this.#deps;
    const settled = ledger.settledIds();
    outbox.resend(settled);
    for await (const { ids, content } of ledger.unfinished()) {
      const open = new Set(ids);
      const arrival = readArrival(readWritten(content));
      const tasks = 'type' in arrival ? [] : arrival.filter(({ taskId }) => open.has(taskId));
      for (const task of tasks) {
        open.delete(task.taskId);
        this.#run(task);
      }
      for (const taskId of open) outbox.add(notStarted(this.#to(taskId), undefined, UNREADABLE));
      this.rerun += ids.length;
    }
    this.received += settled.length + this.rerun;
    if (this.rerun > 0) log.warn({ count: this.rerun }, 'tasks of an earlier process run again');
    if (settled.length > 0) log.info({ count: settled.length }, 'results of an earlier process are sent');
    this.#isOpen = true;
    this.admit();
  }

  onDelivery(delivery: Delivery): void {
    if (this.#stopping) {
      delivery.reject({ requeue: true });
      return;
    }
    this.#held.push(delivery);
    this.admit();
  }

  /** Takes what waits, as far as there is room. */
  admit(): void {
    while (this.#held.length > 0 && this.#isOpen && !this.#stopping && this.#hasRoom()) {
      const delivery = this.#held.shift();
      if (delivery !== undefined) this.#take(delivery);
    }
  }

  /** Nothing more is taken, and what the engine gives up is left for the next start. */
  stop(): void {
    this.#stopping = true;
    for (const delivery of this.#held.splice(0)) delivery.reject({ requeue: true });
  }

  #hasRoom(): boolean {
    const { ledger } = this.#deps;
    return ledger.unsettled + ledger.unconfirmed < OPEN_TASKS_MAX && ledger.openBytes < OPEN_BYTES_MAX;
  }

  #take(delivery: Delivery): void {
    const { ledger, outbox, log } = this.#deps;
    const arrival = readArrival(delivery);
    if ('type' in arrival && arrival.taskId === undefined) {
      this.dropped++;
      log.warn({ why: arrival.why, count: this.dropped }, 'message that is no task was dropped');
      delivery.reject({ requeue: false });
      return;
    }
    const ids = 'type' in arrival ? [arrival.taskId ?? ''] : arrival.map(({ taskId }) => taskId);
    const fresh = new Set(ids.filter((id) => !ledger.has(id)));
    this.duplicates += ids.length - fresh.size;
    this.received += fresh.size;
    // Journal before the acknowledgement: a crash between the two repeats a task, the other way round loses it. What
    // came again may be there since a moment ago, and not yet on the disk.
    const stored = fresh.size > 0 ? ledger.accept([...fresh], writeArrival(delivery)) : ledger.flushed();
    void stored.then(() => delivery.ack());
    if ('type' in arrival) {
      log.warn({ task: arrival.taskId, why: arrival.why }, 'task could not be read');
      const unreadable = new ComputeError('BAD_MESSAGE', `its message could not be read: ${arrival.why}`);
      for (const taskId of fresh) outbox.add(notStarted(this.#to(taskId), undefined, unreadable));
      return;
    }
    if (delivery.redelivered && fresh.size > 0) {
      // A task runs while it is being written to the ledger: killed within that time, its process leaves no word of it.
      this.rerun += fresh.size;
      log.warn({ count: fresh.size }, 'tasks came again, and an earlier process may have run them');
    }
    for (const task of arrival) if (fresh.delete(task.taskId)) this.#run(task);
  }

  #run(task: ArrivedTask): void {
    const { outbox, programs, submit, log } = this.#deps;
    const to = this.#to(task.taskId);
    if (this.#allowed !== null && !this.#allowed.has(task.functionId)) {
      outbox.add(notAllowed(to, task.functionId), task.straightTo);
      return;
    }
    try {
      const { kind, language } = programs.of(task);
      submit(kind, argumentsOf(task, language), this.#sink(to, language, task.straightTo));
    } catch (error) {
      if (this.#stopping) return;
      outbox.add(notStarted(to, languageOf(task.code), error), task.straightTo);
      if (!(error instanceof ComputeError)) log.error({ err: error, task: task.taskId }, 'task could not be started');
      else if (BROKEN.has(error.code)) this.#deps.onBroken(encodeFailure(error, error.code));
    }
  }

  #sink(to: Answering, language: Language, straightTo: string | undefined): TaskSink {
    const { outbox } = this.#deps;
    return {
      onOutcome: (ok, bytes, arrived, at) => {
        outbox.add(resultOf(to, language, ok, { bytes, buffers: arrived.buffers }, arrived, at), straightTo);
      },
      onFailure: (failure) => {
        if (this.#stopping && isPostponed(failure)) return;
        outbox.add(failureOf(to, language, failure), straightTo);
        if (BROKEN.has(failure.code)) this.#deps.onBroken(failure);
      },
    };
  }

  #to(taskId: string): Answering {
    return { taskId, endpointId: this.#endpointId, details: this.#details };
  }
}

const UNREADABLE = new ComputeError('BAD_MESSAGE', 'its message could not be read when the endpoint was started again');
