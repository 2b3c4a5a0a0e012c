// A slot's worker, for as long as its thread lives: one run of the pool that does not end by itself. Assignments and
// answers go over a port of their own, so that handing over costs a message and not a run.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { EventEmitter } from 'node:events';
import {
  WORKER_FUNCTIONS_MAX, type Assignment, type FunctionId, type LargeOutcome, type SessionStart,
} from '../../src/common/protocol.ts';

export class Session {
  /** Its 'abort' ends the thread. */
  readonly killer = new EventEmitter();
  /** Of the slot, when the session began. */
  readonly memory: SharedArrayBuffer;
  readonly #port: MessagePort;
  /** Functions whose definition this worker has been given. */
  readonly #known = new Set<FunctionId>();
  #waiting: { resolve: (large: LargeOutcome | undefined) => void; reject: (cause: unknown) => void } | undefined;

  /** `run` starts the thread and settles when it has ended. */
  constructor(
    slot: number, memory: SharedArrayBuffer, run: (start: SessionStart, killer: EventEmitter) => Promise<unknown>,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.memory = memory;
    this.#port = port1;
    port1.on('message', (large: LargeOutcome | null) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(large ?? undefined);
    });
    const onEnd = (cause: unknown): void => {
      port1.close();
      this.#waiting?.reject(cause);
      this.#waiting = undefined;
    };
    run({ slot, memory, port: port2 }, this.killer).then(onEnd, onEnd);
  }

  /** One at a time. Rejects with the pool's reason when the thread ends. */
  assign(assignment: Assignment, definition: Uint8Array): Promise<LargeOutcome | undefined> {
    const { fn, moved } = assignment;
    const known = this.#known.has(fn);
    if (!known) {
      if (this.#known.size >= WORKER_FUNCTIONS_MAX) this.#known.clear();
      this.#known.add(fn);
    }
    const bytes = moved === undefined
      ? [] : [moved.payload, ...moved.buffers].map((part) => part.buffer as ArrayBuffer); // never shared
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#port.postMessage(known ? assignment : { ...assignment, definition }, [...new Set(bytes)]);
    });
  }
}
