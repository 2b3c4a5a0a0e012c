// The future of a task of an engine of one's own: what the engine tells of it, as it came.

import { decodePayload } from '../common/payload.ts';
import type { BlockId, Failure, TaskPlace } from '../common/protocol.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Arrived, TaskSink } from '../../engine/pending.ts';
import { isFailure, TaskFuture, UNREADABLE, type RanOn, type TaskStatus, type Timings } from './future.ts';

export class EngineFuture<T> extends TaskFuture<T> implements TaskSink {
  readonly #engine: Engine;
  #arrived: Arrived | undefined;
  #at = 0;

  constructor(engine: Engine) {
    super();
    this.#engine = engine;
  }

  override async cancel(): Promise<boolean> {
    if (this.status !== 'waiting') return false;
    this.#engine.cancel([this.id]);
    await this.settled();
    return (this.status as TaskStatus) === 'cancelled'; // it changed while we waited
  }

  override async locate(): Promise<TaskPlace> {
    return this.status === 'waiting' ? this.#engine.locate(this.id) : { at: 'unknown' };
  }

  override get timings(): Timings | undefined {
    const arrived = this.#arrived;
    if (arrived === undefined) return undefined;
    const { header, startedMs, runMs, settledAtMs } = arrived;
    const startedAtMs = header.startedAtMs + (startedMs[this.#at] ?? 0);
    const { hops } = header;
    return {
      submittedAtMs: hops.submittedAtMs,
      sentAtMs: hops.sentAtMs,
      queuedAtMs: hops.queuedAtMs,
      dispatchedAtMs: hops.dispatchedAtMs,
      receivedAtMs: hops.receivedAtMs,
      startedAtMs,
      finishedAtMs: startedAtMs + (runMs[this.#at] ?? 0),
      returnedAtMs: header.returnedAtMs,
      forwardedAtMs: header.forwardedAtMs ?? 0,
      settledAtMs,
    };
  }

  override get runMs(): number | undefined {
    return this.#arrived?.runMs[this.#at];
  }

  override get ranOn(): RanOn | undefined {
    const manager = this.#arrived?.header.manager;
    if (this.#arrived === undefined || manager === undefined) return undefined;
    const [block = '', ...rest] = manager.split('.');
    return { node: rest.slice(0, -1).join('.'), manager, block: block as BlockId, worker: this.#arrived.header.worker };
  }

  override get attempts(): number {
    return this.#arrived?.header.attempt ?? (this.status === 'waiting' ? 0 : 1);
  }

  onOutcome(ok: boolean, outcome: Uint8Array, arrived: Arrived, at: number): void {
    this.#arrived = arrived;
    this.#at = at;
    let value: unknown;
    try {
      value = decodePayload(outcome, arrived.buffers);
    } catch (error) {
      this.fail({
        code: 'BAD_MESSAGE', name: 'ComputeError', message: 'the result could not be read',
        cause: { value: String(error) },
      });
      return;
    }
    if (ok) this.fulfil(value);
    else this.fail(isFailure(value) ? value : UNREADABLE);
  }

  onFailure(failure: Failure): void {
    this.fail(failure);
  }
}
