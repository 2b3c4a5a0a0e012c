// Every message and record that crosses a process or thread boundary of ours. Types and constants only; the bytes
// are made in codec.ts and described in PROTOCOL.md. Readers ignore fields they do not know.

import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from './errors.ts';
import type { PythonDefinition } from './python-task.ts';

export type { PythonCall, PythonDefinition, PythonResult } from './python-task.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Counts from 1 within one engine; the order of submission. */
export type TaskId = Brand<number, 'TaskId'>;
/** Decimal counter within one engine: "0", "1", … */
export type BlockId = Brand<string, 'BlockId'>;
/** Made by the manager itself when it starts: block, host and a random part. */
export type ManagerId = Brand<string, 'ManagerId'>;
/** Digest of the definition: equal functions are the same function. */
export type FunctionId = Brand<string, 'FunctionId'>;

export const PROTOCOL_VERSION = 2;

// ---------------------------------------------------------------------------------------------- functions and tasks

/** What to run. The definition travels once per manager and never per task. */
export type FunctionDefinition =
  | { readonly form: 'source'; readonly name: string; readonly source: string }
  | { readonly form: 'module'; readonly name: string; readonly module: string; readonly exportName: string }
  | { readonly form: 'command'; readonly name: string; readonly command: string; readonly cwd: string;
      readonly outputBytesMax: number }
  | PythonDefinition;

/** What tasks of one batch have in common; a change of any of it starts a new batch. */
export interface Kind {
  readonly fn: FunctionId;
  /** Lower is sooner; tasks without one come after all that have one. */
  readonly priority?: number;
  /** From the start of the run on a worker; 0 is no limit. */
  readonly timeoutMs: number;
  /** How many more times it may be tried after it raised, timed out or lost its worker. */
  readonly retries: number;
  /** It only starts where the block has at least this long to live. */
  readonly minRemainingMs: number;
  /** Absent for a task that takes one slot and nothing else, as nearly all do. */
  readonly footprint?: Footprint;
}

/** What a task takes of the manager that runs it. */
export interface Footprint {
  /** Slots that it occupies at once: workers, or in an MPI engine nodes. */
  readonly width: number;
  readonly asked: ResourceSpecification;
}

/** What a task asks for, in the field's keys: exported to it as PARSL_CORES, PARSL_NUM_NODES, … */
export interface ResourceSpecification {
  readonly cores?: number;
  /** GiB. */
  readonly memory?: number;
  readonly gpus?: number;
  readonly num_nodes?: number;
  readonly ranks_per_node?: number;
  readonly num_ranks?: number;
  /** Put at the end of the launch prefix as it is. */
  readonly launcher_options?: string;
}

/** When a task passed each hop, epoch ms. Kept per batch: all tasks of a batch travel together. */
export interface Hops {
  submittedAtMs: number;
  sentAtMs: number;
  /** The interchange had it. */
  queuedAtMs: number;
  dispatchedAtMs: number;
  /** The manager had it. */
  receivedAtMs: number;
}

/**
 * Tasks of one kind that travel together. On the wire each batch owns 2 + `buffers` frames after the header frame:
 * columns (ids float64[count], then payload sizes uint32[count]), then the payloads back to back, then the large
 * buffers of its only task: a task with buffers travels alone.
 */
export interface TaskBatch {
  readonly kind: Kind;
  readonly count: number;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly buffers: number;
  readonly hops: Hops;
}

/**
 * How a task ended on a worker, as one byte in the status column: all the interchange needs to know of an outcome that
 * it does not open. `failed` is final; `retryable` may be tried again; `workerLost` too, and it counts as a kill.
 */
export const STATUS = { ok: 0, failed: 1, retryable: 2, workerLost: 3 } as const;

/**
 * Results that one worker made of tasks of one batch. Frames after the header frame: columns (ids float64[count],
 * start and run time in ms after `startedAtMs` float32[count] each, sizes uint32[count], status uint8[count]), then the
 * outcomes back to back, then the large buffers of its only result. A failed task's outcome is a `Failure`.
 */
