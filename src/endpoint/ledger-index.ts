// What the ledger's file says in all: which tasks are open, where the messages are that they came in, and where the
// results that the broker does not have yet. Pure.
//
// What is always true: a task is here from `accepted` until `confirmed`. A message is alive while any of its tasks has
// no result; a result is alive until it is confirmed. What is not alive is dead weight in the file.

export interface Place {
  at: number;
  readonly length: number;
}

export interface Message extends Place {
  /** Of its tasks, those without a result. */
  unsettled: number;
}

interface Task {
  message: Message | undefined;
  result: Place | undefined;
}

export class LedgerIndex {
  readonly #tasks = new Map<string, Task>();
  readonly #messages = new Set<Message>();
  #unsettled = 0;
  /** Bytes of live messages and results. */
  liveBytes = 0;

  has(id: string): boolean {
    return this.#tasks.has(id);
  }

  /** Tasks without a result. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Tasks whose result the broker does not have. */
  get unconfirmed(): number {
    return this.#tasks.size - this.#unsettled;
  }

  isUnsettled(id: string): boolean {
    return this.#tasks.get(id)?.message !== undefined;
  }

  resultOf(id: string): Place | undefined {
    return this.#tasks.get(id)?.result;
  }

  /** The message of these tasks, those that are open already left out. */
  accepted(ids: readonly string[], { at, length }: Place): Message {
    const message: Message = { at, length, unsettled: 0 };
    for (const id of ids) {
      if (this.#tasks.has(id)) continue;
      this.#tasks.set(id, { message, result: undefined });
      message.unsettled++;
      this.#unsettled++;
    }
    if (message.unsettled > 0) {
      this.#messages.add(message);
      this.liveBytes += length;
    }
    return message;
  }

  /** Without a place: the result is there, and not in the file. */
  settled(id: string, place?: Place): void {
    const task = this.#tasks.get(id) ?? { message: undefined, result: undefined };
    this.#tasks.set(id, task);
    this.#leaveMessage(task);
    if (task.result !== undefined) this.liveBytes -= task.result.length;
    task.result = place;
    this.liveBytes += place?.length ?? 0;
  }

  confirmed(ids: readonly string[]): void {
    for (const id of ids) {
      const task = this.#tasks.get(id);
      if (task === undefined) continue;
      this.#tasks.delete(id);
      this.#leaveMessage(task);
      this.liveBytes -= task.result?.length ?? 0;
    }
  }

  /** In the order in which they came. */
  messages(): readonly Message[] {
    return [...this.#messages];
  }

  /** Tasks with a result, those in the file and those that are not. */
  settledIds(): string[] {
    return [...this.#tasks].flatMap(([id, { message }]) => (message === undefined ? [id] : []));
  }

  #leaveMessage(task: Task): void {
    const { message } = task;
    if (message === undefined) return;
    task.message = undefined;
    this.#unsettled--;
    if (--message.unsettled > 0) return;
    this.#messages.delete(message);
    this.liveBytes -= message.length;
  }
}
