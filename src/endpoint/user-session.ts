// A user endpoint from what it is told to its end. Everything here runs as the user.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { unlock } from '../common/lock.ts';
import { rotatedLog, type Logger } from '../common/log.ts';
import { EXIT_OK } from '../common/shutdown.ts';
import type { EndpointConfig } from './config.ts';
import { keptOfStranger } from './drop.ts';
import { privilegesKept } from './early-answers.ts';
import { includesOf } from './includes.ts';
import { LOG_BYTES_MAX, LOG_GENERATIONS } from './log-size.ts';
import { watchParent, type ParentWatch } from './parent-watch.ts';
import { serve, startInfo } from './serve.ts';
import { startFailureOf, type StartFailure } from './start-failure.ts';
import { renderUserConfig, type RenderedConfig } from './user-config.ts';
import { userEnvironment } from './user-environment.ts';
import { endpointDirectory, ownLog } from './user-home.ts';
import { claimInstance, refuseIfAlive } from './user-instance.ts';
import { readPayload, type UserPayload } from './user-payload.ts';

export interface UserEndpointCall {
  /** Of its directory. */
  readonly name: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;
const EXIT_INFORMATION = 1;
/** From the moment that nobody waits any more: then blocks are given back, or they will end by themselves. */
const HURRIED_MS_MAX = 4_500;

type Announcement =
  | { readonly type: 'up'; readonly pid: number; readonly rerun: number; readonly resent: number;
    readonly notes: readonly string[] }
  | { readonly type: 'failed'; readonly step: number; readonly error: string; readonly code: string;
    readonly message: string; readonly detail?: string };

/** Resolves to the exit status. */
export async function runUserSession(call: UserEndpointCall): Promise<number> {
  let payload: UserPayload;
  try {
    payload = readPayload(await everything(process.stdin));
  } catch (error) {
    return failed(error, EXIT_INFORMATION);
  }
  const kept = keptOfStranger(payload.user, payload.supervisorPid);
  if (kept !== undefined) return privilegesKept(kept);
  process.title = `switchyard endpoint starting up for ${payload.user.name}`;
  const watch = watchParent(payload.supervisorPid, systemClock);
  try {
    return await prepared(call, payload, watch);
  } catch (error) {
    return failed(error, EXIT_INFORMATION);
  } finally {
    watch.close();
  }
}

async function prepared(call: UserEndpointCall, payload: UserPayload, watch: ParentWatch): Promise<number> {
  const { name } = call;
  const { endpointId, queues, user, debug, origin, supervisorPid } = payload;
  const environment = userEnvironment(call.environment, payload);
  for (const [key, value] of Object.entries(environment)) process.env[key] = value;
  enter(environment['CWD'] ?? '/');
  const { template } = payload.render;
  const rendered = renderUserConfig({
    ...payload.render, name, include: includesOf(join(template.path, '..')),
  });
  const config = configOf(rendered, payload);
  const directory = endpointDirectory({ name, uid: process.getuid?.() ?? user.uid, environment });
  refuseIfAlive(directory);
  const path = join(directory, 'endpoint.log');
  ownLog(path, process.getuid?.() ?? user.uid);
  const level = debug || config.debug ? 'debug' : 'info';
  const log = rotatedLog('endpoint', { level, path, bytesMax: LOG_BYTES_MAX, generations: LOG_GENERATIONS });
  if (config.debug) dump(rendered, log);
  const place = config.environment === null ? '' : ` - ${config.environment}`;
  const title = `Switchyard Endpoint (${endpointId}, ${name})${place}`;
  process.title = title;
  const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
  const failure = await serve({
    options: {
      endpointId, name, directory, queues, config, logLevel: level,
      info: { ...startInfo(version, origin), ppid: supervisorPid },
    },
    log, title, ...endings(watch, log),
    onUp: async (recovered) => {
      claimInstance(directory, endpointId);
      // From now on there may be thousands of tasks, and memory is what makes them fast.
      setFlagsFromString('--semi-space-growth-factor=2');
      announce({ type: 'up', pid: process.pid, ...recovered, notes: config.notes });
    },
  });
  await unlock(join(directory, 'daemon.pid'));
  return failure === undefined ? EXIT_OK : failed(failure.error, failure.status, log);
}

/** What the manager allows counts, whatever the template says. */
function configOf({ config }: RenderedConfig, { allowedFunctions }: UserPayload): EndpointConfig {
  return allowedFunctions === undefined ? config : { ...config, allowed_functions: allowedFunctions.slice() };
}

/** A first signal asks; a second, or the end of the supervisor, leaves no time for what runs. */
function endings({ gone }: ParentWatch, log: Logger): { readonly stop: AbortSignal; readonly hurry: AbortSignal } {
  const stop = new AbortController();
  const hurry = new AbortController();
  const hasten = (why: string): void => {
    if (hurry.signal.aborted) return;
    log.warn({ reason: why }, 'endpoint ends at once');
    setTimeout(() => process.exit(EXIT_OK), HURRIED_MS_MAX).unref();
    hurry.abort(why);
    stop.abort(why);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) hasten(`${signal}, once more`);
      stop.abort(signal);
    });
  }
  if (gone.aborted) hasten(String(gone.reason));
  gone.addEventListener('abort', () => hasten(String(gone.reason)), { once: true });
  return { stop: stop.signal, hurry: hurry.signal };
}

function enter(directory: string): void {
  try {
    process.chdir(directory);
  } catch {
    process.chdir('/'); // a home that cannot be entered is seen to when it is needed
  }
}

/** For whoever looks into the log for what came of a template: each line of it is found between the two. */
function dump({ text }: RenderedConfig, log: Logger): void {
  const lines = text.split('\n');
  log.debug(`Begin Compute endpoint configuration (${lines.length} lines):`);
  for (const line of lines) log.debug(`  | ${line}`);
  log.debug('End Compute endpoint configuration');
}

function failed(error: unknown, otherwise: number, log?: Logger): number {
  if (!(error instanceof ComputeError)) throw error;
  log?.error({ err: error }, 'endpoint failed');
  const failure: StartFailure = startFailureOf(error, otherwise);
  const { step, kind, code, message } = failure;
  const detail = error.cause instanceof Error ? { detail: error.cause.message } : {};
  process.stderr.write(`${message}\n`);
  announce({ type: 'failed', step, error: kind, code, message, ...detail });
  return step;
}

function announce(one: Announcement): void {
  process.stdout.write(`${JSON.stringify(one)}\n`);
}

/** Text of a stream that ends. */
async function everything(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > PAYLOAD_BYTES_MAX) return '';
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
