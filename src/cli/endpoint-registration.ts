// What the service is told about an endpoint when it starts, and what its refusals mean for who started it.

import type { RegisterEndpoint } from '../common/api.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import { EXIT_DATA_ERROR, EXIT_SOFTWARE, EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import type { RegisteredEndpoint } from '../sdk/answers.ts';
import type { Client } from '../sdk/client.ts';
import type { EndpointConfigFile } from './endpoint-config.ts';
import { causeText, refusedWith } from './failure.ts';

export interface Machine {
  readonly hostname: string;
  readonly user: string;
  readonly version: string;
}

export function registrationOf(
  name: string, { text, config }: EndpointConfigFile, { hostname, user, version }: Machine,
): RegisterEndpoint {
  const metadata: JsonObject = {
    endpoint_version: version, hostname, local_user: user, endpoint_config: text,
    // Several tasks, and several results, may come in one message.
    bundles: true,
  };
  const {
    display_name: displayName, allowed_functions: allowed, authentication_policy: policy, subscription_id: subscription,
    admins, high_assurance: highAssurance,
  } = config;
  return {
    endpoint_name: name, metadata, high_assurance: highAssurance,
    ...displayName !== null && { display_name: displayName }, ...allowed !== null && { allowed_functions: allowed },
    ...policy !== null && { authentication_policy: policy },
    ...subscription !== null && { subscription_uuid: subscription }, ...admins !== null && { admins },
  };
}

/** `id`: what it was registered as before. */
export async function register(
  client: Client, body: RegisterEndpoint, id: string | undefined, signal: AbortSignal,
): Promise<RegisteredEndpoint> {
  let registered: RegisteredEndpoint;
  try {
    registered = await client.registerEndpoint(body, id, { patienceMs: PATIENCE_MS, signal });
  } catch (error) {
    throw blocked(error);
  }
  if (id === undefined || registered.endpoint_id === id) return registered;
  throw refusedWith(EXIT_SOFTWARE, 'Unexpected response from server: mismatched endpoint id. '
    + `Expected: ${id}, received: ${registered.endpoint_id}`);
}

/** Nothing is known of it there: it was deleted, or it is somebody else's. */
export function isUnknown(error: unknown): boolean {
  return error instanceof ComputeError && error.code === 'SERVICE_REFUSED' && error.details['status'] === 404;
}

/** How long somebody at a terminal wants to wait for a service that is not there. */
export const PATIENCE_MS = 5_000;

const EXIT_OF: Readonly<Record<number, number>> = {
  400: EXIT_DATA_ERROR, 422: EXIT_DATA_ERROR, 403: EXIT_UNAVAILABLE, 404: EXIT_UNAVAILABLE, 409: EXIT_UNAVAILABLE,
  423: EXIT_UNAVAILABLE,
};

function blocked(error: unknown): unknown {
  if (!(error instanceof ComputeError) || error.code !== 'SERVICE_REFUSED') return error;
  const exitStatus = EXIT_OF[Number(error.details['status'])];
  if (exitStatus === undefined) return error;
  return refusedWith(exitStatus, `Endpoint registration blocked: ${causeText(error)}`, error);
}
