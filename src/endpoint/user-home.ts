// Where a user endpoint keeps its things: a directory of its own in the user's home. Nothing there is trusted to be
// what its name says: it may be a link to elsewhere, or somebody else's. Below the endpoint's own directory, which is
// the user's and closed to others, nobody but the user can change what was looked at.

import {
  chmodSync, closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, statSync, type Stats,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { STEPS, startFailure } from './start-failure.ts';

const NAME_CHARS_MAX = 128;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const EVERYBODY_MAY_WRITE = 0o002;

export interface HomeQuestion {
  /** Of the endpoint: a name of one directory. */
  readonly name: string;
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What is wrong with a name that is to be a directory's; undefined: nothing. */
export function wrongName(name: string): string | undefined {
  if (name === '') return 'Received no endpoint name';
  if (name.length > NAME_CHARS_MAX) {
    return `must be less than ${NAME_CHARS_MAX + 1} characters (length: ${name.length})`;
  }
  if (name === '..' || name.includes('/')) return "no '..' or '/' characters";
  if (/[\\\s'"\p{Cc}]|^[.-]/u.test(name)) {
    return "no whitespace (spaces, newlines, tabs), slashes, quotes, or prefixed '.' or '-'";
  }
  return undefined;
}

/** Made where it is not there; its path. Throws why it cannot be used. */
export function endpointDirectory({ name, uid, environment }: HomeQuestion): string {
  const wrong = wrongName(name);
  if (wrong !== undefined) throw refused(`Invalid endpoint name: ${wrong}`);
  const { SWITCHYARD_USER_DIR: ours = '', GLOBUS_COMPUTE_USER_DIR: theirs = '', HOME: home = '' } = environment;
  const given = ours || theirs;
  if (given === '') {
    insistOwn(home, uid, "the user's home directory");
    // A home that others write to is as good as theirs.
    ownDirectory(join(home, '.switchyard'), uid, { follow: true });
  }
  const above = given === '' ? join(home, '.switchyard', 'endpoints') : resolve(home || '/', given);
  if (given !== '') insistDirectory(dirname(above));
  ownDirectory(above, uid, { follow: true });
  const path = join(above, name);
  ownDirectory(path, uid, { follow: false });
  chmodSync(path, DIRECTORY_MODE);
  return path;
}

/** Insists that the log is the user's own file, and makes it where it is not there. */
export function ownLog(path: string, uid: number): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: number;
  try {
    // Whoever has put a pipe there shall not keep us waiting for its reader.
    file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
  } catch (cause) {
    throw startFailure(STEPS.log, 'OSError', `cannot write the endpoint's log ${path}: ${wordOf(cause)}`, cause);
  }
  try {
    const stat = fstatSync(file);
    const wrong = !stat.isFile() ? 'it is not a file' : stat.uid !== uid ? `its owner is uid ${stat.uid}`
      : stat.nlink > 1 ? 'it has more names than this one' : undefined;
    if (wrong !== undefined) {
      throw startFailure(STEPS.log, 'PermissionError',
        `the endpoint's log ${path} cannot be used: ${wrong}; remove it`);
    }
  } finally {
    closeSync(file);
  }
}

/** `follow`: users move their files to larger disks, and leave a link. */
function ownDirectory(path: string, uid: number, { follow }: { readonly follow: boolean }): void {
  try {
    mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) {
      throw refused(`cannot make the directory ${path}: ${wordOf(cause)}`, cause);
    }
  }
  if (!follow && lstatSync(path).isSymbolicLink()) throw refused(`${path} is a link and not a directory: remove it`);
  insistOwn(path, uid, path);
}

function insistOwn(path: string, uid: number, what: string): void {
  const stat = insistDirectory(path, what);
  if (stat.uid !== uid) throw refused(`${what} is not the user's (${path}; its owner is uid ${stat.uid})`);
  if ((stat.mode & EVERYBODY_MAY_WRITE) !== 0) throw refused(`${what} (${path}) can be written by everybody`);
}

function insistDirectory(path: string, what = path): Stats {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch (cause) {
    throw refused(`${what} cannot be used (${path === '' ? 'HOME is not set' : path}): ${wordOf(cause)}`, cause);
  }
  if (!stat.isDirectory()) throw refused(`${what} (${path}) is not a directory`);
  return stat;
}

function refused(message: string, cause?: unknown): Error {
  return startFailure(STEPS.directory, 'PermissionError', message, cause);
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory', EACCES: 'permission denied', ELOOP: 'it is a link', EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory', ENOSPC: 'no space left on the device', ENXIO: 'it is a pipe',
  EDQUOT: 'disk quota exceeded', EROFS: 'the file system is read-only',
};

function wordOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return WORDS[code] ?? cause.message;
}
