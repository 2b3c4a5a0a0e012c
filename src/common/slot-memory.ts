// The memory that a manager shares with the worker in one slot: what goes in, which task runs, and what came out.
//
// A worker is handed several short tasks at once. What makes that safe is this memory, because it outlives the thread:
// each task's state word changes by compare-and-swap, so exactly one side decides its fate, and a finished task's
// outcome is in shared memory at the moment it is finished. When a thread dies, the manager reads here which task it
// died of, which had finished, and which had never started.
//
//   queued ──claim (worker)──▶ running ──finish (worker)──▶ done
//      └──recall (manager)──▶ recalled    └──kill (manager)──▶ killed
//
// A worker that hands tasks on to a Python interpreter claims several at once, and gives back (running ──▶ queued)
// those that the interpreter has not started.

/** Tasks in one assignment at most. */
export const ASSIGNMENT_TASKS_MAX = 256;
// Memory that is never written takes up no room, so these cost a slot what its tasks use.
/** Room for the payloads of one assignment; a larger one, of a single task, is moved with the assignment. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
/** Room for the outcomes of one assignment; one that does not fit travels as the assignment's answer. */
export const OUTCOME_BYTES_MAX = 256 * 1024;

export const SLOT_STATE = { queued: 1, running: 2, done: 3, recalled: 4, killed: 5 } as const;

const N = ASSIGNMENT_TASKS_MAX;
const CONTROL_WORDS = 4;
const USED = 0;
const GROUP = 1;
const TERMINATED = 2;
const INTERPRETER = 3;
/** In place of a group: the command is just being started. */
const STARTING = -1;

const AT_BASE = 0;
const AT_CONTROL = AT_BASE + 8;
const AT_STATE = AT_CONTROL + CONTROL_WORDS * 4;
const AT_STARTED = AT_STATE + N * 4;
const AT_RUN = AT_STARTED + N * 4;
const AT_SIZE = AT_RUN + N * 4;
const AT_PAYLOAD_SIZE = AT_SIZE + N * 4;
const AT_STATUS = AT_PAYLOAD_SIZE + N * 4;
const AT_DATA = AT_STATUS + N;
const AT_PAYLOAD = AT_DATA + OUTCOME_BYTES_MAX;
export const SLOT_BYTES = AT_PAYLOAD + PAYLOAD_BYTES_MAX;

/** Both sides' view of one slot's memory. */
export class SlotMemory {
  readonly shared: SharedArrayBuffer;
  /** Epoch ms from which `started` counts. */
  readonly base: Float64Array;
  readonly started: Float32Array;
  readonly run: Float32Array;
  readonly size: Uint32Array;
  readonly status: Uint8Array;
  readonly data: Uint8Array;
  /** Of each task's payload; the payloads stand back to back in `payload`, or came with the assignment. */
  readonly payloadSize: Uint32Array;
  readonly payload: Uint8Array;
  readonly #control: Int32Array;
  readonly #state: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.shared = memory;
    this.base = new Float64Array(memory, AT_BASE, 1);
    this.#control = new Int32Array(memory, AT_CONTROL, CONTROL_WORDS);
    this.#state = new Int32Array(memory, AT_STATE, N);
    this.started = new Float32Array(memory, AT_STARTED, N);
    this.run = new Float32Array(memory, AT_RUN, N);
    this.size = new Uint32Array(memory, AT_SIZE, N);
    this.status = new Uint8Array(memory, AT_STATUS, N);
    this.data = new Uint8Array(memory, AT_DATA, OUTCOME_BYTES_MAX);
    this.payloadSize = new Uint32Array(memory, AT_PAYLOAD_SIZE, N);
    this.payload = new Uint8Array(memory, AT_PAYLOAD, PAYLOAD_BYTES_MAX);
  }

  /** Manager, before it hands an assignment over. */
  arm(count: number, now: number): void {
    this.base[0] = now;
    this.#control[USED] = 0;
    this.commandGroup = 0;
    this.#state.fill(SLOT_STATE.queued, 0, count);
  }

  state(index: number): number {
    return Atomics.load(this.#state, index);
  }

  /** Worker: takes a task to run it. False when the manager took it back. */
  claim(index: number): boolean {
    return this.#swap(index, SLOT_STATE.queued, SLOT_STATE.running);
  }

  /** Worker: a task that it claimed was not started. */
  unclaim(index: number): boolean {
    return this.#swap(index, SLOT_STATE.running, SLOT_STATE.queued);
  }

  /** Manager: takes back a task that has not started. */
  recall(index: number): boolean {
    return this.#swap(index, SLOT_STATE.queued, SLOT_STATE.recalled);
  }

  /** Manager: decides that a running task has no result. False when it finished first. */
  kill(index: number): boolean {
    return this.#swap(index, SLOT_STATE.running, SLOT_STATE.killed);
  }

  /** Worker: the outcome is in `data`. False when the manager had given the task up. */
  finish(index: number): boolean {
    return this.#swap(index, SLOT_STATE.running, SLOT_STATE.done);
  }

  /** Manager: the scheduler is about to end the block, and has told every process in it. */
  terminate(): void {
    Atomics.store(this.#control, TERMINATED, 1);
  }

  get terminated(): boolean {
    return Atomics.load(this.#control, TERMINATED) === 1;
  }

  /** Worker: copies an outcome behind the others. False when it does not fit. */
  put(index: number, outcome: Uint8Array): boolean {
    const used = this.#control[USED] ?? 0;
    if (used + outcome.length > OUTCOME_BYTES_MAX) return false;
    this.data.set(outcome, used);
    this.size[index] = outcome.length;
    this.#control[USED] = used + outcome.length;
    return true;
  }

  /** Worker: takes back what it has just put, as nobody wants it. */
  retract(index: number): void {
    this.#control[USED] = (this.#control[USED] ?? 0) - (this.size[index] ?? 0);
  }

  /** Worker: bytes of outcomes that still fit. */
  get room(): number {
    return OUTCOME_BYTES_MAX - (this.#control[USED] ?? 0);
  }

  /** The process group of the slot's Python interpreter, which lives on between tasks; 0 without one. */
  get interpreter(): number {
    return Atomics.load(this.#control, INTERPRETER);
  }

  set interpreter(pgid: number) {
    Atomics.store(this.#control, INTERPRETER, pgid);
  }

  /**
   * Worker: is about to start the task's command. False when the manager had given the task up: then it must not. From
   * here until the group is known, the manager does not end the thread: nobody would know what it had started.
   */
  beginCommand(index: number): boolean {
    this.commandGroup = STARTING;
    if (this.state(index) === SLOT_STATE.running) return true;
    this.commandGroup = 0;
    return false;
  }

  get commandStarting(): boolean {
    return this.commandGroup === STARTING;
  }

  /** The process group of the command that the running task started; positive only when there is one. */
  get commandGroup(): number {
    return Atomics.load(this.#control, GROUP);
  }

  set commandGroup(pgid: number) {
    Atomics.store(this.#control, GROUP, pgid);
  }

  #swap(index: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#state, index, from, to) === from;
  }
}
