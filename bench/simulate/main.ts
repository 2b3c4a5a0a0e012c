// PROCESS: many managers in one, started in a block in place of a real one. Each has its own connection, its heartbeat
// and the real protocol, and acknowledges tasks instead of running them: it has workers, but no threads.

import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/common/clock.ts';
import { silentLog } from '../../src/common/log.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import type { ManagerId } from '../../src/common/protocol.ts';
import { EXIT_OK, shutdownSignal } from '../../src/common/shutdown.ts';
import { readConfig } from '../../engine/manager/config-file.ts';
import { ManagerLink } from '../../engine/manager/link.ts';
import { ZeroCrew } from '../../engine/manager/zero.ts';
import { allowSockets } from '../../engine/socket.ts';

/** One for the connection and two that watch it. */
const SOCKETS_PER_MANAGER = 3;
/** Several at a time, so that the handshakes of thousands do not all wait for one processor at once. */
const JOINS_PER_TURN = 32;
const TURN_MS = 20;

const [path, managers, slots] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: simulate MANAGER-FILE MANAGERS WORKERS-PER-MANAGER');
const config = await readConfig(path, systemClock);
const [address] = config.addresses;
if (address === undefined) throw new Error('the block has no address of its interchange');

const signal = shutdownSignal();
signal.addEventListener('abort', () => process.exit(EXIT_OK));
allowSockets(SOCKETS_PER_MANAGER * Number(managers) + 16);
for (let index = 0; index < Number(managers); index++) {
  startManager(index, config, address, Number(slots));
  if (index % JOINS_PER_TURN === 0) await systemClock.sleep(TURN_MS);
}

function startManager(index: number, { block, port, keys }: ManagerConfig, to: string, workers: number): void {
  const node = `simulated-${index}`;
  const manager = `${block}.${node}.${randomBytes(4).toString('hex')}` as ManagerId; // made here, used everywhere
  const end = (): void => process.exit(EXIT_OK); // they are told to stop together
  const link = new ManagerLink(
    {
      address: to, port, manager, block, node, keys, cores: workers, memoryMiB: 1024 * workers, endsAtMs: null,
      goneMaxMs: config.goneMaxMs,
    },
    { log: silentLog, clock: systemClock, onEnd: end },
  );
  link.join(new ZeroCrew(workers, { link, clock: systemClock, onDrained: end }));
}
