// Many inputs through one function, with back-pressure in both directions.

import { ComputeError } from '../common/errors.ts';
import type { TaskFuture } from './future.ts';

export interface MapOptions {
  /** Results in the order of the inputs. Default: as they complete. */
  readonly ordered?: boolean;
  /** Open tasks, and results not taken yet, at most. Default: 10,000. */
  readonly window?: number;
  /** Aborting it cancels what is open and ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

const WINDOW = 10_000;

export async function* mapTasks<I, R>(
  submit: (input: I) => TaskFuture<R>, inputs: Iterable<I> | AsyncIterable<I>, options: MapOptions,
): AsyncGenerator<R, void, void> {
  const { ordered = false, window = WINDOW, signal } = options;
  if (!(window >= 1)) throw new ComputeError('CONFIG_INVALID', `map: window is ${window} and must be 1 or more`);
  const flow = new Flow<R>(ordered, window);
  const onAbort = (): void => flow.stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const reading = read(submit, inputs, flow);
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one result after the other is what an iterator is
      const future = await flow.next();
      if (future === undefined) return;
      // oxlint-disable-next-line typescript/await-thenable -- a TaskFuture is to be awaited
      yield await future;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    flow.stop(undefined);
    await reading;
  }
}

/** Reads inputs as long as there is room; ends the flow with its own failure, or the source's. */
async function read<I, R>(
  submit: (input: I) => TaskFuture<R>, inputs: Iterable<I> | AsyncIterable<I>, flow: Flow<R>,
): Promise<void> {
  const source = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one input after the other
      const step = await flow.unlessStopped(source.next());
      if (step?.done === true) {
        flow.end();
        return;
      }
      if (!flow.room) await flow.makesRoom();
      if (step === undefined || flow.stopped) break;
      flow.add(submit(step.value));
    }
  } catch (error) {
    flow.stop(error);
  }
  // A source that never answers is told to close, but nobody waits for it.
  await flow.unlessStopped(source.return?.());
}

/** The open futures between the reader of inputs and the taker of results. */
class Flow<R> {
  readonly #ordered: boolean;
  readonly #window: number;
  readonly #open = new Set<TaskFuture<R>>();
  /** Results to hand out: futures in the order of inputs, or as they settled. From `#first` on. */
  #line: TaskFuture<R>[] = [];
  #first = 0;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  stopped = false;
  #onChange: (() => void)[] = [];
  /** Who waits for the source, and must not when the flow stops. */
  #onStop: (() => void) | undefined;

  constructor(ordered: boolean, window: number) {
    this.#ordered = ordered;
    this.#window = window;
  }

  get room(): boolean {
    const settled = this.#ordered ? this.#line.length - this.#first : this.#open.size + this.#line.length - this.#first;
    return settled < this.#window;
  }

  async makesRoom(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- until there is room
    while (!this.room && !this.stopped) await this.#change();
  }

  add(future: TaskFuture<R>): void {
    this.#open.add(future);
    if (this.#ordered) this.#line.push(future);
    const settled = (): void => {
      this.#open.delete(future);
      if (!this.#ordered) this.#line.push(future);
      this.#changed();
    };
    future.then(settled, settled);
  }

  /** What the source says; undefined as soon as the flow stops, or has. */
  unlessStopped<T>(answer: T | PromiseLike<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#onStop = () => resolve(undefined);
      Promise.resolve(answer).then(resolve, reject);
      if (this.stopped) this.#onStop();
    });
  }

  /** There are no more inputs. */
  end(): void {
    this.#ended = true;
    this.#changed();
  }

  /** Nothing more comes: what is open is cancelled. The first reason counts. */
  stop(reason: unknown): void {
    if (this.stopped) return;
    this.stopped = true;
    if (reason !== undefined) this.#failure = { reason };
    for (const future of this.#open) void future.cancel();
    this.#onStop?.();
    this.#changed();
  }

  /** The next future to hand out, settled; undefined at the end. */
  async next(): Promise<TaskFuture<R> | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.reason;
      const future = this.#line[this.#first];
      if (future !== undefined && future.status !== 'waiting') {
        this.#first++;
        if (this.#first > 1000 && this.#first * 2 > this.#line.length) {
          this.#line = this.#line.slice(this.#first);
          this.#first = 0;
        }
        this.#changed();
        return future;
      }
      if (this.#ended && this.#open.size === 0 && future === undefined) return undefined;
      // oxlint-disable-next-line no-await-in-loop -- until something settles
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#onChange.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#onChange.splice(0)) resolve();
  }
}
