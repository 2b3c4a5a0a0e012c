import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import type { Host } from './host.ts';

/** This machine. */
export const localHost: Host = {
  run: (argv, { timeoutMs }) => exec(argv, { timeoutMs }),

  write: async (path, text, mode) => {
    // Readers see the old file or the new one.
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(draft, text, { mode, flag: 'wx' });
      await chmod(draft, mode); // the umask may have taken something away
      await rename(draft, path);
    } catch (cause) {
      await rm(draft, { force: true }).catch(() => { /* the first failure is the one to tell of */ });
      throw new ComputeError('STORAGE_FAILED', `could not write ${path}: check space and permissions`, { cause });
    }
  },

  excerpt: async (path, bytesMax) => {
    try {
      await using file = await open(path, 'r');
      const { size } = await file.stat();
      const part = async (position: number, length: number): Promise<string> => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
        return buffer.toString('utf8', 0, bytesRead);
      };
      if (size <= bytesMax) return await part(0, size);
      const half = Math.floor(bytesMax / 2);
      return `${await part(0, half)}\n…\n${await part(size - half, half)}`;
    } catch {
      return ''; // not there, or not ours to read: a report goes without it
    }
  },

  remove: async (path) => {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      throw new ComputeError('STORAGE_FAILED', `could not remove ${path}`, { cause });
    }
  },

  premises: async (here) => here,
  close: async () => { /* nothing is kept open */ },
};
