// `switchyard endpoint start`: says who it is to the service, and starts the process that serves it.

import { hostname, userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { insistOnProvider } from '../../providers/index.ts';
import type { JsonObject } from '../common/json.ts';
import { EXIT_OK, exitOf } from '../common/shutdown.ts';
import type { Client } from '../sdk/client.ts';
import { isMultiUser, oneUsers, readConfigFile, type WrittenConfig } from './endpoint-config.ts';
import { endpointId, saveEndpointId } from './endpoint-directory.ts';
import { claimInstance, refuseIfRunning } from './endpoint-instance.ts';
import { EndpointProcess, type EndpointOrder } from './endpoint-process.ts';
import type { StartPlan, StartRequest } from './endpoint-plan.ts';
import { register, registrationOf } from './endpoint-registration.ts';
import { supervisorPlan } from './endpoint-supervisor.ts';
import { misuse, refusedWith } from './failure.ts';
import { onStopSignals } from './signals.ts';

/** An engine may have to be started, and a broker to be found. */
const UP_MS = 120_000;
/** It may have asked a scheduler for blocks, and give them back. */
const END_MS = 15_000;
const MAIN = fileURLToPath(new URL('../endpoint/main.js', import.meta.url));

/** Resolves to the exit status: at once when it serves in the background, and else when it has ended. */
export async function startEndpoint(request: StartRequest, connect: () => Client): Promise<number> {
  const { folder } = request;
  if (request.foreground && request.detach) throw misuse('--foreground and --detach cannot both be');
  const file = await readConfigFile(folder);
  const plan = isMultiUser(file) ? await supervisorPlan(request, file) : oneUsersPlan(request, file);
  const { foreground } = plan;
  if (request.logToConsole && !foreground) {
    throw misuse('--log-to-console needs --foreground: what runs in the background has no console');
  }
  await refuseIfRunning(folder);
  for (const note of plan.notes) request.warn(note);
  const client = connect();
  // The first signal asks, the second insists, before the endpoint is up and, in the foreground, afterwards.
  const stop = new AbortController();
  let child: EndpointProcess | undefined;
  const onFirst = (name: NodeJS.Signals): void => {
    stop.abort(refusedWith(exitOf(name), `interrupted by ${name}`));
    child?.signal('SIGTERM');
  };
  const insist = (): void => { if (child !== undefined) plan.insist(child); };
  const stops = onStopSignals(onFirst, insist, plan.stopSignals);
  const claim = await claimInstance(folder);
  try {
    const order = await plan.order(client, stop.signal);
    child = await EndpointProcess.spawn(folder, { ...plan, console: foreground });
    // Before it has its order: were we killed now, it would end without a word, and never serve unclaimed.
    await claim.handTo(child.pid);
    stop.signal.throwIfAborted();
    if (request.logToConsole && !plan.multiUser) child.showLog();
    await child.up(order, UP_MS, stop.signal);
    const done = request.onUp({
      name: folder.name, id: order.endpoint_id, pid: child.pid, foreground, multiUser: plan.multiUser,
    });
    if (!foreground) {
      child.leave();
      return EXIT_OK;
    }
    const status = await child.ended;
    done?.();
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

function oneUsersPlan(request: StartRequest, written: WrittenConfig): StartPlan {
  const { folder, id: wanted, version, debug } = request;
  const file = oneUsers(written);
  insistOnProvider(file.config.engine.provider);
  const { notes, detach_endpoint: detaches } = file.config;
  return {
    multiUser: false, notes, program: MAIN, environment: process.env, stopSignals: ['SIGINT', 'SIGTERM', 'SIGHUP'],
    foreground: request.foreground || (!detaches && !request.detach),
    order: async (client, signal): Promise<OneUsersOrder> => {
      const machine = { hostname: hostname(), user: userInfo().username, version };
      const body = registrationOf(folder.name, file, machine);
      const { endpoint_id: id, ...queues } = await register(client, body, wanted ?? await endpointId(folder), signal);
      await saveEndpointId(folder, id);
      return {
        endpoint_id: id, name: folder.name, directory: folder.path, queues, config: file.written,
        debug: debug || file.config.debug,
      };
    },
    insist: (child) => child.kill(),
  };
}

interface OneUsersOrder extends EndpointOrder {
  readonly name: string;
  readonly directory: string;
  /** What the service answered to the registration: where its queues are, and the credentials for them. */
  readonly queues: object;
  readonly config: JsonObject;
  readonly debug: boolean;
}
