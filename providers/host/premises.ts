// What managers need on a cluster that is reached over SSH: a folder, Node and this package, looked for before the
// first job waits in a queue for nothing. Login node and compute nodes are taken to see the same files.

import { posix } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import type { SshChannel } from './channel.ts';
import type { Host, Premises } from './host.ts';

const LOOK_TIMEOUT_MS = 30_000;
const NODE_MAJOR_MIN = 20;
const MANAGER = 'dist/engine/manager/main.js';

const LOOK = `test -x "$1" || { echo no node; exit; }
test -r "$2" || { echo no package; exit; }
"$1" --version`;

export async function premisesOn(
  host: Pick<Host, 'run'>, channel: SshChannel, here: Premises, home: string,
): Promise<Premises> {
  const node = channel.node ?? here.node;
  const packageDirectory = channel.packageDir ?? here.packageDirectory.replace(/\/$/, '');
  const main = posix.join(packageDirectory, MANAGER);
  const look = ['/bin/sh', '-c', LOOK, 'look', node, main] as const;
  const { stdout, stderr } = await host.run(look, { timeoutMs: LOOK_TIMEOUT_MS });
  const said = stdout.trim();
  const on = channel.hostname;
  if (said === 'no node') {
    throw new ComputeError('START_FAILED', `there is no program ${node} on ${on}: install Node ${NODE_MAJOR_MIN} where`
      + " the cluster's nodes see it, and set the channel's node to its path");
  }
  if (said === 'no package') {
    throw new ComputeError('START_FAILED', `there is no ${main} on ${on}: install this package where the cluster's`
      + " nodes see it (the same version as here), and set the channel's package_dir to its folder");
  }
  const major = Number(/^v(\d+)\./.exec(said)?.[1] ?? 0);
  if (major < NODE_MAJOR_MIN) {
    const answer = (said === '' ? stderr : said).trim().slice(0, 200);
    throw new ComputeError('START_FAILED', `${node} on ${on} is not Node ${NODE_MAJOR_MIN} or newer (--version says`
      + ` "${answer}"): set the channel's node to one that is`);
  }
  const scripts = channel.scriptDir.replace(/^~/, home);
  const folder = posix.join(scripts, posix.basename(here.folder));
  return { folder, workingDirectory: folder, node, packageDirectory };
}
