// `switchyard endpoint stop`: asks the endpoint's process to end, and sees to it that it does. A process of another
// host is ended through the service, which takes its credentials away.

import type { Clock } from '../common/clock.ts';
import { unreachable } from '../common/errors.ts';
import { exec, killGroup } from '../common/exec.ts';
import { stateOf, type Holder } from '../common/holder.ts';
import { EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import type { Client } from '../sdk/client.ts';
import { endBlocksOf } from './endpoint-blocks.ts';
import { isMultiUser, oneUsers, readConfigFile } from './endpoint-config.ts';
import { endpointId, type EndpointFolder } from './endpoint-directory.ts';
import { forgetGone, forgetInstance, instanceOf, pidFile, type Instance } from './endpoint-instance.ts';
import { PATIENCE_MS } from './endpoint-registration.ts';
import { causeText, misuse, refusedWith } from './failure.ts';
import { several } from './words.ts';

/**
 * `inactive`: it did not run. `cleaned`: it was killed before, and its traces are removed now. `cut-off`: it can serve
 * nothing any more, but a process of another host has not confirmed that it has ended.
 */
export interface Stopped {
  readonly name: string;
  /** The endpoint's folder. */
  readonly directory: string;
  readonly outcome: 'inactive' | 'cleaned' | 'stopped' | 'killed' | 'stopped-remotely' | 'cut-off';
  /** Until when the service lets nothing register as it, epoch ms. */
  readonly lockedUntilMs?: number;
  /** Of processes that had not ended in order: blocks that ran still, and are ended now. */
  readonly blocksEnded?: number;
}

export interface LocalStopDeps {
  readonly clock: Clock;
  /** What to tell a person meanwhile. */
  readonly warn: (text: string) => void;
}

export interface StopDeps extends LocalStopDeps {
  readonly connect: () => Client;
}

/**
 * Longer than an endpoint takes to end in order: tasks are given up, blocks are given back, results are sent; a
 * multi-user endpoint waits for all of its user endpoints to do so.
 */
const END_MS = 90_000;
/** Until what has lost its credentials on another host has ended, given its blocks back, and removed its file. */
const REMOTE_END_MS = 60_000;
const TEARDOWN_MS = 60_000;
const LOOK_MS = 100;

export async function stopEndpoint(folder: EndpointFolder, remote: boolean, deps: StopDeps): Promise<Stopped> {
  const instance = await instanceOf(folder);
  const stopped = remote || instance.state === 'elsewhere' ? await stopRemotely(folder, instance, deps)
    : await stopHere(folder, deps);
  return { ...stopped, blocksEnded: await endBlocksOf(folder, deps.clock) };
}

export async function stopHere(folder: EndpointFolder, { clock, warn }: LocalStopDeps): Promise<Stopped> {
  const { name, path: directory } = folder;
  const instance = await instanceOf(folder);
  switch (instance.state) {
    case 'none': return { name, directory, outcome: 'inactive' };
    case 'gone':
      await forgetGone(folder);
      return { name, directory, outcome: 'cleaned' };
    case 'alive': {
      await tearDown(folder, warn);
      const outcome = await endProcess(instance.holder, clock);
      await forgetGone(folder);
      return { name, directory, outcome };
    }
    case 'elsewhere': {
      const { host, pid } = instance.holder;
      throw misuse(`Endpoint ${name} runs on ${host} (process ${pid}): do this there, or end it first, with switchyard`
        + ` endpoint stop ${name}`);
    }
    case 'unreadable':
      throw misuse(`cannot tell whether endpoint ${name} runs: ${pidFile(folder)} cannot be read as what says who runs`
        + ' it. Remove it if nobody does');
    default: return unreachable(instance);
  }
}

/** What its owner wants done before it ends. */
async function tearDown(folder: EndpointFolder, warn: (text: string) => void): Promise<void> {
  try {
    const file = await readConfigFile(folder);
    if (isMultiUser(file)) return;
    const { config: { endpoint_teardown: command } } = oneUsers(file);
    if (command === null) return;
    const { code, signal: by } = await exec(['/bin/sh', '-c', command], { cwd: folder.path, timeoutMs: TEARDOWN_MS });
    if (code !== 0) warn(`endpoint_teardown of ${folder.name} failed with ${by ?? `exit code ${code}`}`);
  } catch (error) {
    // The endpoint is to end all the same.
    warn(`endpoint_teardown of ${folder.name} did not run: ${causeText(error)}`);
  }
}

async function endProcess(holder: Holder, clock: Clock): Promise<'stopped' | 'killed'> {
  const gone = (): boolean => stateOf(holder) !== 'alive';
  signal(holder, 'SIGTERM');
  if (await happens(gone, END_MS, clock)) return 'stopped';
  killGroup(holder.pid, 'SIGKILL');
  if (await happens(gone, END_MS, clock)) return 'killed';
  throw refusedWith(EXIT_UNAVAILABLE, `process ${holder.pid} does not end, not even when it is killed: what it does`
    + ' with a device or a file server must end first');
}

/** By the service, which keeps others away meanwhile, and for a while. */
export async function stopRemotely(folder: EndpointFolder, instance: Instance, deps: StopDeps): Promise<Stopped> {
  const { clock, connect, warn } = deps;
  const { name, path: directory } = folder;
  const id = await endpointId(folder);
  if (id === undefined) throw misuse(`Endpoint ${name} could not be located: it was never started`);
  if (instance.state === 'elsewhere') {
    const { host, pid } = instance.holder;
    warn(`Endpoint ${name} runs on ${host} (process ${pid}): asking the service to end it`);
  }
  const lockedUntilMs = await connect().lockEndpoint(id, { patienceMs: PATIENCE_MS });
  let outcome: Stopped['outcome'] = 'stopped-remotely';
  if (instance.state === 'alive') {
    await stopHere(folder, deps);
  } else {
    const removed = async (): Promise<boolean> => (await instanceOf(folder)).state === 'none';
    if (instance.state === 'elsewhere' && !await happens(removed, REMOTE_END_MS, clock)) outcome = 'cut-off';
    // A host that went down leaves its file: nothing of it can serve any more, so nothing depends on the file.
    await forgetInstance(folder);
  }
  return { name, directory, outcome, lockedUntilMs };
}

export function stoppedText({ blocksEnded = 0, ...stopped }: Stopped): string {
  const text = outcomeText(stopped);
  return blocksEnded === 0 ? text : `${text}\nEnded ${several(blocksEnded, 'block')} that a killed process had left`;
}

function outcomeText({ name, outcome, lockedUntilMs }: Stopped): string {
  const again = lockedUntilMs === undefined ? '' : `; it can be started again at ${timeOf(lockedUntilMs)}`;
  switch (outcome) {
    case 'inactive': return `Endpoint ${name} is not active.`;
    case 'cleaned': return `Endpoint ${name} has been cleaned up: its process had ended without doing so`;
    case 'stopped': return `Endpoint ${name} is now stopped`;
    case 'killed': return `Endpoint ${name} is now stopped: it did not end by itself and was killed`;
    case 'stopped-remotely': return `Endpoint ${name} is now stopped, wherever it ran${again}`;
    case 'cut-off':
      return `Endpoint ${name} serves nothing any more, but its process has not confirmed that it has ended${again}`;
    default: return unreachable(outcome);
  }
}

export function timeOf(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 5);
}

function signal({ pid }: Holder, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) {
      throw misuse(`cannot end process ${pid}: it belongs to somebody else`, cause);
    }
  }
}

/** Whether it did, in time. */
async function happens(look: () => boolean | Promise<boolean>, withinMs: number, clock: Clock): Promise<boolean> {
  for (const end = clock.now() + withinMs; clock.now() < end;) {
    if (await look()) return true;
    await clock.sleep(LOOK_MS);
  }
  return await look();
}
