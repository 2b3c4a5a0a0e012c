// A clone may be where ordinary users cannot look: below /root, or made with a umask of 077. Then what they need of it
// is copied to where they can.

import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/common/exec.ts';

export interface Installation {
  /** The node program. */
  readonly node: string;
  /** The built project: the folder `dist`. */
  readonly dist: string;
}

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
/** Of the node_modules, what only building and checking needs. */
const NOT_NEEDED = /\/node_modules\/(?:\.bin|typescript|@typescript|oxlint|@oxlint|@oxlint-tsgolint|@types)(?:\/|$)/;

/** `folder` is where the copy goes, if one is needed. */
export async function installationFor(folder: string): Promise<Installation> {
  const here = { node: process.execPath, dist: join(PROJECT, 'dist') };
  if (await worksForOthers(here)) return here;
  await mkdir(folder, { recursive: true });
  for (const name of ['dist', 'node_modules', 'package.json']) {
    await cp(join(PROJECT, name), join(folder, name), {
      recursive: true, dereference: true, filter: (source) => !NOT_NEEDED.test(source),
    });
  }
  const copy = { node: join(folder, 'node'), dist: join(folder, 'dist') };
  await cp(process.execPath, copy.node);
  await exec(['chmod', '--recursive', 'a+rX', folder], { timeoutMs: 60_000 });
  await exec(['chmod', 'a+rx', copy.node], { timeoutMs: 60_000 });
  if (await worksForOthers(copy)) return copy;
  throw new Error(`an ordinary user can run the switchyard neither of ${here.dist} nor of ${copy.dist}`);
}

/** Whether somebody without any rights can run the command line and load every package. */
async function worksForOthers({ node, dist }: Installation): Promise<boolean> {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;
  const readable = await exec([...nobody, 'find', dist, '!', '-readable', '-print', '-quit'], {
    timeoutMs: 60_000, cwd: '/',
  });
  if (readable.code !== 0 || readable.stdout !== '') return false;
  const { code } = await exec([...nobody, node, join(dist, 'src/cli/main.js'), '--version'], {
    timeoutMs: 60_000, cwd: '/',
  });
  return code === 0;
}
