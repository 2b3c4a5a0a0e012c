// Files beside a template, as somebody who has no rights of ours would find them.

import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { includesOf } from '../endpoint/includes.ts';

const OTHERS_READ = 0o004;
const OTHERS_PASS = 0o001;

/** What a template of this directory may include where it is rendered as `uid`; undefined: nothing. */
export async function includesFor(directory: string, uid: number): Promise<ReturnType<typeof includesOf>> {
  const include = includesOf(directory);
  if (include === undefined || process.getuid?.() === uid) return include;
  if (await closedAt(directory) !== undefined) return undefined;
  return (name) => othersRead(join(directory, name)) ? include(name) : undefined;
}

function othersRead(file: string): boolean {
  return ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_READ) !== 0;
}

/** The first directory on the way that others cannot pass, or this one, if they cannot list it. */
export async function closedAt(directory: string): Promise<string | undefined> {
  const above = dirname(directory) === directory ? undefined : await closedWay(dirname(directory));
  return above ?? await closed(directory, OTHERS_READ | OTHERS_PASS);
}

/** The first directory, from the root on, that others cannot pass. */
export async function closedWay(directory: string): Promise<string | undefined> {
  const above = dirname(directory) === directory ? undefined : await closedWay(dirname(directory));
  return above ?? await closed(directory, OTHERS_PASS);
}

async function closed(directory: string, wanted: number): Promise<string | undefined> {
  const found = await stat(directory).catch(() => undefined);
  return found !== undefined && (found.mode & wanted) === wanted ? undefined : directory;
}
