// What both endpoints of this bench share: the real service with its private broker, and one user of it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { firstLine } from '../../src/common/shutdown.ts';

export interface BenchUser {
  readonly identity: string;
  readonly token: string;
}

const MAIN = fileURLToPath(new URL('../../src/service/main.js', import.meta.url));
const END_MS = 30_000;

export class ServicePlace implements AsyncDisposable {
  readonly url: string;
  /** By this name of the user's. */
  readonly username = 'bench@example.org';
  readonly #child: ChildProcess;
  readonly #adminToken: string;
  #user: BenchUser = { identity: '', token: '' };

  private constructor(child: ChildProcess, url: string, adminToken: string) {
    this.#child = child;
    this.url = url;
    this.#adminToken = adminToken;
  }

  get user(): BenchUser {
    return this.#user;
  }

  /** Throws what is missing: a broker, for one. */
  static async start(folder: string): Promise<ServicePlace> {
    const directory = join(folder, 'service');
    await mkdir(directory, { recursive: true });
    const child = spawn(process.execPath, [MAIN], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.write(`${JSON.stringify({ data_directory: directory, port: 0, log_level: 'warn' })}\n`);
    try {
      const said = JSON.parse(await firstLine(child.stdout)) as { type: string; url: string; message?: string };
      if (said.type !== 'ready') throw new ComputeError('START_FAILED', said.message ?? 'the service did not start');
      const port = new URL(said.url).port;
      const url = `http://127.0.0.1:${port}`;
      const { admin_token: token } = JSON.parse(
        readFileSync(join(directory, 'service.json'), 'utf8'),
      ) as { admin_token: string }; // the service wrote it
      const place = new ServicePlace(child, url, token);
      place.#user = await place.newUser(place.username);
      return place;
    } catch (error) {
      await ended(child);
      throw error;
    }
  }

  newUser(username: string): Promise<BenchUser> {
    const body = JSON.stringify({ username, expires_days: 1 });
    return asked<BenchUser>(`${this.url}/admin/users`, { method: 'POST', token: this.#adminToken, body });
  }

  /** What the service answers at one of its routes. */
  ask<T>(method: string, path: string, document?: unknown): Promise<T> {
    const body = document === undefined ? undefined : JSON.stringify(document);
    return asked<T>(`${this.url}${path}`, { method, token: this.user.token, body });
  }

  async isOnline(endpoint: string): Promise<boolean> {
    return (await this.ask<{ status: string }>('GET', `/v2/endpoints/${endpoint}/status`)).status === 'online';
  }

  /** For programs of the field: nothing else tells them where the service is, and who they are. */
  environment(home: string): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '', HOME: home, PYTHONPATH: pythonFolder(), PYTHONDONTWRITEBYTECODE: '1',
      GLOBUS_COMPUTE_USER_DIR: join(home, '.globus_compute'), GLOBUS_SDK_ENVIRONMENT: 'local',
      GLOBUS_SDK_SERVICE_URL_AUTH: `${this.url}/`, SWITCHYARD_SERVICE_URL: this.url,
      GLOBUS_COMPUTE_CLIENT_ID: this.user.identity, GLOBUS_COMPUTE_CLIENT_SECRET: this.user.token,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child);
  }
}

/** In the source tree that `dist` was built from. */
export function pythonFolder(): string {
  return fileURLToPath(new URL('../../../bench/endpoint/', import.meta.url));
}

async function asked<T>(
  url: string, { method, token, body }: { method: string; token: string; body?: string | undefined },
): Promise<T> {
  const response = await fetch(url, {
    method, ...body === undefined ? {} : { body },
    headers: {
      authorization: `Bearer ${token}`, ...body === undefined ? {} : { 'content-type': 'application/json' },
    },
  });
  const text = await response.text();
  if (!response.ok) throw new ComputeError('COMMAND_FAILED', `the service answers ${response.status}: ${text}`);
  return JSON.parse(text) as T; // the service's answers have the form of their route
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await end;
  clearTimeout(late);
}
