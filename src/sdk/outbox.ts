// Tasks on their way into requests. The first task of a quiet moment leaves at once; what comes while a request is
// under way goes with the next, and a request that is full does not wait for the one before it.

import { PAYLOAD_BYTES_MAX } from '../common/api.ts';

/** What tasks of one request have in common, beside what all of an executor have. */
export interface ParcelKind {
  readonly key: string;
  /** Keys of the request's body, as JSON, each with a comma in front; or nothing. */
  readonly fields: string;
}

export interface Outgoing<F> {
  readonly payload: string;
  readonly future: F;
}

/** Tasks of one request, by function. */
export interface Parcel<F> {
  readonly kind: ParcelKind;
  readonly functions: Map<string, Outgoing<F>[]>;
  count: number;
  bytes: number;
}

export interface OutboxOptions<F> {
  /** Tasks of one request. */
  readonly tasksMax: number;
  /** Sends a parcel; resolves when nothing more is to be done for it. Never rejects. */
  readonly send: (parcel: Parcel<F>) => Promise<void>;
  /** Only one request may be under way: its answer has to be known to make the next. */
  readonly isFirst: () => boolean;
}

/** A request may have all that a service takes; a part is left for what stands around the payloads. */
const BYTES_MAX = PAYLOAD_BYTES_MAX - 64 * 1024;
const UNDER_WAY_MAX = 4;

export class Outbox<F> {
  readonly #options: OutboxOptions<F>;
  /** In the order in which they were begun. */
  readonly #waiting: Parcel<F>[] = [];
  /** Of those, the ones that take more. */
  readonly #open = new Map<string, Parcel<F>>();
  #underWay = 0;
  #scheduled = false;

  constructor(options: OutboxOptions<F>) {
    this.#options = options;
  }

  /** `codeBytes`: of the function, which counts once for each request that has it. */
  add(kind: ParcelKind, functionId: string, codeBytes: number, task: Outgoing<F>): void {
    const bytes = task.payload.length;
    const parcel = this.#roomFor(kind, bytes + codeBytes);
    const tasks = parcel.functions.get(functionId);
    parcel.count++;
    parcel.bytes += bytes;
    if (tasks === undefined) {
      parcel.functions.set(functionId, [task]);
      parcel.bytes += codeBytes;
    } else {
      tasks.push(task);
    }
    if (this.#isFull(parcel)) {
      this.#open.delete(kind.key);
      this.#pump();
    } else {
      this.#schedule();
    }
  }

  /** A part of a parcel that came back: by itself. */
  again(parcel: Parcel<F>): void {
    this.#waiting.unshift(parcel);
    this.#schedule();
  }

  #roomFor(kind: ParcelKind, bytes: number): Parcel<F> {
    const open = this.#open.get(kind.key);
    if (open !== undefined && open.bytes + bytes <= BYTES_MAX) return open;
    const parcel: Parcel<F> = { kind, functions: new Map(), count: 0, bytes: 0 };
    this.#open.set(kind.key, parcel);
    this.#waiting.push(parcel);
    return parcel;
  }

  #isFull({ count, bytes }: Parcel<F>): boolean {
    return count >= this.#options.tasksMax || bytes >= BYTES_MAX / 2;
  }

  /** At the end of the turn: what is submitted together leaves together. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#underWay >= UNDER_WAY_MAX) return;
      const isOpen = this.#open.get(next.kind.key) === next;
      if (this.#underWay > 0 && (isOpen || this.#options.isFirst())) return;
      this.#waiting.shift();
      if (isOpen) this.#open.delete(next.kind.key);
      this.#underWay++;
      void this.#options.send(next).then(() => {
        this.#underWay--;
        this.#pump();
      });
    }
  }
}

/** The body of the request that a parcel becomes. `fields` as in its kind: what all requests have. */
export function bodyOf<F>(parcel: Parcel<F>, fields: string): string {
  const tasks = [...parcel.functions].map(([id, all]) => `"${id}":${JSON.stringify(all.map((one) => one.payload))}`);
  return `{"create_queue":true,"result_bundles":true${fields}${parcel.kind.fields},"tasks":{${tasks.join(',')}}}`;
}

/** One parcel for each function. */
export function apart<F>({ kind, functions }: Parcel<F>): Parcel<F>[] {
  return [...functions].map(([id, tasks]) => ({
    kind, functions: new Map([[id, tasks]]), count: tasks.length,
    bytes: tasks.reduce((sum, { payload }) => sum + payload.length, 0),
  }));
}
