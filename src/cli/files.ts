// Paths, directories and patterns → the regular files they name, in a stable order. Symbolic links are not followed,
// sockets, devices and the like are passed over.

import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { causeText, misuse } from './failure.ts';
import { isGlob, parseGlob, type Step } from './glob.ts';

export interface Found {
  /** Absolute: a worker on another node runs elsewhere. */
  readonly paths: readonly string[];
  /** Directories that could not be read, with the reason: their files are not among `paths`. */
  readonly unread: readonly string[];
}

/** Every argument must name something: a pattern without a match is a mistake. A file named twice comes once. */
export async function findFiles(args: readonly string[], cwd: string): Promise<Found> {
  const paths = new Set<string>();
  const unread: string[] = [];
  for (const arg of args) {
    const before = paths.size + unread.length;
    let matches = 0;
    for await (const path of matchesOf(arg, cwd, unread)) {
      matches += 1;
      paths.add(path);
    }
    if (matches === 0 && paths.size + unread.length === before) throw misuse(`${arg} names no file`);
  }
  return { paths: [...paths], unread };
}

async function* matchesOf(arg: string, cwd: string, unread: string[]): AsyncGenerator<string> {
  const path = resolve(cwd, arg);
  const kind = await kindOf(path, arg);
  if (kind === 'file') yield path;
  else if (kind === 'directory') yield* walk(path, [{ type: 'deep' }], unread, true);
  else if (!isGlob(arg)) throw misuse(`no such file or directory: ${arg}`);
  else for (const { base, steps } of parseGlob(arg)) yield* walk(resolve(cwd, base), steps, unread, false);
}

/** What the person named is followed if it is a link; what lies below is not. */
async function kindOf(path: string, arg: string): Promise<'file' | 'directory' | 'absent'> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'directory';
    if (found.isFile()) return 'file';
  } catch (cause) {
    if (isAbsence(cause)) return 'absent';
    throw misuse(`cannot read ${arg}: ${causeText(cause)}`, cause);
  }
  throw misuse(`${arg} is neither a file nor a directory`);
}

/** Files below `directory` that the steps lead to. `hidden`: names that start with a dot count for `**`, too. */
async function* walk(
  directory: string, steps: readonly Step[], unread: string[], hidden: boolean,
): AsyncGenerator<string> {
  const [step, ...rest] = steps;
  if (step === undefined) return;
  if (step.type === 'deep' && rest[0]?.type === 'deep') return yield* walk(directory, rest, unread, hidden);
  for (const entry of await entriesOf(directory, unread)) {
    const path = join(directory, entry.name);
    if (step.type === 'name') {
      if (step.pattern.test(entry.name)) yield* enter(path, entry, rest, unread, hidden);
      continue;
    }
    const [next, ...later] = rest;
    const counts = hidden || !entry.name.startsWith('.');
    if (next === undefined && entry.isFile() && counts) yield path;
    if (entry.isDirectory() && counts) yield* walk(path, steps, unread, hidden);
    if (next?.type === 'name' && next.pattern.test(entry.name)) yield* enter(path, entry, later, unread, hidden);
  }
}

/** `entry` matched: it is the file that was meant, or the way to it. */
async function* enter(
  path: string, entry: Dirent, rest: readonly Step[], unread: string[], hidden: boolean,
): AsyncGenerator<string> {
  if (rest.length > 0) {
    if (entry.isDirectory()) yield* walk(path, rest, unread, hidden);
  } else if (entry.isFile()) yield path;
}

function isAbsence(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
}

async function entriesOf(directory: string, unread: string[]): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    // A directory that is not there, or is there no more, has no files: nothing was passed over.
    if (!isAbsence(cause)) unread.push(`${directory}: ${causeText(cause)}`);
    return [];
  }
}
