// daemon.pid and endpoint.json of a user endpoint: which process it is, and what the service knows it by. Who is the
// one instance, the broker says: a file left by a host that went down keeps no user from his endpoint.

import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateOf, thisProcess, type Holder } from '../common/holder.ts';
import { STEPS, startFailure } from './start-failure.ts';

/** Throws while another process of this host runs it. */
export function refuseIfAlive(directory: string): void {
  const path = join(directory, 'daemon.pid');
  const holder = holderIn(path);
  if (holder === undefined || stateOf(holder) !== 'alive') return;
  throw startFailure(STEPS.instance, 'SystemExit', `Another instance of this endpoint is running.  (PID path: ${path} `
    + `(PID: ${holder.pid}))  Refusing to start.`);
}

/** For the one whom the broker gives the tasks. */
export function claimInstance(directory: string, endpointId: string): void {
  replace(join(directory, 'daemon.pid'), thisProcess());
  replace(join(directory, 'endpoint.json'), { endpoint_id: endpointId });
}

function holderIn(path: string): Holder | undefined {
  try {
    const { host, pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<keyof Holder, unknown>>;
    const isHolder = typeof host === 'string' && typeof pid === 'number' && typeof started === 'string';
    return isHolder ? { host, pid, started } : undefined;
  } catch {
    return undefined; // there is none, or it is none that we know
  }
}

function replace(path: string, document: object): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, `${JSON.stringify(document)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (cause) {
    throw startFailure(STEPS.directory, 'OSError', `cannot write ${path}`, cause);
  }
}
