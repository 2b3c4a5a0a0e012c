// What to run, as written on the command line → what the journal remembers of it, and the reference to submit.

import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { misuse } from './failure.ts';
import type { RunIdentity } from './journal-record.ts';

export type Target =
  | { readonly type: 'module'; readonly module: string; readonly exportName: string; readonly spread: boolean }
  | { readonly type: 'command'; readonly command: string; readonly cwd: string; readonly spread: boolean };

/** `./fns.mjs:describe`; a name that is no path is a package, found from where the workers run. */
export function parseFunction(text: string, spread: boolean, cwd: string): Target {
  const colon = text.lastIndexOf(':');
  const [module, exportName] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1 || exportName === '' || exportName.includes('/')) {
    throw misuse(`'${text}' names no export: write MODULE:EXPORT, such as ./functions.mjs:describe`);
  }
  const path = resolve(cwd, module);
  if (!isPath(module) && !existsSync(path)) return { type: 'module', module, exportName, spread };
  if (!existsSync(path)) throw misuse(`no such module: ${module}`);
  if (!statSync(path).isFile()) throw misuse(`${module} is not a file: name the module itself`);
  return { type: 'module', module: path, exportName, spread };
}

function isPath(module: string): boolean {
  return module.startsWith('.') || module.startsWith('/') || (/\.[cm]?js$/.test(module) && !module.startsWith('@'));
}

export function identityOf(target: Target): RunIdentity['function'] {
  return target.type === 'command'
    ? { command: target.command, directory: target.cwd, spread: target.spread }
    : { module: target.module, export: target.exportName, spread: target.spread };
}
