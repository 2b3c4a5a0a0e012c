// Real endpoints for tests: registered at a real service over its routes, started as the command line would start them.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ResultMessage } from '../../src/amqp/messages.ts';
import type { RegisteredQueues } from '../../src/amqp/queue-info.ts';
import { readBytes, writeFunction, writeValue, type ScriptDefinition } from '../../src/common/javascript.ts';
import { pack, readItem } from '../../src/common/packed.ts';
import { decodePayload, encodePayload, reviveFailure } from '../../src/common/payload.ts';
import type { Failure } from '../../src/common/protocol.ts';
import type { TestService, User } from '../service.ts';
import { until, within } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../src/endpoint/main.js', import.meta.url));
const START_MS = 60_000;
const END_MS = 60_000;

export interface Announced {
  readonly type: 'up' | 'failed';
  readonly rerun?: number;
  readonly resent?: number;
  readonly notes?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

export interface EndpointKeys { readonly [key: string]: unknown }

/** Two workers on this machine. */
export const WORKERS: EndpointKeys = {
  engine: {
    type: 'GlobusComputeEngine', max_workers_per_node: 2, cores_per_worker: 0.1, address: '127.0.0.1',
    provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 1, max_blocks: 1 },
  },
};

export interface Registered {
  readonly id: string;
  readonly queues: RegisteredQueues;
}

export async function register(service: TestService, user: User, id?: string): Promise<Registered> {
  const path = id === undefined ? '/v3/endpoints' : `/v3/endpoints/${id}`;
  const { status, body, text } = await service.ask(id === undefined ? 'POST' : 'PUT', path, {
    as: user.token, body: { endpoint_name: 'tested', metadata: { bundles: true } },
  });
  assert.equal(status, 200, text);
  const { endpoint_id: registered, ...queues } = body as RegisteredQueues & { endpoint_id: string };
  return { id: registered, queues };
}

export interface RunningEndpoint extends AsyncDisposable {
  readonly id: string;
  readonly directory: string;
  readonly child: ChildProcess;
  /** What it said first. */
  readonly said: Announced;
  /** Its exit status, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

export interface EndpointOptions {
  readonly directory: string;
  readonly config?: EndpointKeys;
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The process; what it announces may be that it failed. */
export async function startEndpoint(
  { id, queues }: Registered, { directory, config = WORKERS, environment = {} }: EndpointOptions,
): Promise<RunningEndpoint> {
  await mkdir(directory, { recursive: true });
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? ''));
  });
  const first = new Promise<Announced>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as Announced));
    void exited.then((how) => reject(new Error(`the endpoint ended with ${how}: ${errors}`)));
  });
  child.stdin.on('error', () => { /* it ended before it read everything */ });
  child.stdin.end(`${JSON.stringify({ endpoint_id: id, name: 'tested', directory, queues, config })}\n`);
  const log = (): string => {
    const path = join(directory, 'endpoint.log');
    return errors + (existsSync(path) ? readFileSync(path, 'utf8') : '');
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> => {
    child.kill(signal);
    return await within(END_MS, 'the end of the endpoint', exited);
  };
  try {
    const said = await within(START_MS, 'the start of the endpoint', first);
    return { id, directory, child, said, exited, log, stop, [Symbol.asyncDispose]: async () => { await stop(); } };
  } catch (error) {
    child.kill('SIGKILL');
    process.stderr.write(log());
    throw error;
  }
}

/** How many tasks may have run twice, as an endpoint's log says it over all its starts. */
export function mayHaveRunTwice(log: string): number {
  const told = log.matchAll(/"count":(\d+),"msg":"tasks (?:of an earlier process run again|came again, and)/g);
  return [...told].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A function of JavaScript, given by its source, at the service. */
export async function registerFunction(
  service: TestService, user: User, definition: ScriptDefinition | string,
): Promise<string> {
  const code = typeof definition === 'string' ? definition : pack(writeFunction(definition));
  const { status, body, text } = await service.ask('POST', '/v3/functions', {
    as: user.token, body: { function_name: 'f', function_code: code },
  });
  assert.equal(status, 200, text);
  return body.function_uuid as string;
}

export function argumentsFor(...args: readonly unknown[]): string {
  return pack(writeValue(encodePayload(args)));
}

export interface Submitted {
  readonly group: string;
  readonly ids: readonly string[];
}

export async function submit(
  service: TestService, user: User,
  what: { readonly endpoint: string; readonly fn: string; readonly payloads: readonly string[];
    readonly keys?: Readonly<Record<string, unknown>> },
): Promise<Submitted> {
  const { endpoint, fn, payloads, keys } = what;
  const { status, body, text } = await service.ask('POST', `/v3/endpoints/${endpoint}/submit`, {
    as: user.token, body: { tasks: { [fn]: payloads }, create_queue: true, ...keys },
  });
  assert.equal(status, 200, text);
  const tasks = body.tasks as Record<string, string[]>;
  return { group: body.task_group_id as string, ids: tasks[fn] ?? [] };
}

/** The value in a result of JavaScript, or the exception. */
export function outcomeOf({ data, error }: ResultMessage): unknown {
  const item = readItem(data);
  assert.ok(item !== undefined, `not an item: ${data.slice(0, 200)}`);
  const { bytes, buffers } = readBytes(item.body);
  const value = decodePayload(bytes, buffers);
  assert.equal(item.tag, error === undefined ? 'jd' : 'jf');
  return error === undefined ? value : reviveFailure(value as Failure);
}

/** Every one of them, the first result of each. */
export async function resultsOf(
  seen: readonly ResultMessage[], ids: readonly string[], withinMs = 60_000,
): Promise<ReadonlyMap<string, ResultMessage>> {
  const wanted = new Set(ids);
  const found = new Map<string, ResultMessage>();
  let at = 0;
  return await until(`${ids.length} results`, () => {
    for (; at < seen.length; at++) {
      const one = seen[at];
      if (one !== undefined && wanted.has(one.taskId) && !found.has(one.taskId)) found.set(one.taskId, one);
    }
    return found.size === wanted.size && found;
  }, withinMs);
}
