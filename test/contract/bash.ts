// Runs a launcher's text as a job's script would, on this machine and as an ordinary user.

import { spawn } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLauncher, parseLauncher } from '../../launchers/index.ts';
import type { Ended, LauncherSubject, Running } from './launcher.ts';

/** Open MPI starts nothing for root. */
const NOBODY = 65_534;

export interface Place {
  readonly managersPerNode?: number;
  /** Ahead in the PATH. */
  readonly path?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningHere extends Running {
  /** SIGTERM to the shell and all in its process group. */
  readonly terminateAll: () => void;
}

export async function launchHere(
  config: object, command: string, use: (running: RunningHere) => Promise<void>, before = '', place: Place = {},
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'launcher-'));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if ('uid' in user) await chown(directory, NOBODY, NOBODY);
  const { managersPerNode = 1, path, environment = {} } = place;
  const text = `${before}\n${buildLauncher(parseLauncher(config)).wrap(command, { nodes: 1, managersPerNode })}`;
  const { PATH = '' } = process.env;
  const env = { PATH: path === undefined ? PATH : `${path}:${PATH}`, HOME: directory, LANG: 'C.UTF-8', ...environment };
  const child = spawn('bash', ['-c', text], {
    cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env, ...user,
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => { out.stdout += part; });
  child.stderr.setEncoding('utf8').on('data', (part: string) => { out.stderr += part; });
  const end = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? (signal === null ? -1 : 128), ...out }));
  });
  const terminate = async (): Promise<void> => { child.kill('SIGTERM'); };
  const terminateAll = (): void => { process.kill(-(child.pid ?? 0), 'SIGTERM'); };
  try {
    await use({ directory, terminate, terminateAll, end });
  } finally {
    const running = child.exitCode === null && child.signalCode === null;
    if (child.pid !== undefined && running) process.kill(-child.pid, 'SIGKILL');
    await end;
    await rm(directory, { recursive: true, force: true });
  }
}

export function hereWith(name: string, config: object, place: Place = {}): LauncherSubject {
  return {
    name, managers: place.managersPerNode ?? 1, nodes: 1,
    launch: (command, use, before) => launchHere(config, command, use, before, place),
  };
}
