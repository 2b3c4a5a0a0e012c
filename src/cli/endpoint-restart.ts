// `switchyard endpoint restart`, up to the start: what runs has ended, wherever it was, and nothing keeps a start away.

import { ComputeError } from '../common/errors.ts';
import { EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import { endpointId, type EndpointFolder } from './endpoint-directory.ts';
import { instanceOf } from './endpoint-instance.ts';
import { PATIENCE_MS } from './endpoint-registration.ts';
import { stopHere, stopRemotely, timeOf, type StopDeps, type Stopped } from './endpoint-stop.ts';
import { causeText, exitStatusOf, refusedWith } from './failure.ts';

/** Blocks that a killed process has left stay: the start goes on with them, or gives them back. */
export async function stopToRestart(folder: EndpointFolder, deps: StopDeps): Promise<Stopped> {
  const instance = await instanceOf(folder);
  if (instance.state !== 'elsewhere') return await stopHere(folder, deps);
  const { host, pid } = instance.holder;
  const { lockedUntilMs = 0, ...stopped } = await stopRemotely(folder, instance, deps);
  const later = `nothing can register as it before ${timeOf(lockedUntilMs)}: start it then, with switchyard endpoint`
    + ` start ${folder.name}`;
  // Two processes must not have its tasks, and what that one has not given back yet would be missing here.
  if (stopped.outcome === 'cut-off') {
    throw refusedWith(EXIT_UNAVAILABLE, `Endpoint ${folder.name} is not started again: process ${pid} on ${host} lost`
      + ` its credentials, but has not confirmed that it has ended, as if ${host} were down; ${later}`);
  }
  await unlock(folder, deps, later);
  return stopped;
}

async function unlock(folder: EndpointFolder, { connect }: StopDeps, later: string): Promise<void> {
  const id = await endpointId(folder);
  try {
    if (id !== undefined) await connect().unlockEndpoint(id, { patienceMs: PATIENCE_MS });
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    throw refusedWith(exitStatusOf(error), `Endpoint ${folder.name} is stopped, but the service does not unlock it`
      + ` (${causeText(error)}); ${later}`, error);
  }
}
