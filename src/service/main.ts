import { createRequire } from 'node:module';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { rootLog } from '../common/log.ts';
import { EXIT_OK, EXIT_SOFTWARE, EXIT_UNAVAILABLE, firstLine, untilShutdown } from '../common/shutdown.ts';
import { parseServiceConfig, type ServiceConfig } from './config.ts';
import { Service } from './service.ts';

/** One JSON line on standard output. */
type Announcement =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly details: unknown };

/** From the order to end until the end: a broker may take its time. */
const END_MAX_MS = 45_000;

process.title = 'switchyard service';

const announce = (one: Announcement): void => {
  process.stdout.write(`${JSON.stringify(one)}\n`);
};

/** A failure that a person can do something about is told; anything else is a bug, and crashes. */
const failed = (error: unknown): number => {
  if (!(error instanceof ComputeError)) throw error;
  const { code, details } = error;
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  announce({ type: 'failed', code, message: error.message + (code === 'STORAGE_FAILED' ? cause : ''), details });
  return EXIT_UNAVAILABLE;
};

// The leash: when the command line that started us is gone, however it went, so are we.
const leash = new AbortController();
process.stdout.on('error', () => leash.abort());
const line = await firstLine(process.stdin);
process.stdin.on('end', () => leash.abort()).on('error', () => leash.abort()).resume();
leash.signal.addEventListener('abort', () => setTimeout(() => process.exit(EXIT_SOFTWARE), END_MAX_MS).unref());

let config: ServiceConfig;
try {
  config = parseServiceConfig(JSON.parse(line));
} catch (error) {
  process.exit(failed(error));
}
const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
const log = rootLog('service', { level: config.logLevel, path: config.logPath ?? undefined });

await untilShutdown(log, async (signal) => {
  signal.addEventListener('abort', () => leash.abort(), { once: true });
  try {
    const service = await Service.start(config, { log, clock: systemClock, version });
    log.info({ url: service.url }, 'service started');
    announce({ type: 'ready', url: service.url });
    if (!leash.signal.aborted) await new Promise((resolve) => { leash.signal.addEventListener('abort', resolve); });
    log.info('service is closing');
    await service.close(log);
    log.info('service closed');
    return EXIT_OK;
  } catch (error) {
    return failed(error);
  }
});