export interface ResultBatch {
  readonly count: number;
  readonly attempt: number;
  readonly buffers: number;
  /** True when any status is not ok: the interchange looks closer only then. */
  readonly failures: boolean;
  readonly worker: number;
  readonly startedAtMs: number;
  readonly returnedAtMs: number;
  readonly hops: Hops;
  /** Its sender's name; the interchange puts the right one there if it is another. */
  manager?: ManagerId;
  /** Filled in by the interchange on the way to the client. */
  readonly forwardedAtMs?: number;
}

/** A task's failure as it travels: the user's exception, or the reason that there is no result. */
export interface Failure {
  readonly code: ErrorCode;
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** The exception's own `code`, where it has one (Node's errors do). */
  readonly errorCode?: string;
  readonly cause?: FailureCause;
  /** The errors of an AggregateError. */
  readonly errors?: readonly FailureCause[];
  /** The exception's other enumerable properties, as far as they can travel. */
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An exception, or what else was thrown or given as a cause; no value where it cannot travel. */
export type FailureCause = Failure | { readonly value?: unknown };

// ------------------------------------------------------------------------------------------- client ↔ interchange

/** Engine → interchange. Frames of batches follow the header in order. */
export type ToInterchange =
  | { readonly type: 'hello' }
  /** To a replacement, after every open task was sent again: these managers may hold some of them. */
  | { readonly type: 'resumed'; readonly managers: readonly ManagerId[] }
  | { readonly type: 'function'; readonly id: FunctionId; readonly definition: FunctionDefinition }
  | { readonly type: 'tasks'; readonly batches: readonly TaskBatch[] }
  | { readonly type: 'cancel'; readonly ids: readonly TaskId[] }
  /** Ends every waiting task with this failure; what runs goes on. */
  | { readonly type: 'fail-waiting'; readonly failure: Failure }
  /** No more tasks to these blocks; their managers finish what runs, hand back the rest, and leave. */
  | { readonly type: 'drain-blocks'; readonly blocks: readonly BlockId[] }
  /** When the scheduler will end these blocks, as far as it has said; told again with each of its answers. */
  | { readonly type: 'block-ends'; readonly ends: readonly { readonly block: BlockId; readonly endsAtMs: number }[] }
  /** Ends everything now. */
  | { readonly type: 'stop' }
  | { readonly type: 'locate'; readonly request: number; readonly id: TaskId }
  | { readonly type: 'dump'; readonly request: number };

/** Interchange → engine. */
export type FromInterchange =
  | { readonly type: 'results'; readonly batches: readonly ResultBatch[] }
  /** Tasks that ended without a manager, all for one reason. One frame follows: their ids, float64[count]. */
  | { readonly type: 'ended'; readonly count: number; readonly failure: Failure }
  | { readonly type: 'load'; readonly load: Load }
  | { readonly type: 'manager-joined'; readonly manager: ManagerSummary }
  | { readonly type: 'manager-left'; readonly manager: ManagerId; readonly block: BlockId; readonly reason: LeaveReason;
      readonly lostTasks: number }
  | { readonly type: 'located'; readonly request: number; readonly place: TaskPlace }
  | { readonly type: 'dump'; readonly request: number; readonly state: unknown };

/** `drained`: as planned. `disconnected`, `silent`: lost. `refused`: another version, or a broken registration. */
export type LeaveReason = 'drained' | 'disconnected' | 'silent' | 'refused';

/** Where a task is, for people who ask. */
export type TaskPlace =
  | { readonly at: 'unknown' }
  | { readonly at: 'waiting'; readonly reason: string }
  | { readonly at: 'manager'; readonly manager: ManagerId; readonly node: string };

export interface ManagerSummary {
  readonly manager: ManagerId;
  readonly block: BlockId;
  readonly node: string;
  readonly pid: number;
  readonly slots: number;
  /** Tasks it holds: running, and next in line. */
  readonly held: number;
  /** Epoch ms since when it holds none; absent while it holds some. */
  readonly idleSinceMs?: number;
  readonly draining: boolean;
  /** When its block ends, epoch ms, if it knows. */
  readonly endsAtMs?: number;
}

