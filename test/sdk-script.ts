// Scripts of users of the field's own Python SDK, unchanged: only their environment says which service is meant.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonFolder } from '../bench/endpoint/place.ts';
import { within } from './process/harness.ts';
import { pythonVenv } from './python-venv.ts';
import type { TestService, User } from './service.ts';

const SCRIPTS = fileURLToPath(new URL('../../test/sdk-scripts/', import.meta.url));
const SCRIPT_MS = 240_000;

/** Whose scripts, where, and a directory for what the SDK keeps. Without a user it has to log in. */
export interface Place {
  readonly service: TestService;
  readonly user?: User | undefined;
  readonly home: string;
}

export interface Script {
  readonly child: ChildProcess;
  /** Its standard output so far. */
  readonly said: () => string;
  /** And its standard error. */
  readonly complained: () => string;
  /** Its standard output; throws what it said on the other when it failed. */
  readonly end: Promise<string>;
}

/** What a program of the field needs to know of a service: nothing else tells it where that is. */
export function fieldEnvironment({ service, user, home }: Place): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '', HOME: home, GLOBUS_COMPUTE_USER_DIR: join(home, '.globus_compute'),
    GLOBUS_SDK_ENVIRONMENT: 'local', GLOBUS_SDK_SERVICE_URL_AUTH: `${service.url}/`,
    PYTHONPATH: pythonFolder(), PYTHONDONTWRITEBYTECODE: '1', SWITCHYARD_SERVICE_URL: service.url,
    ...user === undefined ? {}
      : { GLOBUS_COMPUTE_CLIENT_ID: user.identity, GLOBUS_COMPUTE_CLIENT_SECRET: user.token },
  };
}

/** `name` is a file of test/sdk-scripts. */
export async function startScript(
  place: Place, name: string, args: readonly string[] = [], timeoutMs = SCRIPT_MS,
): Promise<Script> {
  const { python } = await pythonVenv();
  await mkdir(place.home, { recursive: true });
  const child = spawn(python, ['-u', SCRIPTS + name, ...args], {
    stdio: 'pipe', env: fieldEnvironment(place), cwd: place.home,
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
  const closed = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${name} ended with ${code ?? signal}:\n${out}${err}`));
    });
  });
  const end = within(timeoutMs, name, closed);
  end.catch(() => child.kill('SIGKILL'));
  return { child, said: () => out, complained: () => err, end };
}

export async function runScript(
  place: Place, name: string, args: readonly string[] = [], timeoutMs = SCRIPT_MS,
): Promise<string> {
  return await (await startScript(place, name, args, timeoutMs)).end;
}

/** The document in a script's last line. */
export async function tellingScript(place: Place, name: string, args: readonly string[] = []): Promise<unknown> {
  return documentIn(await runScript(place, name, args));
}

export function documentIn(text: string): unknown {
  return JSON.parse(/\{.*\}$/.exec(text.trim())?.[0] ?? '');
}
