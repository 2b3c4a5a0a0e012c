// One process at a time. The lock is a file that says who holds it: host, process id, and when that process started, as
// ids are used again. A lock whose process is gone is taken over; one of another host cannot be asked about.

import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { ComputeError } from './errors.ts';
import { stateOf, thisProcess, type Holder } from './holder.ts';

/** What is locked ("journal") and what locks it ("run"), for the messages. */
export interface LockWords {
  readonly thing: string;
  readonly user: string;
}

/** Resolves to what gives the lock back. Throws USAGE when it is held, STORAGE_FAILED when it cannot be written. */
export async function lock(path: string, words: LockWords): Promise<() => Promise<void>> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(thisProcess())}\n`);
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

/** What this process holds, it holds no longer; what another took over meanwhile stays with that one. */
export async function unlock(path: string): Promise<void> {
  const { pid, started } = thisProcess();
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isHolder(holder) && holder.pid === pid && holder.started === started) await rm(path, { force: true });
  } catch {
    // There is no lock any more, or it is nobody's that we know.
  }
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

function refuseIfHeld(path: string, holder: Holder, { thing }: LockWords): void {
  const { host, pid } = holder;
  switch (stateOf(holder)) {
    case 'gone': return;
    case 'alive': throw refused(`process ${pid} uses this ${thing}: wait for its end, or name another`);
    case 'elsewhere':
      throw refused(`process ${pid} on ${host} uses this ${thing}, or did when it was killed: remove ${path} if it is`
        + ' gone');
    default: return;
  }
}

function refused(message: string, cause?: unknown): ComputeError {
  return new ComputeError('USAGE', message, { cause });
}

function notCreated(path: string, { thing }: LockWords, cause: unknown): ComputeError {
  return new ComputeError(
    'STORAGE_FAILED', `cannot create the ${thing}'s lock ${path}`, { cause, details: { creating: true } },
  );
}
