import { Socket } from 'node:net';
import { systemClock } from '../../src/common/clock.ts';
import { rootLog } from '../../src/common/log.ts';
import { CLIENT_FD, type InterchangeConfig, type InterchangeReady } from '../../src/common/process-config.ts';
import { EXIT_SOFTWARE, firstLine, untilShutdown } from '../../src/common/shutdown.ts';
import { Pipe } from '../pipe.ts';
import { CLIENT_GONE, runInterchange } from './loop.ts';

/** From the order to end until the end. */
const END_MAX_MS = 1800;

const announce = (ready: InterchangeReady): void => {
  process.stdout.write(`${JSON.stringify(ready)}\n`);
};

const config = JSON.parse(await firstLine(process.stdin)) as InterchangeConfig; // written by the engine that started us
const log = rootLog('interchange', { level: config.logLevel, path: config.logPath });

// The leash: when the client's end of stdin closes, the client is gone, however it went.
const leash = new AbortController();
const onClientGone = (): void => leash.abort(CLIENT_GONE);
process.stdin.on('end', onClientGone).on('error', onClientGone).resume();
process.stdout.on('error', onClientGone);
// Whatever still hangs then: without a client this process has no business.
leash.signal.addEventListener('abort', () => setTimeout(() => process.exit(EXIT_SOFTWARE), END_MAX_MS).unref());

await untilShutdown(log, async (signal) => {
  signal.addEventListener('abort', () => leash.abort(), { once: true });
  try {
    const client = new Pipe(new Socket({ fd: CLIENT_FD }));
    return await runInterchange(config, { log, clock: systemClock, client, signal: leash.signal, announce });
  } catch (error) {
    announce({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
});
