import { parser } from '../src/common/schema.ts';
import { runOne } from './children.ts';
import type { Launcher } from './launcher.ts';

export interface SimpleConfig {
  readonly type: 'SimpleLauncher';
  /** Taken for the sake of existing files; one command has nothing to say about itself. */
  readonly debug: boolean;
}

const parseKeys = parser<Omit<SimpleConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: [], properties: { debug: { type: 'boolean', default: true } },
});

export function parseSimple(keys: unknown): SimpleConfig {
  return { type: 'SimpleLauncher', ...parseKeys(keys) };
}

/** One manager, where the job's script runs. It may have the other nodes for its tasks. */
export function buildSimple(): Launcher {
  return { type: 'SimpleLauncher', wrap: (command) => runOne(command) };
}
