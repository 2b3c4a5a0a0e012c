// What a process or thread of ours is told when it starts: on stdin, in a 0600 file, or as a worker's data. Never in
// argv or the environment, because keys are in it.

import type { BlockId, ManagerId } from './protocol.ts';

/** A CURVE key pair, Z85 text. */
export interface KeyPair {
  readonly publicKey: string;
  readonly secretKey: string;
}

/** The interchange's end of the line to its client: a connected socket that it is started with. */
export const CLIENT_FD = 3;

/** One JSON line on the interchange's stdin. */
export interface InterchangeConfig {
  /** 0: any free port. A replacement gets its predecessor's. */
  readonly managerPort: number;
  /** Address to listen on for managers: '127.0.0.1', or '*' for all. */
  readonly managerAddress: string;
  readonly portRange: readonly [number, number] | null;
  /** null: no encryption. */
  readonly keys: { readonly server: KeyPair; readonly managerPublicKey: string } | null;
  readonly heartbeatPeriodMs: number;
  readonly heartbeatThresholdMs: number;
  /** Which manager is served first: any, or the one of the newest block. */
  readonly managerSelector: 'random' | 'block_id';
  /** How long a manager may be gone before its tasks go elsewhere. */
  readonly reconnectGraceMs: number;
  readonly killsMax: number;
  /** What every manager holds beyond its slots, however long its tasks take. */
  readonly prefetchCapacity: number;
  /** It takes the place of one that ended: the client will send every open task again. */
  readonly replacement: boolean;
  /** When the client is gone, managers are not stopped: they wait for its successor. */
  readonly managersWait: boolean;
  readonly logPath: string;
  readonly logLevel: string;
}

/** One JSON line on the interchange's stdout, once it listens. */
export type InterchangeReady =
  | { readonly type: 'ready'; readonly managerPort: number }
  | { readonly type: 'failed'; readonly message: string };

/** The manager's file, mode 0600, in the block's folder. */
export interface ManagerConfig {
  readonly block: BlockId;
  /** Where the interchange may be reached; the first that answers is used. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly keys: { readonly serverPublicKey: string; readonly own: KeyPair } | null;
  readonly maxWorkersPerNode: number | null;
  readonly coresPerWorker: number;
  readonly memPerWorkerGiB: number | null;
  readonly prefetchCapacity: number;
  readonly accelerators: readonly string[];
  readonly cpuAffinity: string;
  /** Set in an MPI engine: slots are the block's nodes, and one manager has them all. */
  readonly mpi: MpiConfig | null;
  readonly heartbeatPeriodMs: number;
  readonly heartbeatThresholdMs: number;
  readonly drainAfterMs: number | null;
  readonly probeTimeoutMs: number;
  /** How long it waits for an interchange, at its start or after the connection broke, before it ends. */
  readonly goneMaxMs: number;
  readonly resultBytesMax: number;
  /** Acknowledge tasks without running them: measures the scheduler alone. */
  readonly zeroWorker: boolean;
  readonly workingDirectory: string;
  readonly logDirectory: string;
  readonly logLevel: string;
}

export type MpiLauncher = 'srun' | 'aprun' | 'mpiexec';

export interface MpiConfig {
  readonly launcher: MpiLauncher;
  /** Tasks at a time. */
  readonly workers: number;
  /** How often this machine counts as a node, where no scheduler says which nodes there are. */
  readonly localNodes: number;
}

/** What every worker of a manager is told when its thread starts. */
export interface WorkerSetup {
  readonly manager: ManagerId;
  readonly block: BlockId;
  readonly slots: number;
  readonly accelerators: readonly string[];
  /** The cores of each slot's worker; null where nothing is bound. */
  readonly cores: readonly (readonly number[])[] | null;
  readonly groupsFolder: string;
  readonly resultBytesMax: number;
  /** What a worker's thread may have, and what its interpreter may; null: no limit of their own. */
  readonly memoryMiB: number | null;
}
