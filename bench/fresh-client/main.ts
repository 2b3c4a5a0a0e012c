// PROCESS: the smallest client: it imports the SDK, starts an engine, runs one task, says so on its standard output,
// and waits until its standard input closes.

import { Executor, moduleFunction } from '../../src/sdk/index.ts';
import type { FirstResult } from '../fresh-client.ts';

const noop = moduleFunction<[number, string], number>(new URL('../tasks.js', import.meta.url), 'noop');
const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: fresh-client DIRECTORY');
const executor = new Executor({
  engine: { type: 'GlobusComputeEngine', max_workers_per_node: 2, provider: { type: 'LocalProvider', max_blocks: 1 } },
  directory,
  logLevel: 'silent',
});

if (await executor.submit(noop, 1, '') !== 1) throw new Error('the task came back with another value');
const { interchange, managers } = executor.status();
if (interchange === undefined) throw new Error('the engine has no interchange');
const first: FirstResult = { interchangePid: interchange.pid, managerPids: managers.map((manager) => manager.pid) };
process.stdout.write(`${JSON.stringify(first)}\n`);
process.stdin.resume();
process.stdin.once('end', () => void executor.close('cancel'));
