// PROCESS: the smallest client: it imports the SDK, starts an engine, runs one task, says so on its standard output,
// and ends when its standard input closes.

import { systemClock } from '../../src/common/clock.ts';
import { Executor, moduleFunction } from '../../src/sdk/index.ts';
import type { FirstResult } from '../fresh-client.ts';

const noop = moduleFunction<[number, string], number>(new URL('../tasks.js', import.meta.url), 'noop');
const [directory, provider] = process.argv.slice(2);
if (directory === undefined || provider === undefined) throw new Error('usage: fresh-client DIRECTORY PROVIDER');
const executor = new Executor({
  engine: { type: 'GlobusComputeEngine', max_workers_per_node: 2, provider: JSON.parse(provider) as unknown },
  directory,
  logLevel: 'silent',
});

// Possibly while the task still waits: then it fails, nobody is told, and its block is given back.
let unwanted = false;
process.stdin.resume().once('end', () => {
  unwanted = true;
  void executor.close('cancel');
});
const submitCalledAtMs = systemClock.now();
try {
  if (await executor.submit(noop, 1, '') !== 1) throw new Error('the task came back with another value');
  const { interchange, managers, folder } = executor.status();
  if (interchange === undefined || folder === undefined) throw new Error('the engine has no interchange');
  const managerPids = managers.map((manager) => manager.pid);
  const first: FirstResult = { submitCalledAtMs, folder, interchangePid: interchange.pid, managerPids };
  process.stdout.write(`${JSON.stringify(first)}\n`);
} catch (error) {
  await executor.close('cancel');
  if (!unwanted) throw error;
}
