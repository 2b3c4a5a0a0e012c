// The future of a task of an endpoint: what the service tells of it.

import type { ResultMessage } from '../amqp/messages.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { Failure, TaskPlace } from '../common/protocol.ts';
import { TaskFuture, type RanOn, type Timings } from './future.ts';
import { readFailure, readValue, type Language } from './wire-format.ts';

/** What a future asks of whoever has it under way. */
export interface Sender {
  /** Ends it, if the service has not been told of it. */
  recall(future: EndpointFuture<unknown>): boolean;
  locate(future: EndpointFuture<unknown>): Promise<TaskPlace>;
}

/** How a task ended, as either way of its result says it. */
export type Ended = Pick<ResultMessage, 'data' | 'error' | 'transitions'>;

/** What results have in common that came together: one for many futures. */
export interface Run {
  readonly details: JsonObject | undefined;
  readonly settledAtMs: number;
}

const NS_PER_MS = 1e6;

export class EndpointFuture<T> extends TaskFuture<T> {
  readonly #sender: Sender;
  readonly #submittedAtMs: number;
  /** undefined for a task of an earlier process. */
  language: Language | undefined;
  /** When the request that has it left; 0 before. */
  sentAtMs = 0;
  accepted: string | undefined;
  #run: Run | undefined;
  #startedAtMs = 0;
  #finishedAtMs = 0;

  constructor(sender: Sender, submittedAtMs: number) {
    super();
    this.#sender = sender;
    this.#submittedAtMs = submittedAtMs;
  }

  override async cancel(): Promise<boolean> {
    return this.status === 'waiting' && this.#sender.recall(this);
  }

  override locate(): Promise<TaskPlace> {
    return this.status === 'waiting' ? this.#sender.locate(this) : Promise.resolve({ at: 'unknown' });
  }

  override get timings(): Timings | undefined {
    if (this.#startedAtMs === 0 || this.#finishedAtMs === 0) return undefined;
    return {
      submittedAtMs: this.#submittedAtMs, sentAtMs: this.sentAtMs, startedAtMs: this.#startedAtMs,
      finishedAtMs: this.#finishedAtMs, settledAtMs: this.#run?.settledAtMs ?? 0,
    };
  }

  override get runMs(): number | undefined {
    return this.timings === undefined ? undefined : this.#finishedAtMs - this.#startedAtMs;
  }

  override get ranOn(): RanOn | undefined {
    return undefined;
  }

  override get attempts(): number {
    return this.#finishedAtMs === 0 ? 0 : 1;
  }

  override get taskId(): string | undefined {
    return this.accepted;
  }

  override get details(): JsonObject | undefined {
    return this.#run?.details;
  }

  /** From its stream, or asked for over HTTP, which has the same but for the failure's code. */
  onResult(failed: boolean, { data, error, transitions = [] }: Ended, run: Run): void {
    this.#run = run;
    for (const { state, timestampNs } of transitions) {
      if (state === 'execution-start') this.#startedAtMs = Number(timestampNs) / NS_PER_MS;
      if (state === 'execution-end') this.#finishedAtMs = Number(timestampNs) / NS_PER_MS;
    }
    try {
      if (failed) this.fail(readFailure(data, error, this.language));
      else this.fulfil(readValue(data));
    } catch (cause) {
      this.fail(cause instanceof ComputeError ? cause
        : new ComputeError('BAD_MESSAGE', 'the result could not be read', { cause }));
    }
  }

  onFailure(failure: Failure | Error): void {
    this.fail(failure);
  }
}
