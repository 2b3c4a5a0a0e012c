// An engine of one's own as the place where tasks go.

import { encodePayload } from '../common/payload.ts';
import type { FunctionId, Kind } from '../common/protocol.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Destination, ExecutorStatus, Lane } from './destination.ts';
import { EngineFuture } from './engine-future.ts';
import { definitionOf, type TaskFunction } from './functions.ts';
import type { TaskFuture } from './future.ts';
import { askedOf, type TaskOptions } from './task-options.ts';

export class EngineDestination implements Destination {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  lane(options: TaskOptions): Lane {
    const asked = askedOf(options);
    if (Object.keys(asked).length > 0) this.#engine.footprint(asked);
    return new EngineLane(this.#engine, options);
  }

  cancel(futures: readonly TaskFuture<unknown>[]): void {
    this.#engine.cancel(futures.filter((future) => future.status === 'waiting').map((future) => future.id));
  }

  start(): Promise<void> {
    return this.#engine.start();
  }

  status(): ExecutorStatus {
    return this.#engine.status();
  }

  dump(): Promise<unknown> {
    return this.#engine.dump();
  }

  drain(): Promise<void> {
    return this.#engine.drain();
  }

  withdraw(): void {
    this.#engine.withdraw();
  }

  close(mode: 'drain' | 'cancel'): Promise<void> {
    return this.#engine.close(mode);
  }
}

class EngineLane implements Lane {
  readonly #engine: Engine;
  readonly #options: TaskOptions;
  /** Kinds by function value or reference: what a kind costs is paid once per function, not per task. */
  readonly #kinds = new WeakMap<object, Kind>();
  readonly #kindsById = new Map<FunctionId, Kind>();

  constructor(engine: Engine, options: TaskOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  submit<R>(fn: TaskFunction, args: readonly unknown[]): TaskFuture<R> {
    const kind = this.#kinds.get(fn) ?? this.#makeKind(fn);
    const { bytes, buffers } = encodePayload(args, 'args');
    const future = new EngineFuture<R>(this.#engine);
    future.id = this.#engine.submit(kind, bytes, buffers, future);
    return future;
  }

  #makeKind(fn: TaskFunction): Kind {
    const id = this.#engine.define(definitionOf(fn));
    const kind = this.#kindsById.get(id) ?? this.#kindOf(id);
    this.#kindsById.set(id, kind);
    this.#kinds.set(fn, kind);
    return kind;
  }

  #kindOf(fn: FunctionId): Kind {
    const { timeoutMs = 0, retries = 0, minRemainingMs = 0, priority } = this.#options;
    const footprint = this.#engine.footprint(askedOf(this.#options));
    return {
      fn, timeoutMs, retries, minRemainingMs,
      ...(priority === undefined ? {} : { priority }), ...(footprint === undefined ? {} : { footprint }),
    };
  }
}
