import { parser } from '../src/common/schema.ts';
import { standBy } from './children.ts';
import type { Launcher, Shape } from './launcher.ts';
import { onSrunNode } from './on-node.ts';
import { inLine, overridesProperty } from './overrides.ts';

export interface SrunConfig {
  readonly type: 'SrunLauncher';
  /** Say on stdout when the managers start and end. */
  readonly debug: boolean;
  /** More options for srun, as shell text; they come last, so they win. */
  readonly overrides: string;
}

const parseKeys = parser<Omit<SrunConfig, 'type'>>('engine.provider.launcher', {
  type: 'object', required: [], properties: { debug: { type: 'boolean', default: true }, overrides: overridesProperty },
});

export function parseSrun(keys: unknown): SrunConfig {
  return { type: 'SrunLauncher', ...parseKeys(keys) };
}

/** One step of the Slurm job: the managers on all of its nodes. Slurm 20.11 or later. */
export function buildSrun(config: SrunConfig): Launcher {
  return { type: 'SrunLauncher', wrap: (command, shape) => script(command, shape, config) };
}

/**
 * The step has all that the job has on each node, and leaves it to the tasks, which may start steps of their own:
 * `--overlap`, `--mem=0`, `--cpu-bind=none`. A manager or a node that ends early does not end the others: `--no-kill`,
 * `--kill-on-bad-exit=0`, `--wait=0`. A manager is no MPI program: `--mpi=none`. A SIGTERM goes to the nodes as a line
 * on srun's stdin: srun itself would end the step at once.
 */
function script(command: string, { nodes, managersPerNode }: Shape, { debug, overrides }: SrunConfig): string {
  const count = nodes * managersPerNode;
  const say = (text: string): string => (debug ? `echo "${text}"` : ':');
  return `
${standBy(`(trap '' PIPE; echo stop >&7)`)}
${say(`starting ${count} managers on ${nodes} nodes with srun`)}
exec 7> >(srun --nodes=${nodes} --ntasks=${count} --ntasks-per-node=${managersPerNode} --input=all --label \\
  --overlap --mem=0 --cpu-bind=none --mpi=none --no-kill --kill-on-bad-exit=0 --wait=0${inLine(overrides)} \\
  ${onSrunNode(command)})
children+=("$!")
passed_on
ended "\${children[0]}"
exec 7>&-
${say('srun ended with status $code')}
(exit "$code")
`;
}
