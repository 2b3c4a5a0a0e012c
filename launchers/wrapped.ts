import { parser } from '../src/common/schema.ts';
import { runOne } from './children.ts';
import type { Launcher } from './launcher.ts';
import { inLine } from './overrides.ts';

export interface WrappedConfig {
  readonly type: 'WrappedLauncher';
  /** Shell text before the manager's command, for instance a container's: 'apptainer exec site.sif'. */
  readonly prepend: string;
  /** Taken for the sake of existing files; what is prepended speaks for itself. */
  readonly debug: boolean;
}

const parseKeys = parser<Omit<WrappedConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: ['prepend'],
  properties: { prepend: { type: 'string', pattern: '\\S', description: 'shell text' },
    debug: { type: 'boolean', default: true } },
});

export function parseWrapped(keys: unknown): WrappedConfig {
  return { type: 'WrappedLauncher', ...parseKeys(keys) };
}

/** One manager, started by a command of the site's. */
export function buildWrapped({ prepend }: WrappedConfig): Launcher {
  return {
    type: 'WrappedLauncher',
    wrap: (command, { nodes, managersPerNode }) => {
      const rest = nodes * managersPerNode - 1;
      const warning = `WrappedLauncher starts one manager; this block has room for ${rest} more that nobody starts`;
      return `${rest > 0 ? `echo "${warning}" >&2` : ''}${runOne(inLine(prepend).trimStart() + ' ' + command)}`;
    },
  };
}
