// Checks of what is started: by the supervisor, and as a user by what the supervisor started.

import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userEnvironment, type ReadEnvironment } from '../supervisor/environment.ts';
import { PROGRAM, SETPRIV } from '../supervisor/launch.ts';
import { loosePath } from '../supervisor/strict-modes.ts';
import { closedWay } from './endpoint-includes.ts';
import { failure, ok, warning, type Finding } from './endpoint-finding.ts';

const NEEDED: readonly (readonly string[])[] = [
  [SETPRIV], ['/usr/bin/getent', '/bin/getent'], ['/usr/bin/id', '/bin/id'],
];

/** How the supervisor becomes a user, and learns who that is. */
export async function checkPrograms(): Promise<Finding> {
  const missing: string[] = [];
  for (const places of NEEDED) {
    if (await firstExecutable(places) === undefined) missing.push(places[0] ?? '');
  }
  if (missing.length === 0) return ok('programs', 'setpriv, getent and id are there');
  return failure('programs', `${missing.join(', ')} cannot be executed: install util-linux, libc-bin and coreutils, as`
    + ' they are called on Debian');
}

export interface Own {
  /** Absolute: our interpreter, and the program that it runs. */
  readonly node: string;
  readonly program: string;
  /** Where all our programs are. */
  readonly directory: string;
}

export function checkEnvironment({ variables, problems }: ReadEnvironment): Finding[] {
  if (problems.length === 0) return [ok('environment', `${Object.keys(variables).length} variables are read`)];
  return problems.map((problem) => warning('environment', `${problem}; user endpoints start without it`));
}

/** Where the environment's PATH leads. */
export function searchPath({ variables }: ReadEnvironment, { node }: Own): string {
  return userEnvironment(variables, { name: '', directory: '/' }, dirname(node))['PATH'] ?? '';
}

/** The program that user endpoints are, by the PATH that they get; '' is none of its own. */
export async function checkProgram(path: string, own: Own): Promise<Finding> {
  const problem = await loosePath(path);
  if (problem !== undefined) return failure(PROGRAM, problem);
  const usual = '/usr/local/bin:/usr/bin:/bin';
  const found = await findProgram(path === '' ? usual : path, PROGRAM);
  if (found !== undefined) return await checkReach([found]);
  if (path === '') return await checkReach([own.program, own.node]);
  return failure(PROGRAM, `it is nowhere on PATH (${path}) of user_environment.yaml: add the directory that it is in`);
}

/** A program in /root, say, is nobody's but root's. */
async function checkReach(files: readonly string[]): Promise<Finding> {
  for (const file of files) {
    const real = await realpath(file).catch(() => file);
    const closed = await closedWay(dirname(real));
    if (closed !== undefined) {
      return failure(PROGRAM, `users cannot execute ${file}: ${closed} is closed to others. Install it where everybody`
        + ' can, such as /opt, or chmod o+x that directory');
    }
    const mode = (await stat(real).catch(() => undefined))?.mode ?? 0;
    if ((mode & constants.S_IROTH) === 0) return failure(PROGRAM, `users cannot read ${real}: run chmod o+r on it`);
  }
  return ok(PROGRAM, `users can execute ${files[0] ?? ''}`);
}

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  SlurmProvider: ['sbatch', 'squeue', 'scancel'],
  PBSProProvider: ['qsub', 'qstat', 'qdel'],
  TorqueProvider: ['qsub', 'qstat', 'qdel'],
};

/** What a provider calls, on this machine, as the user. */
export async function checkScheduler(provider: string, path: string): Promise<Finding> {
  const commands = COMMANDS[provider];
  if (commands === undefined) return ok('scheduler', `${provider} needs none`);
  const found = await Promise.all(commands.map(async (name) => await findProgram(path, name)));
  const missing = commands.filter((_, i) => found[i] === undefined);
  if (missing.length === 0) return ok('scheduler', `${commands.join(', ')} are there`);
  return failure('scheduler', `${provider} calls ${missing.join(', ')}, not found on the PATH of user endpoints`
    + ` (${path}): set PATH in user_environment.yaml`);
}

/** Whatever worker_init does is the users' own, and not tried here. */
export async function checkPython(workerInit: string, path: string): Promise<Finding> {
  if (workerInit.trim() !== '') return ok('python', 'worker_init sets up workers; it is not tried here');
  const found = await findProgram(path, 'python3') ?? await findProgram(path, 'python');
  if (found !== undefined) return ok('python', `workers on this machine run Python tasks with ${found}`);
  return warning('python', 'there is none on the PATH of user endpoints, and no worker_init that could bring one:'
    + ' Python tasks will fail');
}

export async function findProgram(path: string, name: string): Promise<string | undefined> {
  return await firstExecutable(path.split(':').filter((entry) => entry !== '').map((entry) => join(entry, name)));
}

async function firstExecutable(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const isProgram = await access(file, constants.X_OK).then(async () => (await stat(file)).isFile(), () => false);
    if (isProgram) return file;
  }
  return undefined;
}
