import { quote } from '../src/common/quote.ts';

export interface Script {
  readonly name: string;
  /** The block's folder. Managers keep the process groups of running commands in files below `groups/` in it. */
  readonly folder: string;
  /** Lines for the scheduler: '#SBATCH --nodes=2'. */
  readonly directives: readonly string[];
  /** The site's own shell text: modules, environments. */
  readonly workerInit: string;
  /** What a launcher made of the manager's command. */
  readonly launch: string;
}

/**
 * The text of a job. However it ends, short of a SIGKILL to this shell itself, it ends the commands that a manager left
 * running: they have process groups of their own, and a manager that was killed could not do it. A SIGTERM during
 * worker_init ends the job; after it, the managers decide, and the shell waits for them.
 */
export function submitScript(script: Script): string {
  return `#!/bin/bash
${script.directives.map((line) => `${line}\n`).join('')}
export JOBNAME=${quote(script.name)}
# Not every scheduler starts a job where it should run.
cd ${quote(script.folder)} || exit

# One file per command: its process group, and the node if it is not on this one.
end_commands() {
  local file group node
  for file in ${quote(`${script.folder}/groups`)}/*; do
    [ -s "$file" ] || continue
    group= node=
    read -r group node <"$file"
    [[ "$group" =~ ^[1-9][0-9]+$ ]] || continue
    [ -z "$node" ] || [ "$node" = "$(uname -n)" ] || continue
    kill -KILL -- "-$group" 2>/dev/null
  done
}
trap end_commands EXIT
trap 'exit 143' TERM

${script.workerInit}

trap : TERM
${script.launch}
exit $?
`;
}
