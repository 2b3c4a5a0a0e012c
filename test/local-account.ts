// Real accounts of this machine for tests, made by them and gone after them.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LocalAccount extends AsyncDisposable {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Every group, its own first. */
  readonly groups: readonly number[];
  readonly home: string;
}

/** With a home, and in two groups beside its own. Throws what such a test needs. */
export async function localAccount(): Promise<LocalAccount> {
  if (process.getuid?.() !== 0) throw new Error('tests with real local accounts need root: run them as root');
  const name = `swyt-${randomBytes(4).toString('hex')}`;
  const extra = [`${name}-a`, `${name}-b`];
  // Others find the way to a home, and not into it.
  const above = await mkdtemp(join(tmpdir(), 'switchyard-homes-'));
  await chmod(above, 0o711);
  const home = join(above, name);
  for (const group of extra) run('groupadd', group);
  run('useradd', '--no-create-home', '--no-log-init', '--user-group', '--groups', extra.join(','), '--home-dir', home,
    '--shell', '/bin/sh', name);
  const ids = run('id', '-G', name).trim().split(' ').map(Number);
  const [uid, gid] = [Number(run('id', '-u', name)), Number(run('id', '-g', name))];
  await mkdir(home, { mode: 0o700 });
  run('chown', `${uid}:${gid}`, home);
  return {
    name, uid, gid, groups: ids, home,
    [Symbol.asyncDispose]: async () => {
      run('userdel', name);
      for (const group of extra) run('groupdel', group);
      await rm(above, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

function run(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    throw new Error(`tests with real local accounts need ${program} (Debian: apt-get install passwd)`, { cause });
  }
}
