// One process per journal. The lock is a file beside it that says who holds it: host, process id, and when that
// process started, as ids are used again. A lock whose process is gone is taken over; one of another host cannot be
// asked about.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { misuse, storageFailed } from './failure.ts';

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot, as the kernel tells it; '' where it does not. */
  readonly started: string;
}

/** Resolves to what gives the lock back. */
export async function lockJournal(journal: string): Promise<() => Promise<void>> {
  const path = `${journal}.lock`;
  const own: Holder = { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' };
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(own)}\n`);
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

function refuseIfHeld(path: string, { host, pid, started }: Holder): void {
  if (host !== hostname()) {
    const holder = `process ${pid} on ${host}`;
    throw misuse(`${holder} uses this journal, or did when it was killed: remove ${path} if it is gone`);
  }
  if (startOf(pid) === started) throw misuse(`process ${pid} uses this journal: wait for its end, or name another`);
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets. undefined: no such process. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined; // there is no such process, or no /proc to ask
  }
}
