// Asks the service that runs on a data directory, with the secret that it left there, and prints what it says.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { misuse } from './failure.ts';

/** What the service leaves in its data directory while it runs. */
interface ServiceFile {
  readonly url: string;
  readonly admin_token: string;
}

interface NewToken {
  readonly identity: string;
  readonly username: string;
  readonly token_id: string;
  readonly token: string;
  readonly expires: number;
}

interface Listed {
  readonly users: readonly {
    readonly identity: string; readonly username: string;
    readonly tokens: readonly { readonly id: string; readonly expires: number }[];
  }[];
}

const TIMEOUT_MS = 20_000;

export class ServiceAdmin {
  readonly #directory: string;
  readonly #json: boolean;

  constructor(directory: string, json: boolean) {
    this.#directory = directory;
    this.#json = json;
  }

  async addUser(
    username: string, { days, name, email }: { days: number; name?: string | undefined; email?: string | undefined },
  ): Promise<void> {
    const body = {
      username, expires_days: days,
      ...name === undefined ? {} : { full_name: name }, ...email === undefined ? {} : { email },
    };
    this.#printToken(await this.#ask<NewToken>('POST', 'users', body));
  }

  async addToken(username: string, days: number): Promise<void> {
    this.#printToken(
      await this.#ask<NewToken>('POST', `users/${encodeURIComponent(username)}/tokens`, { expires_days: days }),
    );
  }

  async listUsers(): Promise<void> {
    const { users } = await this.#ask<Listed>('GET', 'users');
    this.#print(users, users.length === 0 ? ['nobody yet: switchyard service user add NAME@DOMAIN'] : users.flatMap(
      ({ username, identity, tokens }) => [
        `${username}  ${identity}`, ...tokens.map(({ id, expires }) => `  token ${id}, good until ${dayOf(expires)}`),
      ],
    ));
  }

  async removeUser(username: string): Promise<void> {
    const gone = await this.#ask('DELETE', `users/${encodeURIComponent(username)}`);
    this.#print(gone, [`${username} is removed, and every token with it`]);
  }

  async revokeToken(id: string): Promise<void> {
    const gone = await this.#ask('DELETE', `tokens/${encodeURIComponent(id)}`);
    this.#print(gone, [`token ${id} is withdrawn, and all that programs got with it`]);
  }

  #printToken(token: NewToken): void {
    this.#print(token, [
      `user      ${token.username}`, `identity  ${token.identity}`,
      `token     ${token.token}`, `token id  ${token.token_id}, good until ${dayOf(token.expires)}`,
      'The token is shown this once. Programs use identity and token as client id and secret.',
    ]);
  }

  #print(document: unknown, lines: readonly string[]): void {
    process.stdout.write(this.#json ? `${JSON.stringify(document)}\n` : lines.map((line) => `${line}\n`).join(''));
  }

  /** `T` is what the service's route answers. */
  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { url, admin_token: token } = await this.#service();
    let response: Response;
    try {
      response = await fetch(`${url}/admin/${path}`, {
        method, signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${token}`, ...body === undefined ? {} : { 'content-type': 'application/json' },
        },
        ...body === undefined ? {} : { body: JSON.stringify(body) },
      });
    } catch (cause) {
      throw this.#notRunning(cause);
    }
    const answer: unknown = await response.json();
    if (response.ok) return answer as T;
    throw misuse(refusalIn(answer));
  }

  async #service(): Promise<ServiceFile> {
    try {
      return JSON.parse(
        await readFile(join(this.#directory, 'service.json'), 'utf8'),
      ) as ServiceFile; // the service wrote it
    } catch (cause) {
      throw this.#notRunning(cause);
    }
  }

  #notRunning(cause: unknown): ComputeError {
    return new ComputeError('START_FAILED',
      `no service runs on ${this.#directory}: start it with switchyard service start, or name its --directory`, {
        cause,
      });
  }
}

function refusalIn(answer: unknown): string {
  const { detail } = answer as { detail?: unknown };
  if (typeof detail === 'string') return detail;
  const problems = Array.isArray(detail) ? detail as { loc?: unknown[]; msg?: unknown }[] : [];
  return problems.map(({ loc = [], msg }) => `${loc.slice(1).join('.')} ${String(msg)}`).join('; ');
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
