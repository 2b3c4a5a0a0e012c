import { parser } from '../src/common/schema.ts';
import { standBy } from './children.ts';
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
  return `
${standBy()}
for rank in {1..${count}}; do
  [ -n "$stopping" ] && break
  ${command} </dev/null &
  children+=("$!")
  ${say(`manager $rank of ${count} started, pid $!`)}
done
passed_on
rank=0
worst=0
failed=0
for child in "\${children[@]}"; do
  rank=$((rank + 1))
  ended "$child"
  ${say(`manager $rank of ${count} ended with status $code`)}
  [ "$code" -eq 0 ] && continue
  failed=$((failed + 1))
  [ "$code" -gt "$worst" ] && worst=$code
  ${count > 1 ? `echo "manager $rank of ${count} failed with status $code" >&2` : ':'}
done
${config.fail_on_any ? '' : `[ "$failed" -lt "\${#children[@]}" ] && worst=0`}
(exit "$worst")
`;
}
