// The file of an identity map: opened, looked at, and read if it is another than before.

import assert from 'node:assert/strict';
import { constants, open } from 'node:fs/promises';

export interface IdentityFile {
  /** Which file it is, and when it was last changed. */
  readonly version: string;
  readonly text: string;
}

const BYTES_MAX = 16 * 1024 * 1024;
/** Anybody may write. */
const OTHERS_WRITE = 0o002;

/** The file cannot be opened or read at all. Its name is Python's for it. */
export class FileUnreadable extends Error {
  override readonly name: string;

  constructor(name: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = name;
  }
}

/** Throws a FileUnreadable. */
export async function readIdentityFile(path: string): Promise<IdentityFile> {
  const file = await changedIdentityFile(path, undefined);
  assert.ok(file !== undefined, 'every file is another than none');
  return file;
}

/** undefined: it is the `known` one still. Throws a FileUnreadable. */
export async function changedIdentityFile(path: string, known: string | undefined): Promise<IdentityFile | undefined> {
  try {
    // Should it be a pipe, nobody waits for who writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { ino, ctimeNs, mtimeNs, size, mode } = await file.stat({ bigint: true });
    const version = [ino, ctimeNs, mtimeNs, size].join(' ');
    if (version === known) return undefined;
    if ((mode & BigInt(constants.S_IFMT)) !== BigInt(constants.S_IFREG)) {
      throw new FileUnreadable('OSError', 'it is not a regular file');
    }
    if ((mode & BigInt(OTHERS_WRITE)) !== 0n) {
      throw new FileUnreadable('OSError', 'anybody may write to it, and so decide who is whom; chmod o-w it');
    }
    if (size > BYTES_MAX) throw new FileUnreadable('OSError', `it has more than ${BYTES_MAX} bytes`);
    return { version, text: await file.readFile('utf8') };
  } catch (cause) {
    if (cause instanceof FileUnreadable) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const [name, words] = WORDS[code] ?? ['OSError', code === '' ? 'it cannot be read' : `it cannot be read: ${code}`];
    throw new FileUnreadable(name, words, cause);
  }
}

const WORDS: Readonly<Record<string, readonly [name: string, words: string]>> = {
  ENOENT: ['FileNotFoundError', 'No such file'],
  ENOTDIR: ['NotADirectoryError', 'a part of its path is no directory'],
  EACCES: ['PermissionError', 'Permission denied'],
  EPERM: ['PermissionError', 'Operation not permitted'],
};
