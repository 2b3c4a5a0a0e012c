import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { unlock } from '../common/lock.ts';
import { rotatedLog, type Logger } from '../common/log.ts';
import { EXIT_OK, exitOf, firstLine, untilShutdown } from '../common/shutdown.ts';
import { parseEndpointConfig, type EndpointConfig } from './config.ts';
import { LOG_BYTES_MAX, LOG_GENERATIONS } from './log-size.ts';
import { readOrders, type Orders } from './orders.ts';
import { serve, startInfo } from './serve.ts';

/** One JSON line on standard output. */
type Announcement =
  | { readonly type: 'up'; readonly rerun: number; readonly resent: number; readonly notes: readonly string[] }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

// As the field's agent and sysexits(3) have them.
const EXIT_CONFIG = 1;
const EXIT_DATA = 65;

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

// Asked twice, it goes at once: what it has promised is on the disk.
let asked = 0;
for (const one of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(one, () => { if (++asked > 1) process.exit(exitOf(one)); });
}

await untilShutdown(log, async (signal) => {
  const failure = await serve({
    options: { endpointId, name, directory, queues, config, logLevel: level, info: startInfo(version) },
    log, title, stop: signal, hurry: new AbortController().signal,
    onUp: async (recovered) => { announce({ type: 'up', ...recovered, notes: config.notes }); },
  });
  // Whoever started us has written there that it is us.
  await unlock(join(directory, 'daemon.pid'));
  return failure === undefined ? EXIT_OK : failed(failure.error, failure.status, log);
});
