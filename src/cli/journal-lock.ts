// One process per journal. The lock is a file beside it that says who holds it: host, process id, and when that
// process started, as ids are used again. A lock whose process is gone is taken over; one of another host cannot be
// asked about.

import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { stateOf, thisProcess, type Holder } from '../common/holder.ts';
import { misuse, storageFailed } from './failure.ts';

/** Resolves to what gives the lock back. */
export async function lockJournal(journal: string): Promise<() => Promise<void>> {
  const path = `${journal}.lock`;
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(thisProcess())}\n`);
  } catch (cause) {
    throw storageFailed(`cannot create the journal's lock ${path}`, cause, true);
  }
  try {
    // A link appears with its content and never replaces another: nobody reads a lock that is half written.
    if (!await linked(draft, path)) await takeOver(path, draft);
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(path, { force: true });
}

async function takeOver(path: string, draft: string): Promise<void> {
  const holder = await holderOf(path);
  refuseIfHeld(path, holder);
  // Two processes may find the same dead holder. The claim bears its name, so only one of them takes over from it.
  const claim = `${path}.${holder.pid}-${holder.started}.taken`;
  if (!await linked(draft, claim)) throw misuse(`another run is just taking over ${path}: remove ${claim} if none is`);
  try {
    refuseIfHeld(path, await holderOf(path));
    await rename(draft, path);
  } finally {
    await rm(claim, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw storageFailed(`cannot create the journal's lock ${to}`, cause, true);
  }
}

async function holderOf(path: string): Promise<Holder> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isHolder(holder)) return holder;
  } catch (cause) {
    throw misuse(`cannot read ${path}, the journal's lock: remove it if no run uses the journal`, cause);
  }
  throw misuse(`${path} is not a lock of a journal: remove it if no run uses the journal`);
}

function isHolder(value: unknown): value is Holder {
  return typeof value === 'object' && value !== null && 'host' in value && 'pid' in value && 'started' in value;
}

function refuseIfHeld(path: string, holder: Holder): void {
  const { host, pid } = holder;
  switch (stateOf(holder)) {
    case 'gone': return;
    case 'alive': throw misuse(`process ${pid} uses this journal: wait for its end, or name another`);
    case 'elsewhere':
      throw misuse(`process ${pid} on ${host} uses this journal, or did when it was killed: remove ${path} if it is`
        + ' gone');
    default: return;
  }
}
