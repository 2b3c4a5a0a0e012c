// A service, a broker and an endpoint as a site has them, each in processes of its own, on this machine.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import { Client } from '../../src/sdk/index.ts';
import { PrivateBroker } from '../../src/service/private-broker.ts';
import type { Effort } from '../effort.ts';
import { engineBlock } from '../engine.ts';
import { Closers } from './closers.ts';

export interface Deployment extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly endpointId: string;
  /** Of the broker, with all rights. */
  readonly brokerUrl: string;
}

const WORKERS = 2;
const START_MS = 120_000;
const END_MS = 60_000;

/** `databaseUrl`: of a PostgreSQL server; undefined: embedded. */
export async function deploy({ directory, signal }: Effort, databaseUrl: string | undefined): Promise<Deployment> {
  await using stack = new Closers();
  const files = await mkdtemp(join(directory, 'service-'));
  const broker = stack.use(await PrivateBroker.start({ directory: join(files, 'broker') },
    { log: silentLog, clock: systemClock }));
  const data = join(files, 'data');
  await mkdir(data);
  const service = await started('the service', 'src/service/main.js', {
    data_directory: data, port: 0, log_level: 'warn', database_url: databaseUrl ?? null,
    broker: { url: broker.url, management_url: broker.managementUrl },
  }, signal);
  stack.add(() => ended(service.child));
  const url = String(service.said['url']);
  const token = await userOf(url, data);
  const client = new Client({ serviceUrl: url, token });
  const { endpoint_id: endpointId, ...queues } = await client.registerEndpoint({
    endpoint_name: 'bench', metadata: { bundles: true },
  });
  const endpoint = await started('the endpoint', 'src/endpoint/main.js', {
    endpoint_id: endpointId, name: 'bench', directory: join(files, 'endpoint'), queues, debug: false,
    config: { engine: engineBlock({ workers: WORKERS }) },
  }, signal);
  stack.add(() => ended(endpoint.child));
  const all = stack.move();
  return { url, token, endpointId, brokerUrl: broker.url, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

interface Started { readonly child: ChildProcess; readonly said: Readonly<Record<string, unknown>> }

/** A process of ours that gets one JSON line and says in another that it is up. */
async function started(what: string, main: string, config: object, signal: AbortSignal): Promise<Started> {
  const path = fileURLToPath(new URL(`../../${main}`, import.meta.url));
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'], signal, killSignal: 'SIGTERM' });
  child.on('error', () => { /* interrupted, or not started: its end is reported below */ });
  child.stdin.on('error', () => { /* it ended early */ });
  child.stdin.write(`${JSON.stringify(config)}\n`);
  const said = await new Promise<Started['said']>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${what} did not start within ${START_MS / 1000} s`)), START_MS);
    child.once('exit', (code, by) => {
      clearTimeout(late);
      reject(new Error(`${what} ended with ${code ?? by}`));
    });
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(late);
      resolve(JSON.parse(line) as Started['said']);
    });
  });
  if (said['type'] === 'failed') throw new Error(`${what} did not start: ${String(said['message'])}`);
  return { child, said };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await end;
  clearTimeout(hard);
}

/** A user, as an administrator makes one on the service's own machine; its token. */
async function userOf(url: string, data: string): Promise<string> {
  const { admin_token: admin } = JSON.parse(await readFile(join(data, 'service.json'), 'utf8')) as {
    admin_token: string;
  };
  const answer = await fetch(`${url}/admin/users`, {
    method: 'POST', headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'bench@example.org', expires_days: 1 }),
  });
  const { token } = await answer.json() as { token?: unknown };
  if (typeof token !== 'string') throw new Error(`the service made no user: status ${answer.status}`);
  return token;
}
