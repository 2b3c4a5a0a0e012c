// Real brokers for tests. `sharedBroker` is one for all files of a test run, with a virtual host for each test;
// `ownBroker` is for tests that kill theirs, stop it or fill it up.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '../src/amqp/connection.ts';
import { systemClock } from '../src/common/clock.ts';
import { exec } from '../src/common/exec.ts';
import { silentLog } from '../src/common/log.ts';
import { PrivateBroker } from '../src/service/private-broker.ts';
import { scratch } from './fakes/scratch.ts';
import { until } from './process/harness.ts';

export const BROKER_START_MS = 120_000;
const HOST = fileURLToPath(new URL('./broker-host/main.js', import.meta.url));

export interface TestBroker extends AsyncDisposable {
  /** May do everything in its virtual host. */
  readonly url: string;
  /** Tagged administrator. */
  readonly managementUrl: string;
  /** GET, PUT, … below `/api/`; the parsed answer. */
  api(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** A virtual host of its own on the broker of this test run. Throws what to install when there is none. */
export async function sharedBroker(): Promise<TestBroker> {
  const host = await hostBroker();
  const name = `test-${randomUUID()}`;
  const api = apiOf(host.managementUrl);
  const made = await api('PUT', `vhosts/${name}`, {});
  if (made.status >= 300) throw new Error(`no virtual host for the test: ${JSON.stringify(made)}`);
  return {
    url: `${host.url}/${name}`, managementUrl: host.managementUrl, api,
    [Symbol.asyncDispose]: async () => {
      await api('DELETE', `vhosts/${name}`);
      host.release();
    },
  };
}

export interface OwnBroker extends TestBroker {
  readonly directory: string;
  /** SIGKILL; the private broker starts again by itself. */
  crash(): Promise<void>;
  /** Stands still: the kernel still accepts connections for it. */
  stop(): Promise<void>;
  go(): Promise<void>;
  /** An expression in the broker's own language. */
  evaluate(erlang: string): Promise<void>;
}

/** A broker for this test alone; it takes some seconds to start. */
export async function ownBroker(options: { readonly port?: number } = {}): Promise<OwnBroker> {
  const files = await scratch();
  const directory = files.at('broker');
  let broker: PrivateBroker;
  try {
    broker = await PrivateBroker.start({ directory, ...options }, { log: silentLog, clock: systemClock });
  } catch (error) {
    await files[Symbol.asyncDispose]();
    throw error;
  }
  const pidOf = async (): Promise<number> => Number(await readFile(join(directory, 'broker.pid'), 'utf8'));
  const signal = async (name: NodeJS.Signals): Promise<void> => { process.kill(await pidOf(), name); };
  return {
    url: broker.url, managementUrl: broker.managementUrl, directory, api: apiOf(broker.managementUrl),
    crash: () => signal('SIGKILL'), stop: () => signal('SIGSTOP'), go: () => signal('SIGCONT'),
    evaluate: (erlang) => evaluate(broker.environment, erlang),
    [Symbol.asyncDispose]: async () => {
      await broker.close('at once');
      await files[Symbol.asyncDispose]();
    },
  };
}

/** An open connection, closed when its block ends. */
export async function connected(url: string, options: { readonly heartbeatS?: number } = {}): Promise<Connection> {
  const connection = new Connection({ url, name: 'test', ...options }, testDeps);
  await connection.open();
  return connection;
}

export const testDeps = { log: silentLog, clock: systemClock };

async function evaluate(env: Readonly<Record<string, string>>, erlang: string): Promise<void> {
  const argv = ['/usr/lib/rabbitmq/bin/rabbitmqctl', 'eval', erlang] as const;
  const { code, stdout, stderr } = await exec([...argv], { timeoutMs: 60_000, env, cwd: '/' });
  if (code !== 0) throw new Error(`rabbitmqctl eval ended with ${code}: ${stderr}${stdout}`);
}

function apiOf(managementUrl: string): TestBroker['api'] {
  const { username, password, origin } = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return async (method, path, body) => {
    const response = await fetch(`${origin}/api/${path}`, {
      method, headers: { authorization, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) as unknown : text };
  };
}

interface HostBroker {
  readonly url: string;
  readonly managementUrl: string;
  release(): void;
}

let host: Promise<{ readonly socket: Socket; readonly url: string; readonly managementUrl: string }> | undefined;
let holders = 0;

/** One lease for the process, for as long as a test holds a virtual host. */
async function hostBroker(): Promise<HostBroker> {
  host ??= leaseHost();
  holders++;
  const { socket, url, managementUrl } = await host;
  socket.ref();
  return {
    url, managementUrl,
    release: () => {
      if (--holders > 0) return;
      // The lease stays until this process ends, and does not keep it from ending.
      socket.unref();
    },
  };
}

async function leaseHost(): Promise<{ socket: Socket; url: string; managementUrl: string }> {
  // The runner starts a process for each test file: what they have in common is their parent.
  const runner = process.env['NODE_TEST_CONTEXT'] === undefined ? 0 : process.ppid;
  const run = runner === 0 ? `own-${process.pid}` : runner;
  const directory = join(tmpdir(), `switchyard-broker-${userInfo().uid}-${run}`);
  if (await mkdir(directory, { mode: 0o700 }).then(() => true, () => false)) {
    spawn(process.execPath, [HOST, directory, String(runner)], { detached: true, stdio: 'ignore' }).unref();
  }
  const path = join(directory, 'socket');
  const socket = await until('the broker of this test run', () => tryConnect(path), BROKER_START_MS);
  const [line] = await once(socket, 'data') as [Buffer];
  socket.on('error', () => { /* the host ended first: the tests fail by themselves */ });
  const { url, managementUrl, error } = JSON.parse(line.toString()) as
    { url?: string; managementUrl?: string; error?: string };
  if (url === undefined || managementUrl === undefined) throw new Error(`these tests need a broker: ${error}`);
  return { socket, url, managementUrl };
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
