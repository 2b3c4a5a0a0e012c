// PROCESS: the supervisor of a multi-user endpoint. It may be root, so it is small: no template, schema or engine is in
// it, and what users have written it passes on unread.

import { createRequire } from 'node:module';
import { availableParallelism, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../common/clock.ts';
import { ComputeError, type ErrorCode } from '../common/errors.ts';
import { unlock } from '../common/lock.ts';
import { rotatedLog } from '../common/log.ts';
import {
  EXIT_NOT_ALLOWED, EXIT_OK, EXIT_SOFTWARE, EXIT_UNAVAILABLE, firstLine, untilShutdown,
} from '../common/shutdown.ts';
import { findAccount, refusalOf, type Account } from './accounts.ts';
import { consoleLine } from './console-line.ts';
import { closeInherited } from './descriptors.ts';
import { passedOn } from './environment.ts';
import { openIdentityMap } from './identity-map.ts';
import { readOrders, type SupervisorOrders } from './orders.ts';
import { mapFor, ownPrivileges } from './privileges.ts';
import { Supervisor } from './supervisor.ts';

const EXIT_ORDERS = 1;
const LOG_BYTES_MAX = 100 * 1024 * 1024;
const LOG_GENERATIONS = 1;
const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

const { pid } = process;
process.umask(0o077);
closeInherited();
process.title = 'switchyard endpoint';
// Whoever started us may have gone, and its terminal with it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { /* as said */ });

const announce = (one: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(one)}\n`);
};

let orders: SupervisorOrders;
try {
  // Of a person at a terminal nothing is to be expected.
  orders = readOrders(process.stdin.isTTY ? '' : await firstLine(process.stdin).catch(() => ''));
} catch (error) {
  if (!(error instanceof ComputeError)) throw error;
  announce({ type: 'failed', code: error.code, message: error.message });
  process.exit(error.details['credentials'] === true ? EXIT_SOFTWARE : EXIT_ORDERS);
}

const { endpoint_id: endpointId, name, directory, config } = orders;
const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
const level = orders.debug || config.debug ? 'debug' : 'info';
const log = rotatedLog('supervisor', {
  level, path: join(directory, 'endpoint.log'), bytesMax: LOG_BYTES_MAX, generations: LOG_GENERATIONS,
  ...orders.console ? { also: (line: string): void => {
    process.stderr.write(consoleLine(line, process.stderr.isTTY));
  } } : {},
});
const title = `switchyard endpoint *(${endpointId}, ${name})${config.environment === null ? '' : ` - ${
  config.environment}`}`;
process.title = title;

const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = { BROKER_REFUSED: EXIT_NOT_ALLOWED };

const failed = (error: ComputeError): number => {
  log.error({ err: error }, 'multi-user endpoint failed');
  announce({ type: 'failed', code: error.code, message: error.message });
  const { exitStatus } = error.details;
  return typeof exitStatus === 'number' ? exitStatus : STATUSES[error.code] ?? EXIT_UNAVAILABLE;
};

const ownAccount = async (): Promise<Account> => {
  const { username, uid, gid, homedir, shell } = userInfo();
  return await findAccount(username).catch(() => undefined)
    ?? { name: username, uid, gid, gecos: '', directory: homedir, shell: shell ?? '', groups: [gid] };
};

// Asked twice, it waits for no user endpoint any more.
const hurry = new AbortController();
/** Nobody asks the identity map any more. */
const over = new AbortController();
let asked = 0;
for (const one of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(one, () => { if (++asked > 1) hurry.abort(); });
process.on('SIGQUIT', () => process.kill(pid, 'SIGTERM'));
process.stdin.on('error', () => { /* it is at its end, then */ });
process.stdin.on('end', () => { if (orders.leashed) process.kill(pid, 'SIGTERM'); }).resume();

await untilShutdown(log, async (signal) => {
  log.info('Endpoint Manager initialization');
  log.info({ version, pid, node: process.version },
    `\n\n========== Endpoint Manager begins: ${endpointId}`);
  for (const note of config.notes) log.warn(note);
  let supervisor: Supervisor;
  try {
    const privileges = ownPrivileges();
    const mapPath = mapFor(privileges, orders.files.map, (text) => log.warn(text));
    const map = mapPath === null ? undefined
      : await openIdentityMap(mapPath, { endpointId, log, clock: systemClock, signal: over.signal });
    const own = await ownAccount();
    supervisor = new Supervisor(orders, {
      log, clock: systemClock, map, ownAccount: own, findAccount,
      refusalOf: (account) => refusalOf(account, { ...own, minimumUid: config.minimum_uid }),
    }, {
      becomes: map !== undefined, startsAtOnce: Math.max(2, 2 * availableParallelism()),
      own: {
        environment: passedOn(process.env), nodeDirectory: dirname(process.execPath),
        program: [process.execPath, CLI, 'endpoint'],
      },
    });
    await supervisor.start();
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    return failed(error);
  }
  announce({ type: 'up', notes: config.notes });
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const reason = await Promise.race([stopped, supervisor.ended]);
  log.info({ count: supervisor.count }, reason === undefined ? `Stopping: ${String(signal.reason)}` : 'Stopping');
  process.title = `[shutdown in progress] ${title}`;
  await supervisor.close(hurry.signal);
  over.abort();
  // Whoever started us has written there that it is us.
  await unlock(join(directory, 'daemon.pid'));
  log.info('Shutdown complete.');
  log.info(`\n---------- Endpoint Manager ends: ${endpointId}\n`);
  return reason === undefined ? EXIT_OK : failed(reason);
});
