// One process at a time. The lock is a file that says who holds it: host, process id, and when that process started, as
// ids are used again. A lock whose process is gone is taken over; one of another host cannot be asked about.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ComputeError } from './errors.ts';

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot, as the kernel tells it; '' where it does not. */
  readonly started: string;
}

/** What is locked ("journal") and what locks it ("run"), for the messages. */
export interface LockWords {
  readonly thing: string;
  readonly user: string;
}

/** Resolves to what gives the lock back. Throws USAGE when it is held, STORAGE_FAILED when it cannot be written. */
export async function lock(path: string, words: LockWords): Promise<() => Promise<void>> {
  const own: Holder = { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' };
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(own)}\n`);
  } catch (cause) {
    throw notCreated(path, words, cause);
  }
  try {
    // A link appears with its content and never replaces another: nobody reads a lock that is half written.
    if (!await linked(draft, path, words)) await takeOver(path, draft, words);
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(path, { force: true });
}

async function takeOver(path: string, draft: string, words: LockWords): Promise<void> {
  const holder = await holderOf(path, words);
  refuseIfHeld(path, holder, words);
  // Two processes may find the same dead holder. The claim bears its name, so only one of them takes over from it.
  const claim = `${path}.${holder.pid}-${holder.started}.taken`;
  if (!await linked(draft, claim, words)) {
    throw refused(`another ${words.user} is just taking over ${path}: remove ${claim} if none is`);
  }
  try {
    refuseIfHeld(path, await holderOf(path, words), words);
    await rename(draft, path);
  } finally {
    await rm(claim, { force: true });
  }
}

async function linked(from: string, to: string, words: LockWords): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw notCreated(to, words, cause);
  }
}

async function holderOf(path: string, { thing, user }: LockWords): Promise<Holder> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isHolder(holder)) return holder;
  } catch (cause) {
    throw refused(`cannot read ${path}, the ${thing}'s lock: remove it if no ${user} uses the ${thing}`, cause);
  }
  throw refused(`${path} is not a lock of a ${thing}: remove it if no ${user} uses the ${thing}`);
}

function isHolder(value: unknown): value is Holder {
  return typeof value === 'object' && value !== null && 'host' in value && 'pid' in value && 'started' in value;
}

function refuseIfHeld(path: string, { host, pid, started }: Holder, { thing }: LockWords): void {
  if (host !== hostname()) {
    const holder = `process ${pid} on ${host}`;
    throw refused(`${holder} uses this ${thing}, or did when it was killed: remove ${path} if it is gone`);
  }
  if (startOf(pid) === started) throw refused(`process ${pid} uses this ${thing}: wait for its end, or name another`);
}

function refused(message: string, cause?: unknown): ComputeError {
  return new ComputeError('USAGE', message, { cause });
}

function notCreated(path: string, { thing }: LockWords, cause: unknown): ComputeError {
  return new ComputeError('STORAGE_FAILED', `cannot create the ${thing}'s lock ${path}`, { cause, details: { creating: true } });
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
