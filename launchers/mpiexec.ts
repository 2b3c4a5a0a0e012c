import { parser } from '../src/common/schema.ts';
import type { Launcher } from './launcher.ts';
import { mpiScript, type MpiOptions } from './mpi-script.ts';
import { overridesProperty } from './overrides.ts';

export interface MpiExecConfig {
  readonly type: 'MpiExecLauncher';
  /** Say on stdout when the managers start and end. */
  readonly debug: boolean;
  /** mpiexec's option that takes 'none', so that no manager is bound to a core. '' where it has none. */
  readonly bind_cmd: string;
  /** More options for mpiexec, as shell text. */
  readonly overrides: string;
}

export interface MpiRunConfig {
  readonly type: 'MpiRunLauncher';
  readonly debug: boolean;
  /** The shell that starts the manager on each node. */
  readonly bash_location: string;
  /** More options for mpirun, as shell text. */
  readonly overrides: string;
}

const debug = { type: 'boolean', default: true } as const;

const parseExec = parser<Omit<MpiExecConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: [],
  properties: { debug, bind_cmd: { type: 'string', default: '--bind-to' }, overrides: overridesProperty },
});

const parseRun = parser<Omit<MpiRunConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: [],
  properties: {
    debug, bash_location: { type: 'string', minLength: 1, default: '/bin/bash' }, overrides: overridesProperty,
  },
});

export function parseMpiExec(keys: unknown): MpiExecConfig {
  return { type: 'MpiExecLauncher', ...parseExec(keys) };
}

export function parseMpiRun(keys: unknown): MpiRunConfig {
  return { type: 'MpiRunLauncher', ...parseRun(keys) };
}

/** The managers on all nodes of a PBS or a Slurm job, started by MPICH's, Open MPI's or a vendor's mpiexec. */
export function buildMpiExec(config: MpiExecConfig): Launcher {
  const { type, bind_cmd: bind, overrides } = config;
  const options: MpiOptions = { program: 'mpiexec', shell: 'bash', bind, overrides, debug: config.debug };
  return { type, wrap: (command, shape) => mpiScript(command, shape, options) };
}

/** The same by mpirun. */
export function buildMpiRun(config: MpiRunConfig): Launcher {
  const { type, bash_location: shell, overrides } = config;
  const options: MpiOptions = { program: 'mpirun', shell, bind: '', overrides, debug: config.debug };
  return { type, wrap: (command, shape) => mpiScript(command, shape, options) };
}
