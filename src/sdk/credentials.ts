// Which service, and as whom: from the environment, as the field's tools have it, or from what `switchyard login` left.

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { renewLogIn } from './log-in.ts';
import { ClientTokens, type TokenSource } from './tokens.ts';

/** A service's entry in the file. */
export interface StoredCredentials {
  readonly token: string;
  /** Whose it is, for people. */
  readonly username?: string;
  /** Epoch seconds. */
  readonly expires?: number;
  /** Gets another token from the service when this one has ended. */
  readonly refresh?: string;
}

const DEFAULT_URL = 'http://localhost:5000';

type Environment = Readonly<Record<string, string | undefined>>;

/** `given`, or SWITCHYARD_SERVICE_URL, or this machine's. Throws CONFIG_INVALID for what is no URL. */
export function serviceUrl(given?: string, environment: Environment = process.env): string {
  const named = environment['SWITCHYARD_SERVICE_URL'];
  const text = given ?? (named === undefined || named === '' ? DEFAULT_URL : named);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new ComputeError('CONFIG_INVALID', `the service's URL is ${text}: expected http://host:port or https://host`);
  }
  return text.replace(/\/+$/, '');
}

/** The token that was given; else the environment's client; else what is stored for this service. */
export function tokenSource(
  url: string, given?: string, environment: Environment = process.env,
): TokenSource {
  if (given !== undefined) return fixed(given);
  const [id, secret] = clientIn(environment);
  if (id !== '' && secret !== '') return new ClientTokens(url, id, secret);
  if (secret !== '') {
    throw new ComputeError('CONFIG_INVALID',
      'GLOBUS_COMPUTE_CLIENT_SECRET is set and GLOBUS_COMPUTE_CLIENT_ID is not: a client has both');
  }
  return new StoredTokens(url);
}

/** Whether the environment says who we are: then nobody has to log in. */
export function hasClient(environment: Environment = process.env): boolean {
  return clientIn(environment).every((one) => one !== '');
}

/** Id and secret; '' is none. */
function clientIn(environment: Environment): [id: string, secret: string] {
  return [environment['GLOBUS_COMPUTE_CLIENT_ID'] ?? '', environment['GLOBUS_COMPUTE_CLIENT_SECRET'] ?? ''];
}

function fixed(token: string): TokenSource {
  return { token: () => Promise.resolve(token), forget: () => false };
}

/** Reads the file when first needed, and again after the service refused what was in it. */
class StoredTokens implements TokenSource {
  readonly #url: string;
  #token: string | undefined;
  #refused: string | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async token(): Promise<string> {
    this.#token ??= await this.#read();
    if (this.#token !== undefined) return this.#token;
    throw new ComputeError('LOGIN_NEEDED', `there is no token for the service at ${this.#url}: log in with `
      + 'switchyard login, or set GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET');
  }

  /** What is stored; renewed, where it has ended or is the one that was refused. */
  async #read(): Promise<string | undefined> {
    const stored = await readCredentials(this.#url);
    if (stored?.refresh === undefined) return stored?.token;
    const nowS = Date.now() / 1000;
    if ((stored.expires ?? Infinity) > nowS && stored.token !== this.#refused) return stored.token;
    const renewed = await renewLogIn(this.#url, stored.refresh, nowS);
    if (renewed !== undefined) await writeCredentials(this.#url, { ...stored, ...renewed });
    return renewed?.token ?? stored.token;
  }

  /** Somebody may have logged in since; but one look is enough for a token that is refused. */
  forget(token: string): boolean {
    this.#token = undefined;
    const isNew = this.#refused !== token;
    this.#refused = token;
    return isNew;
  }
}

/** `~/.switchyard/credentials.json`. */
export function credentialsFile(): string {
  return join(homedir(), '.switchyard', 'credentials.json');
}

/** Throws CONFIG_INVALID for a file that cannot be understood. */
export async function readCredentials(url: string, file = credentialsFile()): Promise<StoredCredentials | undefined> {
  const found = (await readAll(file))[keyOf(url)];
  return isStored(found) ? found : undefined;
}

/** Replaces what is stored for this service. The file is its user's alone. */
export async function writeCredentials(
  url: string, credentials: StoredCredentials, file = credentialsFile(),
): Promise<void> {
  await writeAll({ ...await readAll(file), [keyOf(url)]: credentials }, file);
}

/** False when there was nothing stored for this service. */
export async function removeCredentials(url: string, file = credentialsFile()): Promise<boolean> {
  const { [keyOf(url)]: removed, ...others } = await readAll(file);
  if (removed === undefined) return false;
  await writeAll(others, file);
  return true;
}

type Services = Readonly<Record<string, unknown>>;

async function readAll(file: string): Promise<Services> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new ComputeError('STORAGE_FAILED', `could not read ${file}`, { cause });
  }
  try {
    const document: unknown = JSON.parse(text);
    const services = Object.entries(document ?? {}).find(([key]) => key === 'services')?.[1] as unknown;
    if (typeof services === 'object' && services !== null) return { ...services };
  } catch {
    // Said below, as for a document without services.
  }
  throw new ComputeError('CONFIG_INVALID', `${file} cannot be understood: remove it and log in again`);
}

async function writeAll(services: Services, file: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify({ version: 1, services }, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new ComputeError('STORAGE_FAILED', `could not write ${file}`, { cause, details: { creating: true } });
  }
}

function keyOf(url: string): string {
  return url.replace(/\/+$/, '');
}

function isStored(value: unknown): value is StoredCredentials {
  return typeof value === 'object' && value !== null && 'token' in value && typeof value.token === 'string';
}
