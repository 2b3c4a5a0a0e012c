import { parser } from '../src/common/schema.ts';
import type { Launcher } from './launcher.ts';

export interface SingleNodeConfig {
  readonly type: 'SingleNodeLauncher';
  /** Say on stdout when each manager starts and ends. */
  readonly debug: boolean;
  /** true: fail with the worst status. false: fail only when every manager failed, as one that did not was of use. */
  readonly fail_on_any: boolean;
}

const parseKeys = parser<Omit<SingleNodeConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: [],
  properties: { debug: { type: 'boolean', default: true }, fail_on_any: { type: 'boolean', default: false } },
});

export function parseSingleNode(keys: unknown): SingleNodeConfig {
  return { type: 'SingleNodeLauncher', ...parseKeys(keys) };
}

/** All managers where the job's script runs, side by side. */
export function buildSingleNode(config: SingleNodeConfig): Launcher {
  return {
    type: 'SingleNodeLauncher',
    wrap: (command, { managersPerNode }) => script(command, managersPerNode, config),
  };
}

function script(command: string, count: number, config: SingleNodeConfig): string {
  const say = (text: string): string => (config.debug ? `echo "${text}"` : ':');
  // `wait` returns early when a trapped signal comes, and then reports the signal, not the manager: `signalled` tells
  // the two apart. A second `wait` that says 127 means that the first had the manager's own status. `set +eu`, because
  // what worker_init asked of the shell was for itself.
  return `
set +eu
managers=()
stopping=
signalled=
forward() {
  stopping=yes
  signalled=yes
  kill -TERM "\${managers[@]}" 2>/dev/null
}
trap forward TERM
ended() {
  local again
  wait "$1"; code=$?
  while [ "$code" -gt 128 ] && [ -n "$signalled" ]; do
    signalled=
    wait "$1"; again=$?
    [ "$again" -eq 127 ] && break
    code=$again
  done
}
for rank in {1..${count}}; do
  [ -n "$stopping" ] && break
  ${command} &
  managers+=("$!")
  ${say(`manager $rank of ${count} started, pid $!`)}
done
[ -n "$stopping" ] && forward
rank=0
worst=0
failed=0
for manager in "\${managers[@]}"; do
  rank=$((rank + 1))
  ended "$manager"
  ${say(`manager $rank of ${count} ended with status $code`)}
  [ "$code" -eq 0 ] && continue
  failed=$((failed + 1))
  [ "$code" -gt "$worst" ] && worst=$code
  ${count > 1 ? `echo "manager $rank of ${count} failed with status $code" >&2` : ':'}
done
${config.fail_on_any ? '' : `[ "$failed" -lt "\${#managers[@]}" ] && worst=0`}
(exit "$worst")
`;
}
