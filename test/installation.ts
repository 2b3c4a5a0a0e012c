// A clone may be where ordinary users cannot look: below /root, or made with a umask of 077. Then what they need of it
// is copied to where they can.

import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exec } from '../src/common/exec.ts';

export interface Installation {
  /** The node program. */
  readonly node: string;
  /** The built project: the folder `dist`. */
  readonly dist: string;
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const COPY_MS = 180_000;
/** What is kept for all test runs of this machine, where everybody whom tests start programs as can read it. */
export const CACHE = process.getuid?.() === 0 ? '/var/cache/switchyard'
  : join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'switchyard');

// Only building and checking needs what is left out. flock's lock ends with the process that holds it, so a copy that
// was interrupted is begun anew by the next.
const COPY = `
set -eu
umask 022
[ "$(cat "$1/complete" 2> /dev/null)" != "$2" ] || exit 0
rm -rf "$1/complete" "$1/files"
mkdir -p "$1/files"
tar -C "$3" -h --exclude=node_modules/.bin --exclude=node_modules/typescript --exclude='node_modules/@typescript' \
  --exclude='node_modules/*oxlint*' --exclude='node_modules/@types' -cf - dist node_modules package.json \
  | tar -C "$1/files" -xf -
cp "$4" "$1/files/node"
chmod -R a+rX "$1/files"
chmod a+rx "$1/files/node"
printf %s "$2" > "$1/complete"
`;

let found: Promise<Installation> | undefined;

/** This one, or else a copy of it. Throws when an ordinary user can run neither. */
export function installation(): Promise<Installation> {
  found ??= find();
  return found;
}

async function find(): Promise<Installation> {
  const here = { node: process.execPath, dist: join(PROJECT, 'dist') };
  if (process.getuid?.() !== 0 || await worksForOthers(here)) return here;
  const folder = join(CACHE, 'installation');
  const built = await stat(join(here.dist, 'src/cli/main.js'));
  const copy = { node: join(folder, 'files/node'), dist: join(folder, 'files/dist') };
  const { code, stderr } = await exec(['sh', '-c', 'umask 022; mkdir -p "$1" && shift && exec flock "$@"', 'sh', folder,
    join(folder, 'lock'), 'sh', '-c', COPY, 'sh', folder, `${PROJECT} ${built.mtimeMs}`, PROJECT, process.execPath],
  { timeoutMs: COPY_MS });
  if (code === 0 && await worksForOthers(copy)) return copy;
  throw new Error(`an ordinary user can run the switchyard neither of ${here.dist} nor of ${copy.dist}: ${stderr}`);
}

/** Whether somebody without any rights can run the command line and load every package. */
async function worksForOthers({ node, dist }: Installation): Promise<boolean> {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;
  const readable = await exec([...nobody, 'find', dist, '!', '-readable', '-print', '-quit'], {
    timeoutMs: 60_000, cwd: '/',
  });
  if (readable.code !== 0 || readable.stdout !== '') return false;
  const { code } = await exec([...nobody, node, join(dist, 'src/cli/main.js'), '--version'], {
    timeoutMs: 60_000, cwd: '/',
  });
  return code === 0;
}
