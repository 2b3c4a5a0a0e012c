// One running instance of an endpoint at a time, also where login nodes share its folder: daemon.pid says which process
// on which host it is, and when that process started, because ids are used again.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError, unreachable } from '../common/errors.ts';
import { processAt, stateOf, type Holder } from '../common/holder.ts';
import { lock } from '../common/lock.ts';
import { EXIT_CANNOT_CREATE } from '../common/shutdown.ts';
import { isAbsent, replaceFile, type EndpointFolder } from './endpoint-directory.ts';
import { refusedWith } from './failure.ts';

/** `gone`: it was killed, and left its file. `elsewhere`: on another host, where we can neither see nor signal it. */
export type Instance =
  | { readonly state: 'none' }
  | { readonly state: 'alive' | 'gone' | 'elsewhere'; readonly holder: Holder }
  | { readonly state: 'unreadable' };

export interface Claim {
  /** From now on the endpoint's own process is who runs it. */
  handTo(pid: number): Promise<void>;
  release(): Promise<void>;
}

const FILE = 'daemon.pid';

export function pidFile({ path }: EndpointFolder): string {
  return join(path, FILE);
}

export async function instanceOf(folder: EndpointFolder): Promise<Instance> {
  let text: string;
  try {
    text = await readFile(pidFile(folder), 'utf8');
  } catch (cause) {
    return isAbsent(cause) ? { state: 'none' } : { state: 'unreadable' };
  }
  const holder = holderIn(text);
  return holder === undefined ? { state: 'unreadable' } : { state: stateOf(holder), holder };
}

/** For the process that starts the endpoint, until the endpoint's own process is there. */
export async function claimInstance(folder: EndpointFolder): Promise<Claim> {
  const path = pidFile(folder);
  await refuseIfRunning(folder);
  let release: () => Promise<void>;
  try {
    release = await lock(path, { thing: 'endpoint', user: 'process' });
  } catch (error) {
    // Somebody was faster.
    if (error instanceof ComputeError && error.code === 'USAGE') await refuseIfRunning(folder);
    throw error;
  }
  return {
    handTo: async (pid) => { await replaceFile(path, `${JSON.stringify(processAt(pid))}\n`); },
    release,
  };
}

export async function refuseIfRunning(folder: EndpointFolder): Promise<void> {
  const instance = await instanceOf(folder);
  const reason = runningReason(folder, instance);
  if (reason !== undefined) throw refusedWith(EXIT_CANNOT_CREATE, reason);
}

/** What is there no more. Somebody may have started another meanwhile: that one stays. */
export async function forgetGone(folder: EndpointFolder): Promise<void> {
  if ((await instanceOf(folder)).state === 'gone') await forgetInstance(folder);
}

/** Whatever the file says. */
export async function forgetInstance(folder: EndpointFolder): Promise<void> {
  await rm(pidFile(folder), { force: true });
}

function runningReason(folder: EndpointFolder, instance: Instance): string | undefined {
  const { name } = folder;
  const another = `Another instance of this endpoint is running (${name}`;
  switch (instance.state) {
    case 'none':
    case 'gone': return undefined;
    case 'alive': {
      return `${another}, process ${instance.holder.pid}). Refusing to start: end it with switchyard endpoint stop`
        + ` ${name}, or restart it`;
    }
    case 'elsewhere': {
      const { host, pid } = instance.holder;
      return `${another}, process ${pid} on ${host}), or was when ${host} went down. Refusing to start: end it there,`
        + ` or with switchyard endpoint stop --remote ${name}; if it is gone, remove ${pidFile(folder)}`;
    }
    case 'unreadable': {
      return `${another}, perhaps: ${pidFile(folder)} cannot be read as what says who runs it). Refusing to start:`
        + ' remove the file if nobody does';
    }
    default: return unreachable(instance);
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const { host, pid, started } = JSON.parse(text) as Partial<Record<keyof Holder, unknown>>; // looked at next
    const isHolder = typeof host === 'string' && Number.isSafeInteger(pid) && Number(pid) > 1;
    return isHolder && typeof started === 'string' ? { host, pid: Number(pid), started } : undefined;
  } catch {
    return undefined; // not JSON, or null
  }
}
