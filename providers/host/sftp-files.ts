// Files on the other side of an SFTP session: written whole or not at all, read in part.

import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';

type Done<T = void> = (error: Error | null | undefined, value: T) => void;

/** What is used of an SFTP client. */
export interface Sftp {
  open(path: string, flags: 'r' | 'wx', mode: number, done: Done<Buffer>): void;
  read(handle: Buffer, into: Buffer, offset: number, length: number, position: number, done: Done<number>): void;
  write(handle: Buffer, from: Buffer, offset: number, length: number, position: number, done: Done): void;
  fstat(handle: Buffer, done: Done<{ readonly size: number }>): void;
  fchmod(handle: Buffer, mode: number, done: Done): void;
  close(handle: Buffer, done: Done): void;
  mkdir(path: string, attributes: { readonly mode: number }, done: Done): void;
  rename(from: string, to: string, done: Done): void;
  ext_openssh_rename(from: string, to: string, done: Done): void;
  unlink(path: string, done: Done): void;
  realpath(path: string, done: Done<string>): void;
}

/** SSH_FX_NO_SUCH_FILE. */
const NO_SUCH_FILE = 2;

/** Readers see the old file or the new one. Folders that are made on the way are the user's own only. */
export async function writeWhole(sftp: Sftp, path: string, bytes: Buffer, mode: number): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const handle = await openNew(sftp, draft, mode);
  try {
    await ask<void>((done) => sftp.fchmod(handle, mode, done)); // the umask may have taken something away
    if (bytes.length > 0) await ask<void>((done) => sftp.write(handle, bytes, 0, bytes.length, 0, done));
    await ask<void>((done) => sftp.close(handle, done));
    await replace(sftp, draft, path);
  } catch (error) {
    await ask<void>((done) => sftp.unlink(draft, done)).catch(() => { /* the first failure is the one to tell of */ });
    throw error;
  }
}

async function openNew(sftp: Sftp, path: string, mode: number): Promise<Buffer> {
  const open = (): Promise<Buffer> => ask((done) => sftp.open(path, 'wx', mode, done));
  try {
    return await open();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await makeFolder(sftp, posix.dirname(path));
  return open();
}

async function makeFolder(sftp: Sftp, path: string): Promise<void> {
  const make = (): Promise<void> => ask((done) => sftp.mkdir(path, { mode: 0o700 }, done));
  try {
    await make();
  } catch (error) {
    const parent = posix.dirname(path);
    // Anything else than a missing parent, such as that it is there by now, shows when the file is opened.
    if (!isMissing(error) || parent === path) return;
    await makeFolder(sftp, parent);
    await make().catch(() => { /* somebody else made it, or the file cannot be opened either */ });
  }
}

async function replace(sftp: Sftp, draft: string, path: string): Promise<void> {
  try {
    await ask<void>((done) => sftp.ext_openssh_rename(draft, path, done));
  } catch (error) {
    if (!(error instanceof Error) || 'code' in error) throw error;
    // Not OpenSSH's server: it renames onto nothing only.
    await removeFile(sftp, path);
    await ask<void>((done) => sftp.rename(draft, path, done));
  }
}

/** The text of a file; if it is longer than `bytesMax`, its first and last half of that. */
export async function readExcerpt(sftp: Sftp, path: string, bytesMax: number): Promise<string> {
  const handle = await ask<Buffer>((done) => sftp.open(path, 'r', 0, done));
  try {
    const { size } = await ask<{ readonly size: number }>((done) => sftp.fstat(handle, done));
    if (size <= bytesMax) return await readPart(sftp, handle, 0, size);
    const half = Math.floor(bytesMax / 2);
    return `${await readPart(sftp, handle, 0, half)}\n…\n${await readPart(sftp, handle, size - half, half)}`;
  } finally {
    await ask<void>((done) => sftp.close(handle, done)).catch(() => { /* its session ends with it */ });
  }
}

async function readPart(sftp: Sftp, handle: Buffer, start: number, length: number): Promise<string> {
  const bytes = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const count = await ask<number>((done) => sftp.read(handle, bytes, got, length - got, start + got, done));
    if (count === 0) break; // it was cut since
    got += count;
  }
  return bytes.toString('utf8', 0, got);
}

export async function removeFile(sftp: Sftp, path: string): Promise<void> {
  try {
    await ask<void>((done) => sftp.unlink(path, done));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** The folder that a session begins in. */
export function homeOf(sftp: Sftp): Promise<string> {
  return ask((done) => sftp.realpath('.', done));
}

function ask<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NO_SUCH_FILE;
}