/** What the strategy decides on. Sent when it changed, at most a few times a second. */
export interface Load {
  readonly waiting: number;
  readonly held: number;
  /** Slots that these tasks take beyond one each. */
  readonly extraSlots?: number;
  readonly managers: readonly ManagerSummary[];
  /** Every block that ever had a manager. */
  readonly connectedBlocks: readonly BlockId[];
}

// ------------------------------------------------------------------------------------------ interchange ↔ manager

/** Manager → interchange. */
export type FromManager =
  | { readonly type: 'register'; readonly version: number; readonly manager: ManagerId; readonly block: BlockId;
      readonly node: string; readonly pid: number; readonly slots: number; readonly window: number;
      readonly nodeVersion: string; readonly cores: number; readonly memoryMiB: number; readonly endsAtMs?: number;
      /** Tasks it runs at a time, where those are fewer than its slots. */
      readonly workers?: number;
      /** It takes no more tasks. */
      readonly draining: boolean;
      /** What it has when it registers again: tasks, running or in line, and results that may have been lost. */
      readonly held: readonly TaskId[]; readonly batches: readonly ResultBatch[] }
  /** `window`: how many tasks it wants to hold from now on. */
  | { readonly type: 'results'; readonly window: number; readonly batches: readonly ResultBatch[] }
  /** Tasks it has not started and will not: they go elsewhere, uncharged. */
  | { readonly type: 'returned'; readonly ids: readonly TaskId[] }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'draining' }
  | { readonly type: 'drained' };

/** Interchange → manager. */
export type ToManager =
  | { readonly type: 'registered'; readonly heartbeatPeriodMs: number; readonly heartbeatThresholdMs: number }
  | { readonly type: 'refused'; readonly reason: string }
  /** `functions`: definitions of those functions that this manager has not seen yet. */
  | { readonly type: 'tasks'; readonly batches: readonly TaskBatch[];
      readonly functions?: readonly { readonly id: FunctionId; readonly definition: FunctionDefinition }[] }
  | { readonly type: 'cancel'; readonly ids: readonly TaskId[] }
  /** They went elsewhere, or have ended: no more work on them, and no results. */
  | { readonly type: 'drop'; readonly ids: readonly TaskId[] }
  /** Another manager sits idle: hand back up to `count` tasks that have not started. */
  | { readonly type: 'recall'; readonly count: number }
  | { readonly type: 'drain' }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'stop' }
  /** The interchange does not know this manager (it was replaced, or gave it up): register again. */
  | { readonly type: 'register-again' };

// ---------------------------------------------------------------------------------------------- manager ↔ worker

/** What a worker is told first: the slot it works in, as long as its thread lives. */
export interface SessionStart {
  readonly slot: number;
  /** Laid out as in slot-memory.ts. */
  readonly memory: SharedArrayBuffer;
  /** Assignments come, and answers go, over this. */
  readonly port: MessagePort;
}

/** A worker keeps the last so many functions that were defined; the manager sends no definition again before. */
export const WORKER_FUNCTIONS_MAX = 1000;

/** What a slot is handed: several short tasks of one batch, or one. Their payloads are in the slot's memory. */
export interface Assignment {
  readonly fn: FunctionId;
  readonly count: number;
  readonly timeoutMs: number;
  /** JSON of a FunctionDefinition, the first time that this worker gets the function. */
  readonly definition?: Uint8Array;
  /** What its only task sees of the slots that it occupies; absent where that is just the worker's own. */
  readonly place?: Place;
  /** A payload too large for the slot's memory, and large binaries: moved, not copied. */
  readonly moved?: { readonly payload: Uint8Array; readonly buffers: readonly Uint8Array[] };
}

export interface Place {
  /** Set for as long as the assignment lasts. */
  readonly environment: Readonly<Record<string, string>>;
  /** null where nothing is bound. */
  readonly cores: readonly number[] | null;
}

/**
 * The answer to an assignment when one outcome did not fit the slot's memory: that one; later tasks did not start. Else
 * the answer is null.
 */
export interface LargeOutcome {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

/** What a command task resolves to. A non-zero exit is a result, not a failure. */
export interface CommandResult {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Output beyond the bound was cut from the middle. */
  readonly truncated: boolean;
}
