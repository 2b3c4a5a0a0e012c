// What a task may be submitted with.

import { ComputeError } from '../common/errors.ts';
import type { ResourceSpecification } from '../common/protocol.ts';

export interface TaskOptions {
  /** From the start of the run on a worker. Default: no limit. */
  readonly timeoutMs?: number;
  /** Lower is sooner; tasks without one come last. */
  readonly priority?: number;
  /** How many more times a task is tried that raised, timed out or lost its worker. Default: 0. */
  readonly retries?: number;
  /** The task starts only in a block that lives at least this much longer. Default: 0. */
  readonly minRemainingMs?: number;
  /** Cores of one node that the task uses; it gets as many workers' as that takes. Default: what one worker has. */
  readonly cores?: number;
  /** GiB that the task uses, as `cores`. */
  readonly memory?: number;
  /** Accelerators that the task sees, as `cores`. Default: its worker's one, where there are any. */
  readonly gpus?: number;
  /** Whole nodes that the task runs on at once; in a GlobusMPIEngine. Default: 1. */
  readonly nodes?: number;
  /** MPI ranks on each node. Of nodes, ranksPerNode and numRanks any two imply the third. Default: 1. */
  readonly ranksPerNode?: number;
  /** MPI ranks in all. */
  readonly numRanks?: number;
  /** More options for srun or mpiexec, at the end of PARSL_MPI_PREFIX as they are. */
  readonly launcherOptions?: string;
  /** Aborting it cancels the tasks submitted with it. */
  readonly signal?: AbortSignal;
}

const OPTIONS: Readonly<Record<keyof TaskOptions, 'number' | 'object' | 'string'>> = {
  timeoutMs: 'number', priority: 'number', retries: 'number', minRemainingMs: 'number', cores: 'number',
  memory: 'number', gpus: 'number', nodes: 'number', ranksPerNode: 'number', numRanks: 'number',
  launcherOptions: 'string', signal: 'object',
};

/** The field's own keys of what a task asks for. */
const ASKED = {
  cores: 'cores', memory: 'memory', gpus: 'gpus', nodes: 'num_nodes', ranksPerNode: 'ranks_per_node',
  numRanks: 'num_ranks', launcherOptions: 'launcher_options',
} as const satisfies { readonly [Option in keyof TaskOptions]: keyof ResourceSpecification };

export function askedOf(options: TaskOptions): ResourceSpecification {
  const given = Object.entries(ASKED) as [keyof typeof ASKED, keyof ResourceSpecification][]; // its own keys
  return Object.fromEntries(given.flatMap(([option, key]) =>
    (options[option] === undefined ? [] : [[key, options[option]]])));
}

export function checkOptions(options: TaskOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof TaskOptions] : undefined; // checked by hasOwn
    if (type === undefined) {
      const names = Object.keys(OPTIONS).join(', ');
      throw new ComputeError('CONFIG_INVALID', `there is no task option ${name}; there are ${names}`);
    }
    if (type === 'string' && value !== undefined && typeof value !== 'string') {
      throw new ComputeError('CONFIG_INVALID', `task option ${name} is ${String(value)} and must be text`);
    }
    const bad = type === 'number' && value !== undefined && (typeof value !== 'number' || Number.isNaN(value));
    if (bad || (name !== 'priority' && typeof value === 'number' && value < 0)) {
      const range = name === 'priority' ? '' : ', 0 or more';
      throw new ComputeError('CONFIG_INVALID', `task option ${name} is ${String(value)} and must be a number${range}`);
    }
  }
}
