// The broker that the test files of one run share. Test files hold a connection to its socket for as long as they need
// it; it ends when the run is over, or when nobody has held one for a while.

import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { rootLog } from '../../src/common/log.ts';
import { PrivateBroker } from '../../src/service/private-broker.ts';

const [, , directory = '', runner = '0'] = process.argv;
const LOOK_MS = 250;
/** Between two test files that use it others may run for minutes; without a runner to watch there is one file. */
const LINGER_MS = runner === '0' ? 1_000 : 10 * 60_000;

const log = rootLog('broker-host', { level: 'info', path: join(directory, 'host.log') });
const held = new Set<Socket>();
let quietSince = performance.now();

try {
  const broker = await PrivateBroker.start({ directory: join(directory, 'broker') }, { log, clock: systemClock });
  const server = createServer((socket) => {
    held.add(socket);
    socket.on('error', () => { /* a test file that was killed */ });
    socket.on('close', () => {
      held.delete(socket);
      quietSince = performance.now();
    });
    socket.write(`${JSON.stringify({ url: broker.url, managementUrl: broker.managementUrl })}\n`);
  });
  server.listen(join(directory, 'socket'));
  // Nobody could hold it while it started.
  quietSince = performance.now();
  while (isWanted()) await systemClock.sleep(LOOK_MS);
  server.close();
  await broker.close('at once');
} catch (err) {
  log.fatal({ err }, 'no broker for the tests');
  const server = createServer((socket) => {
    socket.end(`${JSON.stringify({ error: err instanceof Error ? err.message : String(err) })}\n`);
  });
  server.listen(join(directory, 'socket'));
  while (runner === '0' ? held.size > 0 : isAlive(Number(runner))) await systemClock.sleep(LOOK_MS);
  server.close();
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

function isWanted(): boolean {
  if (runner !== '0' && !isAlive(Number(runner))) return false;
  return held.size > 0 || performance.now() - quietSince < LINGER_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // gone
  }
}
