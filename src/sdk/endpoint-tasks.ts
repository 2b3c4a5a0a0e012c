// The open tasks of an endpoint's executor. A task is in here from `submit` until it settles, which happens once: by
// the result that comes first, whichever way it takes. What comes afterwards finds nothing, and is counted.

import type { ResultMessage } from '../amqp/messages.ts';
import { systemClock } from '../common/clock.ts';
import type { JsonObject } from '../common/json.ts';
import type { Failure, TaskId } from '../common/protocol.ts';
import type { TaskState } from './answers.ts';
import { EndpointFuture, type Run, type Sender } from './endpoint-future.ts';

export class EndpointTasks {
  readonly #open = new Set<EndpointFuture<unknown>>();
  readonly #accepted = new Map<string, EndpointFuture<unknown>>();
  /** Results of tasks that nobody has named yet: the answer that does may still be on its way. */
  readonly #early = new Map<string, ResultMessage>();
  /** Requests whose answer is not there. */
  #unanswered = 0;
  #nextId = 1;
  #drained: (() => void)[] = [];
  settled = 0;
  duplicates = 0;

  get open(): number {
    return this.#open.size;
  }

  get unaccepted(): number {
    return this.#open.size - this.#accepted.size;
  }

  add<T>(sender: Sender): EndpointFuture<T> {
    const future = new EndpointFuture<T>(sender, systemClock.now());
    future.id = this.#nextId++ as TaskId; // this is where ids of an executor are made
    this.#open.add(future);
    return future;
  }

  isOpen(future: EndpointFuture<unknown>): boolean {
    return this.#open.has(future);
  }

  all(): EndpointFuture<unknown>[] {
    return [...this.#open];
  }

  acceptedIds(): string[] {
    return [...this.#accepted.keys()];
  }

  find(id: string): EndpointFuture<unknown> | undefined {
    return this.#accepted.get(id);
  }

  asked(): void {
    this.#unanswered++;
  }

  /** After `accept` was called for whatever the answer has named. */
  answered(): void {
    if (--this.#unanswered > 0) return;
    this.duplicates += this.#early.size;
    this.#early.clear();
  }

  accept(future: EndpointFuture<unknown>, id: string): void {
    future.accepted = id;
    if (!this.#open.has(future)) return;
    this.#accepted.set(id, future);
    const early = this.#early.get(id);
    if (early === undefined) return;
    this.#early.delete(id);
    this.onResults([early]);
  }

  /** Those of one message. */
  onResults(results: readonly ResultMessage[]): void {
    const settledAtMs = systemClock.now();
    let run: Run = { details: results[0]?.details, settledAtMs };
    for (const result of results) {
      // Mostly of one endpoint, and then word for word the same: kept once.
      if (!isSame(run.details, result.details)) run = { details: result.details, settledAtMs };
      this.#onResult(result, run);
    }
  }

  #onResult(result: ResultMessage, run: Run): void {
    const future = this.#accepted.get(result.taskId);
    if (future !== undefined) {
      this.#take(future);
      future.onResult(result.error !== undefined, result, run);
    } else if (this.#unanswered > 0 && !this.#early.has(result.taskId)) {
      this.#early.set(result.taskId, result);
    } else {
      this.duplicates++;
    }
  }

  /** The same from where the service keeps it. */
  onState(id: string, state: TaskState): void {
    const future = this.#accepted.get(id);
    if (future === undefined || state.state === 'open') return;
    this.#take(future);
    const { data, details } = state;
    const ended = { data, error: undefined, transitions: transitionsOf(details) };
    future.onResult(state.state === 'failed', ended, { details, settledAtMs: systemClock.now() });
  }

  fail(future: EndpointFuture<unknown>, failure: Failure | Error): void {
    if (!this.#open.has(future)) return;
    this.#take(future);
    future.onFailure(failure);
  }

  drained(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #take(future: EndpointFuture<unknown>): void {
    this.#open.delete(future);
    if (future.accepted !== undefined) this.#accepted.delete(future.accepted);
    this.settled++;
    if (this.#open.size > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

function isSame(one: JsonObject | undefined, other: JsonObject | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  let left = 0;
  for (const key in one) {
    if (one[key] !== other[key]) return false;
    left++;
  }
  for (const _ in other) left--;
  return left === 0;
}

/** In seconds by state, as the service says it over HTTP. */
function transitionsOf({ task_transitions: times }: Extract<TaskState, { details: unknown }>['details']):
ResultMessage['transitions'] {
  const seconds = new Map(Object.entries(times ?? {}));
  return (['execution-start', 'execution-end'] as const).flatMap((state) => {
    const at: unknown = seconds.get(state);
    return typeof at === 'number' && Number.isFinite(at)
      ? [{ state, actor: 'worker' as const, timestampNs: BigInt(Math.round(at * 1e9)) }] : [];
  });
}
