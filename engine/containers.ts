// The container in which a block's managers run, by the field's keys: a command goes in front of the manager's own. The
// image brings what the tasks need, and a bash; the run's files, this package and the Node.js that runs it come from
// outside, under the paths that they have there.

import { unreachable } from '../src/common/errors.ts';
import { invalid } from '../src/common/schema.ts';
import { quote } from '../src/common/quote.ts';
import type { Premises } from '../providers/host/host.ts';

const DOCKERS = ['docker', 'podman', 'podman-hpc'] as const;
const APPTAINERS = ['apptainer', 'singularity'] as const;

export type Container =
  | {
    readonly type: typeof DOCKERS[number] | typeof APPTAINERS[number];
    readonly image: string;
    /** Shell text, for the command's `run`. */
    readonly options: string;
  }
  /** Shell text in which two places stand for the run's folder and the manager's command. */
  | { readonly type: 'custom'; readonly command: string };

export interface ContainerKeys {
  readonly container_type: string | null;
  readonly container_uri: string | null;
  readonly container_cmd_options: string | null;
}

const FOLDER_PLACE = '{EXECUTOR_RUNDIR}';
const COMMAND_PLACE = '{EXECUTOR_LAUNCH_CMD}';
/** They run pods or virtual machines of their own. */
const WITH_IMAGES = ['KubernetesProvider', 'AWSProvider', 'GoogleCloudProvider'];

/** Throws CONFIG_INVALID in the field's words. null: managers run on the nodes themselves. */
export function parseContainer(keys: ContainerKeys, providerType: string): Container | null {
  const { container_type: written, container_uri: image, container_cmd_options: given } = keys;
  if (image !== null && WITH_IMAGES.includes(providerType)) {
    throw invalid([`The 'container_uri' field is not compatible with ${providerType} because this provider manages `
      + 'containers internally. Give it the image.']);
  }
  const options = inLine(given ?? '');
  if (written === null) {
    if (image === null && given === null) return null;
    throw invalid(['engine: container_uri and container_cmd_options need a container_type: '
      + `${[...DOCKERS, ...APPTAINERS].join(', ')} or custom`]);
  }
  if (written === 'custom') return customOf(options);
  const type = [...DOCKERS, ...APPTAINERS].find((known) => known === written);
  if (type === undefined) throw invalid([`engine: ${written} is not a valid container_type`]);
  if (image === null) throw invalid([`engine.container_uri: it is missing: the image that ${type} is to run`]);
  return { type, image, options };
}

function customOf(command: string): Container {
  if (command === '') {
    throw invalid(['GCE.container_cmd_options is required for GCE.container_type=custom']);
  }
  if (!command.includes(COMMAND_PLACE)) {
    throw invalid([`engine.container_cmd_options: there is no ${COMMAND_PLACE} in it, so it would start no worker`]);
  }
  return { type: 'custom', command };
}

/** The shell command that runs another in the container. `workingDirectory`: where the tasks are to run. */
export function contained(
  container: Container | null, command: string, premises: Premises, workingDirectory: string,
): string {
  if (container === null) return command;
  if (container.type === 'custom') {
    return container.command.replaceAll(FOLDER_PLACE, () => quote(premises.folder))
      .replaceAll(COMMAND_PLACE, () => command);
  }
  const { type, image, options } = container;
  const words = [
    type, 'run', ...options === '' ? [] : [options], ...mounts(type, premises, workingDirectory), quote(image), command,
  ];
  return words.join(' ');
}

function mounts(type: Exclude<Container['type'], 'custom'>, premises: Premises, workingDirectory: string): string[] {
  const { folder, packageDirectory, node } = premises;
  const isThere = workingDirectory === '/' || `${workingDirectory}/`.startsWith(`${folder}/`);
  const readable = [packageDirectory.replace(/(.)\/$/, '$1'), node];
  const places = [
    ...[folder, ...isThere ? [] : [workingDirectory]].map((path) => `${path}:${path}`),
    ...readable.map((path) => `${path}:${path}:ro`),
  ];
  switch (type) {
    // Nobody looks at what a container leaves when it has ended.
    case 'docker': case 'podman': case 'podman-hpc':
      return ['--rm', ...places.flatMap((place) => ['-v', quote(place)])];
    case 'apptainer': case 'singularity':
      return places.flatMap((place) => ['--bind', quote(place)]);
    default: return unreachable(type);
  }
}

/** Lines that were folded, or that go on behind a backslash, as one. */
function inLine(text: string): string {
  return text.trim().replaceAll(/\s*\\?\r?\n\s*/g, ' ');
}
