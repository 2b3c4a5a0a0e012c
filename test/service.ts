// The service for tests: a real process on any free port, with a real database and a virtual host of a real broker.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../src/common/log.ts';
import { EmbeddedDatabase } from '../src/service/embedded.ts';
import { sharedBroker, type TestBroker } from './broker.ts';
import { scratch } from './fakes/scratch.ts';
import { within } from './process/harness.ts';

const MAIN = fileURLToPath(new URL('../src/service/main.js', import.meta.url));
const START_MS = 90_000;

export interface ServiceOptions {
  /** Keys of the service's configuration. */
  readonly keys?: Readonly<Record<string, unknown>>;
  /** Instead of a virtual host of the test run's; not closed with the service. */
  readonly broker?: TestBroker;
  /** Instead of an embedded database. */
  readonly databaseUrl?: string;
  /** What the service is started with, in front of node. */
  readonly wrap?: (directory: string) => readonly string[];
}

export interface User {
  readonly identity: string;
  readonly username: string;
  readonly token: string;
  readonly token_id: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, where it is JSON. Tests know what they asked for. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface TestService extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  readonly broker: TestBroker;
  readonly pid: () => number;
  user(username?: string): Promise<User>;
  admin(method: string, path: string, body?: unknown): Promise<Reply>;
  /** `as` is a token; `body` a document, or a text to be sent as it is. */
  ask(method: string, path: string, options?: AskOptions): Promise<Reply>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The same again: same port, data and broker. */
  restart(): Promise<void>;
  log(): string;
}

export interface AskOptions {
  readonly as?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

interface Running { readonly child: ChildProcess; readonly url: string }

export async function testService(options: ServiceOptions = {}): Promise<TestService> {
  const files = await scratch();
  const broker = options.broker ?? await sharedBroker();
  const release = async (): Promise<void> => {
    if (options.broker === undefined) await broker[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  };
  const directory = files.at('data');
  await mkdir(directory);
  if (options.databaseUrl === undefined) await copyDatabase(join(directory, 'database'));
  let log = '';
  let port = 0;
  const launch = async (): Promise<Running> => await started({
    data_directory: directory, port, log_level: 'info', database_url: options.databaseUrl ?? null,
    broker: { url: broker.url, management_url: broker.managementUrl }, ...options.keys,
  }, options.wrap?.(directory) ?? [], (text) => { log += text; });
  let running: Running;
  try {
    running = await launch();
  } catch (error) {
    process.stderr.write(log);
    await release();
    throw error;
  }
  port = Number(new URL(running.url).port);
  const url = `http://127.0.0.1:${port}`;
  const adminToken = (): string =>
    (JSON.parse(readFileSync(join(directory, 'service.json'), 'utf8')) as { admin_token: string }).admin_token;
  const ask: TestService['ask'] = async (
    method, path, { as, body, headers, signal } = {},
  ) => await asked(`${url}${path}`, {
    method, signal: signal ?? AbortSignal.timeout(60_000),
    headers: {
      ...as === undefined ? {} : { authorization: `Bearer ${as}` },
      ...body === undefined ? {} : { 'content-type': 'application/json' }, ...headers,
    },
    ...body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) },
  });
  const admin: TestService['admin'] = (method, path, body) => ask(method, `/admin/${path}`, { as: adminToken(), body });
  let users = 0;
  const kill = async (signal: NodeJS.Signals): Promise<void> => { await ended(running.child, signal); };
  return {
    url, directory, broker, ask, admin, kill,
    pid: () => running.child.pid ?? 0,
    log: () => log,
    user: async (username = `user${++users}@example.org`) => {
      const { status, body, text } = await admin('POST', 'users', { username, expires_days: 1 });
      assert.equal(status, 200, text);
      return body as User;
    },
    restart: async () => { running = await launch(); },
    [Symbol.asyncDispose]: async () => {
      await kill('SIGTERM');
      await release();
    },
  };
}

/** A function of `user`'s with this code: its id. */
export async function functionOf(service: TestService, user: User, code = 'CODE'): Promise<string> {
  const { body } = await service.ask('POST', '/v3/functions', {
    as: user.token, body: { function_name: 'f', function_code: code },
  });
  return body.function_uuid as string;
}

async function asked(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, text, body: isJson && text !== '' ? JSON.parse(
    text,
  ) : undefined };
}

async function started(
  config: Readonly<Record<string, unknown>>, wrap: readonly string[], onLog: (text: string) => void,
): Promise<Running> {
  const [file, ...args] = [...wrap, process.execPath, MAIN];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.stderr.setEncoding('utf8').on('data', onLog);
  child.stdin.on('error', () => { /* it ended early: it says why */ });
  child.stdin.write(`${JSON.stringify(config)}\n`);
  const said = new Promise<{ type: string; url: string; message?: string }>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', (code, signal) => reject(new Error(`the service ended with ${code ?? signal}`)));
  });
  said.catch(() => { /* once it has started, its end is none of ours */ });
  const { type, url, message } = await within(START_MS, 'the start of the service', said);
  assert.equal(type, 'ready', message);
  return { child, url };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill(signal);
  await within(60_000, 'the end of the service', end);
}

/** To make a database takes seconds; to copy one does not. One is made for each version of the package. */
export async function copyDatabase(to: string): Promise<void> {
  const { dependencies } = createRequire(import.meta.url)('../../package.json') as {
    dependencies: Record<string, string>,
  };
  const version = dependencies['@electric-sql/pglite'] ?? '';
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'switchyard', 'test');
  const template = join(cache, `database-${version}`);
  if (!existsSync(template)) {
    await mkdir(cache, { recursive: true });
    const draft = await mkdtemp(join(cache, 'draft-'));
    const database = await EmbeddedDatabase.open({ url: null, directory: draft, reserveBytes: 0 }, silentLog);
    await database.close();
    // Two tests may have made one at the same time: the first counts.
    await rename(join(draft, 'database'), template).catch(() => { /* it is there */ });
    await rm(draft, { recursive: true });
  }
  await cp(template, to, { recursive: true });
}
