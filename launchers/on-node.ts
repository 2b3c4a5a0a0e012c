// What srun and mpiexec start on each node: a shell that stands by the manager. How it hears of a SIGTERM differs, as
// srun signals every process of a step, the users' own among them, and mpiexec knows nothing but signals. It takes away
// what they put into the environment for the program that they take the manager for: a task that uses srun or mpiexec
// itself would believe that it is a part of the block's own step.

import { quote } from '../src/common/quote.ts';
import { standBy } from './children.ts';

/** By name, or all that begin with it. */
const UNSET = `\
unset SLURM_LABELIO SLURM_OVERLAP \${!SLURM_CPU_BIND@} \${!PMI@} \${!HYDI@} \${!MPI_LOCAL@} \${!PRTE@} OMPI_ARGV
unset MPIR_CVAR_CH3_INTERFACE_HOSTNAME \${!OMPI_COMM@} \${!OMPI_APP@} OMPI_FILE_LOCATION OMPI_FIRST_RANKS
unset OMPI_NUM_APP_CTX OMPI_UNIVERSE_SIZE \${!OMPI_MCA_ess@} \${!OMPI_MCA_orte@} \${!OMPI_MCA_pmix@}
unset OMPI_MCA_initial_wdir OMPI_MCA_mpi_oversubscribe \${!OMPI_MCA_rmaps@} OMPI_MCA_hwloc_base_binding_policy
unset OMPI_MCA_shmem_RUNTIME_QUERY_hint OMPI_MCA_odls_base_sigkill_timeout OMPI_COMMAND`;

/** The line by which a manager's end is told where exit statuses do not arrive. */
const ENDED = 'manager on $HOSTNAME ended with status $code';
/** A bash pattern for it: the line, and the status in it. */
export const ENDED_PATTERN = '(manager on [^ ]+ ended with status ([0-9]+))$';

const HEAD = `${UNSET}
${standBy(undefined, 'TERM USR2')}`;

/** For srun: a line on stdin is a SIGTERM to the manager, and its end is nothing. The exit status is the manager's. */
export function onSrunNode(command: string): string {
  return words('bash', `${HEAD}
exec 3<&0
"$@" </dev/null 3<&- &
children+=("$!")
passed_on
{ read -r _ <&3 && kill -TERM "\${children[0]}"; } 2>/dev/null &
ended "\${children[0]}"
kill "$!" 2>/dev/null
exit "$code"
`, command);
}

/**
 * For mpiexec: a SIGUSR2 is a SIGTERM to the manager, which itself does not hear the SIGUSR2. The status is said on
 * stdout, and the exit status is 0, as mpiexec ends every other rank when one fails.
 */
export function onMpiNode(command: string, shell: string): string {
  return words(shell, `${HEAD}
(trap '' USR2; exec "$@") </dev/null &
children+=("$!")
passed_on
ended "\${children[0]}"
echo "${ENDED}"
`, command);
}

function words(shell: string, text: string, command: string): string {
  return `${quote(shell)} -c ${quote(text)} manager ${command}`;
}
