// What the interchange knows, and what it may ask its loop to do. Plain data: core.ts is the only one to change it.

import type {
  BlockId, Failure, FromInterchange, FromManager, FunctionDefinition, FunctionId, ManagerId, ResultBatch, TaskId,
  ToManager,
} from '../../src/common/protocol.ts';
import { ManagerTable, type ManagerRecord } from './managers.ts';
import { Queue, type Lane } from './queue.ts';
import { TaskTable, type Range, type Whole } from './tasks.ts';

/** What is held against a task whose workers or managers died of it, perhaps. */
export interface Strikes {
  /** Workers and managers that ended while it ran on them. */
  kills: number;
  /** A manager that held it was lost: from now on it goes to free slots only, so that the next loss tells. */
  suspect: boolean;
  /** The lost manager that this try was on last: should it come back, its answer still counts. */
  lostWith: ManagerId | undefined;
}

export function noStrikes(): Strikes {
  return { kills: 0, suspect: false, lostWith: undefined };
}

export interface Policy {
  readonly heartbeatPeriodMs: number;
  readonly heartbeatThresholdMs: number;
  readonly managerSelector: 'random' | 'block_id';
  readonly reconnectGraceMs: number;
  /** How many workers or managers one task may take down. */
  readonly killsMax: number;
  /** What every manager holds beyond its slots, however long its tasks take. */
  readonly prefetchCapacity: number;
}

/**
 * A replaced interchange starts knowing nothing. First the client sends every open task again; registrations that come
 * meanwhile are put by. Then, until every manager that the client knew has come back or the grace is over, nothing is
 * dispatched: a task that waits here may well be running there.
 */
export interface Recovery {
  /** By peer, the last one of each. */
  readonly registrations: Map<string, { readonly message: Registration; readonly results: readonly ArrivedResults[] }>;
  missing: Set<ManagerId>;
  untilMs: number;
  /** What waits when it is over ends so: it was asked for meanwhile. */
  failure?: Failure;
}

/** When the scheduler ends a block, and from when on it gets no more tasks. */
export interface BlockEnd {
  readonly endsAtMs: number;
  readonly drainAtMs: number;
}

/** A manager that gets nothing more until a wide task fits there. */
export interface Reservation {
  readonly lane: Lane;
  /** Free slots when it was looked at last; so long without more of them, and another manager is tried. */
  slots: number;
  sinceMs: number;
  readonly patienceMs: number;
}

export type Registration = Extract<FromManager, { type: 'register' }>;

export interface State {
  readonly policy: Policy;
  readonly tasks: TaskTable;
  readonly queue: Queue;
  readonly managers: ManagerTable;
  readonly reservations: Map<ManagerRecord, Reservation>;
  readonly functions: Map<FunctionId, FunctionDefinition>;
  readonly strikes: Map<TaskId, Strikes>;
  /** Held tasks whose end was asked for: whatever becomes of their managers, they are not tried again. */
  readonly cancelled: Set<TaskId>;
  /** Managers of the interchange whose place this one took: they may hold what waits here. */
  predecessors: ReadonlySet<ManagerId>;
  readonly connectedBlocks: Set<BlockId>;
  /** Blocks that get no more tasks, whoever still comes from them. */
  readonly drainedBlocks: Set<BlockId>;
  /** When blocks end, as far as the scheduler has said. */
  readonly blockEnds: Map<BlockId, BlockEnd>;
  recovery: Recovery | undefined;
  recallAtMs: number;
  tickedAtMs: number;
  /** Results that came for tasks settled before. */
  duplicates: number;
}

export function emptyState(policy: Policy, replacement: boolean, now: number): State {
  const tasks = new TaskTable();
  return {
    policy,
    tasks,
    queue: new Queue(tasks),
    managers: new ManagerTable(),
    reservations: new Map(),
    functions: new Map(),
    strikes: new Map(),
    cancelled: new Set(),
    predecessors: new Set(),
    connectedBlocks: new Set(),
    drainedBlocks: new Set(),
    blockEnds: new Map(),
    recovery: replacement ? { registrations: new Map(), missing: new Set(), untilMs: Infinity } : undefined,
    recallAtMs: 0,
    tickedAtMs: now,
    duplicates: 0,
  };
}

/**
 * Whether this manager was given the task for its present try, although we do not think that it holds it. What an
 * earlier interchange gave out may have been any try: it counts until we have made one ourselves.
 */
export function mayHold(state: State, manager: ManagerRecord, id: TaskId): boolean {
  return state.strikes.get(id)?.lostWith === manager.id
    || (state.predecessors.has(manager.id) && state.tasks.batchOf(id)?.attempt === 1);
}

/** A result batch as it came: header, the columns the interchange looks at, and the frames it passes on unopened. */
export interface ArrivedResults {
  readonly header: ResultBatch;
  readonly ids: Float64Array;
  readonly status: Uint8Array;
  readonly frames: readonly Uint8Array[];
  /** The message that they came in, where it can be passed on as it is. */
  readonly message: Whole | undefined;
}

export type Effect =
  /** Send these tasks to this manager. */
  | { readonly type: 'dispatch'; readonly manager: ManagerRecord; readonly ranges: readonly Range[] }
  /** Pass these results on to the client. `keep`: only these positions; absent: all. */
  | { readonly type: 'forward'; readonly results: ArrivedResults; readonly manager: ManagerId;
      readonly keep?: readonly number[] }
  /** Tell the client that these tasks ended so, without any manager. */
  | { readonly type: 'settle'; readonly ids: readonly TaskId[]; readonly failure: Failure }
  | { readonly type: 'to-client'; readonly message: FromInterchange }
  | { readonly type: 'to-manager'; readonly peer: string; readonly message: ToManager }
  /** Call `tick` again this soon. */
  | { readonly type: 'wake'; readonly inMs: number }
  /** What the strategy looks at has changed. */
  | { readonly type: 'load-changed' }
  | { readonly type: 'exit' };
