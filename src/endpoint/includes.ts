// Files beside a template, which it may include: read as the user, who has to be able to list their directory.

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FILE_BYTES_MAX = 1024 * 1024;

/** undefined where the directory cannot be listed: then a template can include nothing. */
export function includesOf(directory: string): ((name: string) => string | undefined) | undefined {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch {
    return undefined;
  }
  return (name) => {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.length === 0 || parts.includes('..') || name.includes('\0')) return undefined;
    const path = join(directory, ...parts);
    try {
      const stat = statSync(path);
      return stat.isFile() && stat.size <= FILE_BYTES_MAX ? readFileSync(path, 'utf8') : undefined;
    } catch {
      return undefined; // it is not there, or not for this user
    }
  };
}
