// What decides over everybody's user endpoints must be in nobody's hands but root's, as sshd asks it of its files.

import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { quote } from '../common/quote.ts';
import { EXIT_NOT_ALLOWED } from '../common/shutdown.ts';

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Throws for the first that others than root may change, or whose way they may, with what to run. */
export async function insistOnModes(files: readonly string[], path: string | undefined): Promise<void> {
  let problem: string | undefined;
  for (const file of files) problem ??= await looseness(file);
  problem ??= await loosePath(path);
  if (problem === undefined) return;
  throw new ComputeError('CONFIG_INVALID', `refusing to start as root: ${problem}`,
    { details: { exitStatus: EXIT_NOT_ALLOWED } });
}

/** undefined: only root can change it, or put it there. */
export async function looseness(path: string): Promise<string | undefined> {
  // Behind a link there is another way, and whoever can change that can change what is found.
  const real = await realpath(path).catch(() => path);
  for (const way of real === path ? [path] : [path, real]) {
    const isThere = await lstat(way).then(() => true, () => false);
    const own = await loosenessOf(way, false);
    if (own !== undefined) return own;
    for (let at = dirname(way), child = way; child !== at; child = at, at = dirname(at)) {
      // In a directory like /tmp nobody can replace what is root's; but what is not there, anybody can put there.
      const above = await loosenessOf(at, isThere || child !== way);
      if (above !== undefined) return above;
    }
  }
  return undefined;
}

/** Of a PATH that programs are found by and started for everybody; undefined: it is in root's hands alone. */
export async function loosePath(path: string | undefined): Promise<string | undefined> {
  for (const entry of path ? path.split(':') : []) {
    if (!entry.startsWith('/')) return `PATH in user_environment.yaml has an entry that is not absolute: '${entry}'`;
    const problem = await looseness(entry);
    if (problem !== undefined) return `PATH in user_environment.yaml is not in root's hands alone: ${problem}`;
  }
  return undefined;
}

async function loosenessOf(path: string, mayBeSticky: boolean): Promise<string | undefined> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    const link = await lstat(path);
    if (link.isSymbolicLink() && link.uid !== 0) return notRoots(path, link.uid);
    found = await stat(path);
  } catch {
    return undefined; // not there: whoever wants it reads nothing, and only who may change its directory can make it
  }
  if (found.uid !== 0) return notRoots(path, found.uid);
  if (mayBeSticky && (found.mode & STICKY) !== 0) return undefined;
  const others = (found.mode & OTHERS_WRITE) !== 0;
  const group = (found.mode & GROUP_WRITES) !== 0 && found.gid !== 0;
  if (!others && !group) return undefined;
  return `${path} can be written by ${others ? 'everybody' : `group ${found.gid}`}: run chmod `
    + `${others ? 'go-w' : 'g-w'} ${quote(path)}`;
}

function notRoots(path: string, uid: number): string {
  return `${path} belongs to uid ${uid}: run chown --no-dereference root ${quote(path)}`;
}
