// A real PostgreSQL for tests: the distribution's, private to the test, reached through a socket in its own folder.

import { spawn } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../src/common/exec.ts';
import { until, within } from './process/harness.ts';

export interface PostgresServer extends AsyncDisposable {
  /** Of an empty database. */
  database(): Promise<string>;
  /** Ends at once, as a crash would, and comes back. */
  restart(): Promise<void>;
}

const VERSIONS = '/usr/lib/postgresql';
/** PostgreSQL refuses to run as root; this user is everywhere. */
const NOBODY = { uid: 65_534, gid: 65_534 };

export async function postgresServer(): Promise<PostgresServer> {
  const programs = await findPrograms();
  // Short: the path of a socket may have some hundred characters.
  const directory = await mkdtemp(join(tmpdir(), 'swy-pg-'));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(directory, NOBODY.uid, NOBODY.gid);
  const as = isRoot ? ['setpriv', `--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups', '--'] : [];
  const data = join(directory, 'data');
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const [file = '', ...rest] = [...as, join(programs, program), ...args];
    const { code, stderr } = await exec([file, ...rest], { timeoutMs: 120_000, cwd: directory });
    if (code !== 0) throw new Error(`${program} failed: ${stderr}`);
  };
  await run('initdb', '--auth=trust', '--username=switchyard', '--encoding=UTF8', '--locale=C', '--pgdata', data);
  const launch = async (): Promise<() => Promise<void>> => {
    const [file, ...args] = [
      ...as, join(programs, 'postgres'), '-D', data, '-k', directory, '-c', 'listen_addresses=',
    ];
    const child = spawn(file, args, { cwd: directory, stdio: 'ignore' });
    const end = new Promise((resolve) => { child.once('exit', resolve); });
    await until('PostgreSQL', async () => {
      try {
        await run('pg_isready', '-h', directory);
        return true;
      } catch {
        return false;
      }
    }, 60_000);
    return async () => {
      child.kill('SIGQUIT');
      await within(30_000, 'the end of PostgreSQL', end);
    };
  };
  let stop = await launch();
  let count = 0;
  return {
    database: async () => {
      const name = `test${++count}`;
      await run('createdb', '-h', directory, '-U', 'switchyard', name);
      return `postgres://switchyard@localhost/${name}?host=${encodeURIComponent(directory)}`;
    },
    restart: async () => {
      await stop();
      stop = await launch();
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(directory, { recursive: true });
    },
  };
}

async function findPrograms(): Promise<string> {
  const versions = await readdir(VERSIONS).catch((): string[] => []);
  const newest = versions.map(Number).filter((version) => version > 0).sort((one, other) => other - one)[0];
  if (newest === undefined) throw new Error('these tests need PostgreSQL: install the package postgresql');
  return join(VERSIONS, String(newest), 'bin');
}
