// `switchyard endpoint delete`: at the service first, because an endpoint that is only gone here could never be deleted
// there; then the folder.

import { rm } from 'node:fs/promises';
import { EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Client } from '../sdk/client.ts';
import { endBlocksOf } from './endpoint-blocks.ts';
import { endpointId, lookUpEndpoint, findEndpoint, type EndpointFolder } from './endpoint-directory.ts';
import { instanceOf } from './endpoint-instance.ts';
import { isUuid } from './endpoint-name.ts';
import { isUnknown, PATIENCE_MS } from './endpoint-registration.ts';
import { stopHere } from './endpoint-stop.ts';
import { causeText, exitStatusOf, misuse, refusedWith, storageFailed } from './failure.ts';

export interface Target {
  readonly name: string;
  readonly id: string | undefined;
  /** undefined: this machine has nothing of it, the service may. */
  readonly folder: EndpointFolder | undefined;
}

export interface Deleted {
  readonly name: string;
  readonly endpoint_id: string | null;
  readonly at_service: boolean;
  readonly directory: string | null;
}

export interface DeleteDeps {
  readonly clock: Clock;
  readonly connect: () => Client;
  readonly warn: (text: string) => void;
}

export async function deletionTarget(directory: string, nameOrId: string, force: boolean): Promise<Target> {
  const folder = isUuid(nameOrId) ? await lookUpEndpoint(directory, nameOrId) : await findEndpoint(directory, nameOrId);
  if (folder !== undefined) return { name: folder.name, id: await endpointId(folder), folder };
  if (force) return { name: nameOrId, id: nameOrId.toLowerCase(), folder };
  throw misuse(`No local endpoint configuration available for ${nameOrId}: add the --force flag to delete it from the`
    + ' web service all the same');
}

export async function deleteEndpoint(target: Target, force: boolean, deps: DeleteDeps): Promise<Deleted> {
  const { name, id, folder } = target;
  if (folder !== undefined) await endLocally(folder, force, deps);
  const atService = id !== undefined && await deleteAtService(id, target, force, deps);
  if (folder !== undefined) {
    try {
      await rm(folder.path, { recursive: true });
    } catch (cause) {
      throw storageFailed(`cannot remove ${folder.path}`, cause);
    }
  }
  return { name, endpoint_id: id ?? null, at_service: atService, directory: folder?.path ?? null };
}

export function deletedText({ name, endpoint_id: id, at_service: atService, directory }: Deleted): string[] {
  return [
    ...atService ? [`Endpoint ${id} has been deleted from the web service`] : [],
    ...directory === null ? [] : [`Endpoint ${name} has been deleted from ${directory}`],
  ];
}

async function endLocally(folder: EndpointFolder, force: boolean, deps: DeleteDeps): Promise<void> {
  const instance = await instanceOf(folder);
  if (instance.state === 'alive') {
    if (!force) throw running(folder.name);
    await stopHere(folder, deps);
  }
  if (instance.state === 'elsewhere' && !force) throw running(`${folder.name} (on ${instance.holder.host})`);
  try {
    // Only the folder knows them.
    await endBlocksOf(folder, deps.clock);
  } catch (error) {
    if (!force) throw error;
    deps.warn(causeText(error));
  }
}

/** False when the service knows nothing of it. */
async function deleteAtService(
  id: string, { folder }: Target, force: boolean, { connect, warn }: DeleteDeps,
): Promise<boolean> {
  try {
    const client = connect();
    const patience = { patienceMs: PATIENCE_MS };
    if (!force && (await client.endpointState(id, patience)).online) throw running(id);
    await client.deleteEndpoint(id, patience);
    return true;
  } catch (error) {
    if (folder !== undefined && isUnknown(error)) return false;
    if (!(error instanceof ComputeError) || error.code === 'USAGE') throw error;
    const text = `Endpoint ${id} could not be deleted from the web service: ${error.message}`;
    if (!force || folder === undefined) {
      const left = folder === undefined ? '' : '. Exiting without deleting the local endpoint; --force deletes it';
      const status = error.code === 'SERVICE_REFUSED' ? EXIT_UNAVAILABLE : exitStatusOf(error);
      throw refusedWith(status, `${text}${left}`, error);
    }
    warn(text);
    return false;
  }
}

function running(what: string): ComputeError {
  return misuse(`Endpoint ${what} is currently running. To proceed with deletion, first stop the endpoint, or ignore`
    + ' the current status with delete --force');
}
