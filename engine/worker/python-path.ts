// Which Python: the first that the manager's PATH names, as a shell would take it. worker_init puts a virtual
// environment in front.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['python3', 'python'] as const;

/** Undefined where there is none. */
export function findPython(path: string, isProgram: (file: string) => boolean = isExecutable): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    for (const name of NAMES) {
      const file = join(folder, name);
      if (isProgram(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // it is not there, or not for us
  }
}
