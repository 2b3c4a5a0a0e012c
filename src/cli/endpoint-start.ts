// `switchyard endpoint start`: says who it is to the service, and starts the process that serves it.

import { hostname, userInfo } from 'node:os';
import { EXIT_OK, exitOf } from '../common/shutdown.ts';
import type { Client } from '../sdk/client.ts';
import { readEndpointConfig, type EndpointConfigFile } from './endpoint-config.ts';
import { endpointId, saveEndpointId, type EndpointFolder } from './endpoint-directory.ts';
import { claimInstance, refuseIfRunning } from './endpoint-instance.ts';
import { EndpointProcess, type EndpointOrder } from './endpoint-process.ts';
import { register, registrationOf } from './endpoint-registration.ts';
import { misuse, refusedWith } from './failure.ts';
import { onStopSignals } from './signals.ts';

export interface StartRequest {
  readonly folder: EndpointFolder;
  /** The id to register as, where the folder has none yet, or another. */
  readonly id: string | undefined;
  readonly foreground: boolean;
  readonly debug: boolean;
  readonly logToConsole: boolean;
  /** Of this program, as the service is told. */
  readonly version: string;
  /** Keys of the configuration that are not read as its author may think. */
  readonly warn: (text: string) => void;
  /** Once it serves tasks. */
  readonly onUp: (started: StartedEndpoint) => void;
}

export interface StartedEndpoint {
  readonly name: string;
  readonly id: string;
  readonly pid: number;
  readonly foreground: boolean;
}

/** An engine may have to be started, and a broker to be found. */
const UP_MS = 120_000;
/** It may have asked a scheduler for blocks, and give them back. */
const END_MS = 15_000;

/** Resolves to the exit status: at once when it serves in the background, and else when it has ended. */
export async function startEndpoint(request: StartRequest, connect: () => Client): Promise<number> {
  const { folder } = request;
  const file = await readEndpointConfig(folder);
  const foreground = request.foreground || !file.config.detach_endpoint;
  if (request.logToConsole && !foreground) {
    throw misuse('--log-to-console needs --foreground: what runs in the background has no console');
  }
  await refuseIfRunning(folder);
  for (const note of file.config.notes) request.warn(note);
  const client = connect();
  // The first signal asks, the second insists, before the endpoint is up and, in the foreground, afterwards.
  const stop = new AbortController();
  let child: EndpointProcess | undefined;
  const onFirst = (name: NodeJS.Signals): void => {
    stop.abort(refusedWith(exitOf(name), `interrupted by ${name}`));
    child?.signal('SIGTERM');
  };
  const stops = onStopSignals(onFirst, () => child?.kill());
  const claim = await claimInstance(folder);
  try {
    const order = await orderFor(request, file, { client, signal: stop.signal });
    child = await EndpointProcess.spawn(folder, foreground);
    // Before it has its order: were we killed now, it would end without a word, and never serve unclaimed.
    await claim.handTo(child.pid);
    stop.signal.throwIfAborted();
    if (request.logToConsole) child.showLog();
    await child.up(order, UP_MS, stop.signal);
    request.onUp({ name: folder.name, id: order.endpoint_id, pid: child.pid, foreground });
    if (!foreground) {
      child.leave();
      return EXIT_OK;
    }
    const status = await child.ended;
    await claim.release();
    return status;
  } catch (error) {
    await child?.end(END_MS);
    await claim.release();
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    stops.release();
  }
}

/** Registers it. */
async function orderFor(
  { folder, id: wanted, version, debug }: StartRequest, file: EndpointConfigFile,
  { client, signal }: { readonly client: Client; readonly signal: AbortSignal },
): Promise<EndpointOrder> {
  const machine = { hostname: hostname(), user: userInfo().username, version };
  const body = registrationOf(folder.name, file, machine);
  const { endpoint_id: id, ...queues } = await register(client, body, wanted ?? await endpointId(folder), signal);
  await saveEndpointId(folder, id);
  return {
    endpoint_id: id, name: folder.name, directory: folder.path, queues, config: file.written,
    debug: debug || file.config.debug,
  };
}
