import { chmod, mkdir, open, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import type { Host } from './host.ts';

/** This machine. */
export const localHost: Host = {
  run: (argv, { timeoutMs }) => exec(argv, { timeoutMs }),

  write: async (path, text, mode) => {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { mode });
      await chmod(path, mode); // the file may have been there, with another mode
    } catch (cause) {
      throw new ComputeError('STORAGE_FAILED', `could not write ${path}`, { cause });
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
};
