// The script that starts one manager of a block, and that sees to what a manager leaves behind on its node.

import { quote, quoteAll } from '../../src/common/quote.ts';

/**
 * Commands have process groups of their own, and where the scheduler does not watch over them by cgroup they survive a
 * manager that was killed, and the job. So each manager has a keeper on its node, outside of the job's processes: it
 * waits for the end of the manager, which alone holds the other end of a pipe, and kills what the manager's files in
 * `groups/` name. The folder may be shared by nodes: files carry their node's name and their manager's pid, and that is
 * this script's own, as the manager takes its place.
 */
export function managerScript(folder: string, argv: readonly string[]): string {
  return `#!/bin/bash
# Starts a manager of this block. 'keep PID': waits for its end and then ends the commands that it was still running.
folder=${quote(folder)}
if [ "\${1:-}" = keep ]; then
  trap '' HUP INT TERM USR1 USR2
  cd /
  read -r _
  for file in "$folder/groups/$(uname -n)-$2-"*; do
    [ -s "$file" ] || continue
    read -r group _ <"$file"
    [[ "$group" =~ ^[1-9][0-9]+$ ]] && kill -KILL -- "-$group"
    rm -f "$file"
  done
  exit
fi
exec 9> >(exec setsid --fork bash "$0" keep "$$" >/dev/null 2>&1)
wait "$!"
exec ${quoteAll(argv)}
`;
}
