// A client that is killed takes everything that it started with it.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import type { ClientOrder } from '../fixtures/client.ts';
import { engineOf, gone, kill, linesOf, until, within, withRun, type Process } from './harness.ts';

const CLIENT = fileURLToPath(new URL('../fixtures/client.js', import.meta.url));

interface Client {
  readonly child: ChildProcess;
  readonly interchange: number;
  readonly path: string;
}

async function startClient(directory: string, phase: ClientOrder['phase']): Promise<Client> {
  const path = join(directory, `${phase}-notes`);
  const order: ClientOrder = { engine: engineOf({ address_probe_timeout: 2 }), directory, phase, path };
  const child = spawn(process.execPath, [CLIENT, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = await within(20_000, 'the client', once(lines, 'line')) as [string];
  const lengths = { start: 0, idle: 0, tasks: 2, commands: 6 };
  await until(`running ${phase}`, () => linesOf(path).length >= lengths[phase]);
  return { child, interchange: Number(line.split(' ')[1]), path };
}

async function goneIn(t: TestContext, what: string, processes: () => Process[], withinMs: number): Promise<void> {
  const since = performance.now();
  await gone(processes, withinMs);
  t.diagnostic(`${what}: all gone after ${Math.round(performance.now() - since)} ms`);
}

for (const phase of ['idle', 'tasks', 'commands'] as const) {
  test(`when the client is killed (${phase}), all that it started is gone within 2 s`, (t) =>
    withRun(async (directory, processes) => {
      const { child } = await startClient(directory, phase);
      assert.ok(processes().length >= 4, 'client, interchange, block and manager');
      kill(child.pid ?? 0, 'SIGKILL');
      await goneIn(t, phase, processes, 2000);
    }));
}

test('managers that lose client and interchange at once, or never find theirs, are gone within 12 s', (t) =>
  withRun(async (directory, processes) => {
    const clients = await Promise.all((['tasks', 'commands'] as const).map((phase) => startClient(directory, phase)));
    const early = await startClient(directory, 'start'); // its block is just being started
    kill(early.child.pid ?? 0, 'SIGKILL');
    for (const { child, interchange } of clients) {
      kill(interchange, 'SIGKILL');
      kill(child.pid ?? 0, 'SIGKILL');
    }
    await goneIn(t, 'client and interchange', processes, 13_000);
  }));

test('a client that ends without closing takes everything with it', (t) => withRun(async (directory, processes) => {
  const { child } = await startClient(directory, 'commands');
  kill(child.pid ?? 0, 'SIGTERM');
  await goneIn(t, 'SIGTERM', processes, 2000);
}));
