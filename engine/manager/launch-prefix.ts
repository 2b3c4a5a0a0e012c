// What an MPI task finds in its environment: its nodes, its numbers, and the beginning of the command that starts a
// program on them. Pure.

import type { MpiLauncher } from '../../src/common/process-config.ts';
import type { ResourceSpecification } from '../../src/common/protocol.ts';
import { variablesOf } from '../../src/common/resources.ts';

/** Whose mpiexec it is: they do not take the same options. */
export type MpiexecForm = 'hydra' | 'openmpi';

/** What `mpiexec --version` says → whose it is. MPICH's form is what most vendors' take. */
export function mpiexecForm(version: string): MpiexecForm {
  return /open\s?(mpi|rte)|prte/i.test(version) ? 'openmpi' : 'hydra';
}

export interface Launch {
  readonly launcher: MpiLauncher;
  readonly mpiexec: MpiexecForm;
}

/** The field's variables. `nodes`: those of the task, as many as it asked for. */
export function launchVariables(
  nodes: readonly string[], asked: ResourceSpecification, { launcher, mpiexec }: Launch,
): Record<string, string> {
  const prefixes: Record<MpiLauncher, string> = {
    srun: srun(nodes, asked), aprun: aprun(nodes, asked), mpiexec: mpiexecOf[mpiexec](nodes, asked),
  };
  return {
    ...variablesOf(asked),
    PARSL_MPI_NODELIST: nodes.join(','),
    PARSL_SRUN_PREFIX: prefixes.srun,
    PARSL_APRUN_PREFIX: prefixes.aprun,
    PARSL_MPIEXEC_PREFIX: prefixes.mpiexec,
    PARSL_MPI_PREFIX: prefixes[launcher],
  };
}

/** `--overlap`: steps share what the job has, so a task never waits for another's step. */
function srun(nodes: readonly string[], { num_ranks: ranks = 1, ranks_per_node: each = 1, launcher_options }:
ResourceSpecification): string {
  return words('srun --overlap', `--nodes ${nodes.length}`, `--ntasks ${ranks}`, `--ntasks-per-node ${each}`,
    `--nodelist ${nodes.join(',')}`, launcher_options);
}

function aprun(nodes: readonly string[], { num_ranks: ranks = 1, ranks_per_node: each = 1, launcher_options }:
ResourceSpecification): string {
  return words(`aprun -n ${ranks} -N ${each}`, `--node-list ${nodes.join(',')}`, launcher_options);
}

const mpiexecOf: Readonly<Record<MpiexecForm, (nodes: readonly string[], asked: ResourceSpecification) => string>> = {
  hydra: (nodes, { num_ranks: ranks = 1, ranks_per_node: each = 1, launcher_options }) =>
    words(`mpiexec -n ${ranks} -ppn ${each}`, `-hosts ${nodes.join(',')}`, launcher_options),
  // It wants to be told how many ranks a node may have, each node once, and that the scheduler's word is not the last.
  openmpi: (nodes, { num_ranks: ranks = 1, ranks_per_node: each = 1, launcher_options }) => {
    const names = [...new Set(nodes)];
    const perName = each * nodes.length / names.length;
    return words(`mpiexec -n ${ranks}`, `--host ${names.map((name) => `${name}:${perName}`).join(',')}`,
      `--map-by ppr:${perName}:node:oversubscribe`, launcher_options);
  },
};

function words(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}
