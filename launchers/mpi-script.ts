// The text by which mpiexec or mpirun starts the managers of a block. A manager is no MPI program; mpiexec only carries
// it to the nodes. Whose mpiexec it is shows on the node, so the script asks it.

import { standBy } from './children.ts';
import type { Shape } from './launcher.ts';
import { ENDED_PATTERN, onMpiNode } from './on-node.ts';
import { inLine } from './overrides.ts';

export interface MpiOptions {
  readonly program: 'mpiexec' | 'mpirun';
  /** The shell that starts the manager on each node. */
  readonly shell: string;
  /** The option that takes 'none', or ''. */
  readonly bind: string;
  readonly overrides: string;
  readonly debug: boolean;
}

/**
 * Under PBS the nodes come from its node file, each once, however many lines it has there; under Slurm mpiexec knows
 * them, and what is exported is for the srun by which it reaches them. MPICH's passes a SIGTERM on and waits; Open
 * MPI's would kill soon after, so it gets a SIGUSR2, and time in case that a SIGTERM comes to it from elsewhere. The
 * managers' statuses come on stdout, and all else that comes there is passed on. Its own says something only where
 * one of theirs is missing: MPICH's may stumble over the end of what it started.
 */
export function mpiScript(command: string, { nodes, managersPerNode }: Shape, options: MpiOptions): string {
  const { program, shell, bind, overrides, debug } = options;
  const say = (text: string): string => (debug ? `echo "${text}"` : ':');
  // MPICH's takes no option twice.
  const words = overrides.split(/\s+/);
  const given = (option: RegExp): boolean => words.some((word) => option.test(word));
  const unbound = bind === '' || words.some((word) => word.startsWith(bind)) ? '' : ` ${bind} none`;
  const ppn = given(/^--?ppn\b/) ? '' : `-ppn ${managersPerNode}`;
  // Open MPI's mpirun binds where nothing is said.
  const bound = bind !== '' || given(/^--?bind-to\b/);
  const openMpi = `${bound ? '' : '--bind-to none '}--map-by ppr:${managersPerNode}:node:OVERSUBSCRIBE`;
  return `
signal=TERM
${standBy('kill -"$signal" "${children[@]}"')}
hostfile=
options=()
ranks=${nodes * managersPerNode}
if [ -s "\${PBS_NODEFILE:-}" ] && hostfile=$(mktemp); then
  awk '!seen[$0]++' "$PBS_NODEFILE" >"$hostfile"
  ranks=$(($(wc -l <"$hostfile") * ${managersPerNode}))
  options+=(--hostfile "$hostfile")
fi
case $(${program} --version 2>&1 </dev/null) in
  *OpenRTE*|*"Open MPI"*|*PRRTE*)
    signal=USR2
    options+=(${openMpi}) ;;
  *) options+=(${ppn}) ;;
esac
export SLURM_OVERLAP=1 SLURM_CPU_BIND=none OMPI_MCA_odls_base_sigkill_timeout=4 PRTE_MCA_odls_base_sigkill_timeout=4
${say(`starting $ranks managers with ${program}`)}
exec 8< <(exec ${program}${unbound} "\${options[@]}" -n "$ranks"${inLine(overrides)} \\
  ${onMpiNode(command, shell)} </dev/null)
children+=("$!")
passed_on
worst=0
heard=0
while IFS= read -r line <&8 || [ -n "$line" ]; do
  if [[ ! $line =~ ${ENDED_PATTERN.replaceAll(' ', '\\ ')} ]]; then
    printf '%s\\n' "$line"
    continue
  fi
  printf '%s' "\${line%"\${BASH_REMATCH[1]}"}"
  ${say('${BASH_REMATCH[1]}')}
  code=\${BASH_REMATCH[2]}
  heard=$((heard + 1))
  [ "$code" -eq 0 ] || echo "\${BASH_REMATCH[1]}" >&2
  [ "$code" -gt "$worst" ] && worst=$code
done
exec 8<&-
ended "\${children[0]}"
${say(`${program} ended with status $code`)}
[ "$heard" -lt "$ranks" ] && [ "$code" -gt "$worst" ] && worst=$code
[ -z "$hostfile" ] || rm -f "$hostfile"
(exit "$worst")
`;
}
