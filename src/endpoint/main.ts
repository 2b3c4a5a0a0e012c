import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../common/clock.ts';
import { ComputeError, type ErrorCode } from '../common/errors.ts';
import { exec, type Output } from '../common/exec.ts';
import { unlock } from '../common/lock.ts';
import { rotatedLog, type Logger } from '../common/log.ts';
import { EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_OK, EXIT_SOFTWARE, EXIT_UNAVAILABLE, exitOf, firstLine,
  untilShutdown } from '../common/shutdown.ts';
import { parseEndpointConfig, type EndpointConfig } from './config.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { tasksDirectory } from './engine-block.ts';
import { readOrders, type Orders } from './orders.ts';

/** One JSON line on standard output. */
type Announcement =
  | { readonly type: 'up'; readonly rerun: number; readonly resent: number; readonly notes: readonly string[] }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

// As the field's agent and sysexits(3) have them.
const EXIT_CONFIG = 1;
const EXIT_DATA = 65;
const EXIT_REFUSED = 77;
const EXIT_SETUP = 78;

const LOG_BYTES_MAX = 20 * 1024 * 1024;
const LOG_GENERATIONS = 5;
const SETUP_MS_MAX = 30 * 60_000;

process.title = 'switchyard endpoint';
// Whoever started us may have gone: an endpoint in the background has nobody to tell.
process.stdout.on('error', () => { /* as said */ });

const announce = (one: Announcement): void => {
  process.stdout.write(`${JSON.stringify(one)}\n`);
};

const failed = (error: ComputeError, status: number, log?: Logger): number => {
  log?.error({ err: error }, 'endpoint failed');
  announce({ type: 'failed', code: error.code, message: error.message });
  return status;
};

let orders: Orders;
let config: EndpointConfig;
try {
  // Of a person at a terminal nothing is to be expected.
  orders = readOrders(process.stdin.isTTY ? '' : await firstLine(process.stdin).catch(() => ''));
} catch (error) {
  if (!(error instanceof ComputeError)) throw error;
  process.exit(failed(error, error.details['credentials'] === true ? EXIT_DATA : EXIT_CONFIG));
}
try {
  config = parseEndpointConfig(orders.config, availableParallelism());
} catch (error) {
  if (!(error instanceof ComputeError)) throw error;
  process.exit(failed(error, EXIT_CONFIG));
}
process.stdin.on('error', () => { /* nothing more is expected there */ }).resume();

const { endpointId, name, directory, queues } = orders;
const title = `switchyard endpoint ${name}${config.environment === null ? '' : ` - ${config.environment}`}`;
process.title = title;
process.umask(0o077);
const level = orders.debug || config.debug ? 'debug' : 'info';
const log = rotatedLog('endpoint', {
  level, path: join(directory, 'endpoint.log'), bytesMax: LOG_BYTES_MAX, generations: LOG_GENERATIONS,
});
const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };

/** The endpoint's own preparations; its output goes into the log. */
const setUp = async (command: string, stop: AbortSignal): Promise<ComputeError | undefined> => {
  log.info({ command }, 'endpoint_setup runs');
  let output: Output;
  try {
    output = await exec(['/bin/sh', '-c', command], {
      cwd: directory, timeoutMs: SETUP_MS_MAX, signal: stop,
    });
  } catch (cause) {
    return new ComputeError('START_FAILED', 'endpoint_setup did not end', { cause });
  }
  const { code, signal, stdout, stderr } = output;
  log.info({ stdout, stderr, code }, 'endpoint_setup ended');
  if (code === 0) return undefined;
  return new ComputeError('START_FAILED', `endpoint_setup failed with exit code ${code ?? signal}: its output is in `
    + 'endpoint.log');
};

const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  BROKER_REFUSED: EXIT_REFUSED, STORAGE_FAILED: EXIT_IO_ERROR, ENGINE_LOST: EXIT_SOFTWARE,
};

const statusOf = ({ code, details }: ComputeError): number =>
  details['reason'] === 'in-use' ? EXIT_CANNOT_CREATE : STATUSES[code] ?? EXIT_UNAVAILABLE;

const options: EndpointOptions = {
  endpointId, name, directory, queues, config, logLevel: level,
  info: {
    hostname: hostname(), username: userInfo().username, uid: userInfo().uid, gid: userInfo().gid,
    groups: process.getgroups?.() ?? [], pid: process.pid, ppid: process.ppid, startedAtMs: systemClock.now(), version,
    cores: availableParallelism(), memoryGiB: Math.round(freemem() / 2 ** 20) / 1024,
  },
};

// Asked twice, it goes at once: what it has promised is on the disk.
let asked = 0;
for (const one of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(one, () => { if (++asked > 1) process.exit(exitOf(one)); });
}

await untilShutdown(log, async (signal) => {
  log.info({ endpoint: endpointId, version, pid: process.pid, node: process.version }, 'endpoint begins');
  for (const note of config.notes) log.warn({ note }, 'configuration is read otherwise than it is written');
  mkdirSync(tasksDirectory(config.tasks, directory), { recursive: true });
  if (config.endpoint_setup !== null) {
    const error = await setUp(config.endpoint_setup, signal);
    if (error !== undefined) return failed(error, EXIT_SETUP, log);
  }
  let endpoint: Endpoint;
  try {
    endpoint = await Endpoint.start(options, {
      log, clock: systemClock, onTitle: (prefix) => { process.title = prefix + title; },
    });
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    return failed(error, statusOf(error), log);
  }
  const { rerun, resent } = endpoint.recovered;
  announce({ type: 'up', rerun, resent, notes: config.notes });
  log.info({ endpoint: endpointId, rerun, resent }, 'endpoint is up');
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const ending = await Promise.race([stopped, endpoint.ended]);
  log.info({ reason: ending?.type ?? String(signal.reason) }, 'endpoint is stopping');
  process.title = `[stopping] ${title}`;
  await endpoint.close();
  // Whoever started us has written there that it is us.
  await unlock(join(directory, 'daemon.pid'));
  log.info({ endpoint: endpointId }, 'endpoint ended');
  return ending?.type === 'failed' ? failed(ending.error, statusOf(ending.error), log) : EXIT_OK;
});
