// The keys of an MPI engine: one manager for each block, whose slots are the block's nodes.

import { invalid, isMapping, parser } from '../src/common/schema.ts';
import type { MpiLauncher } from '../src/common/process-config.ts';

export interface MpiKeys {
  /** Tasks that a block runs at a time, nodes permitting. */
  readonly max_workers_per_block: number;
  /** What PARSL_MPI_PREFIX begins with. */
  readonly mpi_launcher: MpiLauncher;
}

type Keys = Readonly<Record<string, unknown>>;

const LAUNCHERS = ['srun', 'aprun', 'mpiexec'] as const;
const OWN = ['max_workers_per_block', 'mpi_launcher'] as const;
/** They divide a node; an MPI task takes whole ones. */
const OF_WORKERS = [
  'cores_per_worker', 'mem_per_worker', 'max_workers_per_node', 'cpu_affinity', 'available_accelerators',
];
const NOT_HERE = ['enable_mpi_mode', ...OWN];

const parseKeys = parser<{ max_workers_per_block: number }>('engine', {
  type: 'object', required: [],
  properties: { max_workers_per_block: { type: 'integer', minimum: 1, maximum: 10_000, default: 1 } },
});

/** Takes the engine's MPI keys out of all that were written. Throws CONFIG_INVALID in the field's words. */
export function mpiKeys(keys: Keys): { readonly mpi: MpiKeys; readonly rest: Keys; readonly notes: string[] } {
  const problems = OF_WORKERS.filter((key) => key in keys)
    .map((key) => `engine: ${key} is not for GlobusMPIEngine, whose tasks take whole nodes; remove it`);
  if (problems.length > 0) throw invalid(problems);
  const { max_workers_per_block: written, mpi_launcher: launcher = 'mpiexec', provider, ...rest } = keys;
  const known = LAUNCHERS.find((name) => name === launcher);
  if (known === undefined) {
    throw invalid([`engine: mpi_launcher set to:${String(launcher)} must be set to one of `
      + `(${LAUNCHERS.map((name) => `'${name}'`).join(', ')})`]);
  }
  const given = isMapping(provider) ? provider : {};
  // The field's own documents have it here.
  const { max_workers_per_block: misplaced, ...ofProvider } = given;
  const workers = written ?? misplaced;
  return {
    mpi: { mpi_launcher: known, ...parseKeys(workers === undefined ? {} : { max_workers_per_block: workers }) },
    rest: { ...rest, provider: { ...ofProvider, launcher: simple(ofProvider['launcher']) } },
    notes: misplaced === undefined ? [] : ['max_workers_per_block belongs to the engine, not to its provider'],
  };
}

function simple(launcher: unknown): unknown {
  const keys = launcher ?? {};
  const given = isMapping(keys) ? { type: 'SimpleLauncher', ...keys } : undefined;
  if (given?.type === 'SimpleLauncher') return given;
  throw invalid(['engine.provider.launcher: mpi_mode requires the provider to be configured to use a SimpleLauncher']);
}

/** In any other engine. */
export function refuseMpiKeys(keys: Keys, type: string): void {
  const found = NOT_HERE.filter((key) => key in keys);
  if (found.length === 0) return;
  throw invalid(found.map((key) =>
    `engine: ${key}: MPI mode is not supported on ${type}. Use GlobusMPIEngine instead.`));
}
