import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contained } from '../../../engine/containers.ts';
import { parseEngineConfig } from '../../../engine/config.ts';

type Keys = Readonly<Record<string, unknown>>;

const PREMISES = {
  folder: '/runs/r 1', workingDirectory: '/home/u', node: '/opt/node/bin/node', packageDirectory: '/opt/switchyard/',
};
const COMMAND = "bash '/runs/r 1/blocks/0/manager.sh'";

function commandOf(keys: Keys, workingDirectory = '/runs/r 1'): string {
  return contained(parseEngineConfig(keys).container, COMMAND, PREMISES, workingDirectory);
}

test('without a container the manager\'s command is as it was', () => {
  assert.equal(commandOf({}), COMMAND);
  assert.equal(commandOf({ container_type: null, container_uri: null }), COMMAND);
});

test('an image is run with the site\'s options, the run\'s files, this package and its Node.js', () => {
  const home = { container_cmd_options: '-H /home/$USER' };
  assert.equal(commandOf({ container_type: 'apptainer', container_uri: '/x.sif', ...home }),
    "apptainer run -H /home/$USER --bind '/runs/r 1:/runs/r 1' --bind /opt/switchyard:/opt/switchyard:ro "
    + `--bind /opt/node/bin/node:/opt/node/bin/node:ro /x.sif ${COMMAND}`);
  assert.equal(commandOf({ container_type: 'docker', container_uri: 'python:3.12' }, '/scratch/u'),
    "docker run --rm -v '/runs/r 1:/runs/r 1' -v /scratch/u:/scratch/u -v /opt/switchyard:/opt/switchyard:ro "
    + `-v /opt/node/bin/node:/opt/node/bin/node:ro python:3.12 ${COMMAND}`);
});

test('every command that the field knows is one', () => {
  for (const type of ['docker', 'podman', 'podman-hpc', 'apptainer', 'singularity']) {
    const command = commandOf({ container_type: type, container_uri: 'a b' }, '/');
    assert.match(command, new RegExp(`^${type} run .* 'a b' bash `));
    assert.doesNotMatch(command, / \/:\/( |$)/);
  }
});

test('quotes of the options stay, and folded lines are one', () => {
  const options = '--env "A=b c"\n  --nv \\\n  --cleanenv\n';
  assert.match(commandOf({ container_type: 'apptainer', container_uri: 'x', container_cmd_options: options }),
    /^apptainer run --env "A=b c" --nv --cleanenv --bind /);
});

test('a custom command has the run\'s folder and the manager\'s command in their places', () => {
  const command = 'shifter --volume={EXECUTOR_RUNDIR}:{EXECUTOR_RUNDIR} -- {EXECUTOR_LAUNCH_CMD}';
  assert.equal(commandOf({ container_type: 'custom', container_cmd_options: command }),
    `shifter --volume='/runs/r 1':'/runs/r 1' -- ${COMMAND}`);
});

test('what makes no container is refused', () => {
  const cases: readonly (readonly [Keys, RegExp])[] = [
    [{ container_type: 'dokcer', container_uri: 'x' }, /dokcer is not a valid container_type/],
    [{ container_type: 'docker' }, /container_uri: it is missing/],
    [{ container_type: 'custom' }, /GCE\.container_cmd_options is required for GCE\.container_type=custom/],
    [{ container_type: 'custom', container_cmd_options: 'sleep 1' }, /no \{EXECUTOR_LAUNCH_CMD\} in it/],
    [{ container_uri: 'x' }, /need a container_type/],
    [{ container_type: 'docker', container_uri: 'x', provider: { type: 'KubernetesProvider', image: 'y' } },
      /not compatible with KubernetesProvider/],
  ];
  for (const [keys, expected] of cases) assert.throws(() => commandOf(keys), expected);
});
