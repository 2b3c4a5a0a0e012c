// The one JSON line with which the supervisor is started. `switchyard endpoint start` has read and checked the
// administrator's files; what is here is the outcome.

import { isAbsolute } from 'node:path';
import type { PublishInfo, QueueInfo } from '../amqp/queue-info.ts';
import { isUuid } from '../amqp/shape.ts';
import { parseBrokerUrl } from '../amqp/url.ts';
import { ComputeError } from '../common/errors.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { SupervisorConfig } from './config.ts';
import type { SiteFiles } from './files.ts';

/** As it is written; `switchyard endpoint start` makes it. */
export interface SupervisorOrders {
  readonly endpoint_id: string;
  readonly name: string;
  readonly directory: string;
  readonly command_queue_info: QueueInfo;
  readonly heartbeat_queue_info: PublishInfo;
  readonly config: SupervisorConfig;
  /** config.yaml as its author has written it, for templates. */
  readonly written: JsonObject;
  readonly files: SiteFiles;
  /** Who is served where there is no identity map to be used. */
  readonly owner_identities: readonly string[];
  readonly debug: boolean;
  /** Whether log lines go to standard error, too, for people. */
  readonly console: boolean;
  /** Whether it ends when its standard input does: whoever started it waits for it. */
  readonly leashed: boolean;
}

/** Throws CONFIG_INVALID; with `credentials` in its details where it is what the service has answered that is wrong. */
export function readOrders(line: string): SupervisorOrders {
  let given: Json;
  try {
    given = parseJson(line);
  } catch {
    throw missing();
  }
  if (!isJsonObject(given)) throw missing();
  const { endpoint_id: id, name, directory, config, files, written, command_queue_info: commands,
    heartbeat_queue_info: heartbeats } = given;
  if (typeof id !== 'string' || !isUuid(id) || typeof name !== 'string' || typeof directory !== 'string'
    || !isAbsolute(directory) || ![config, files, written].every((one) => one !== undefined && isJsonObject(one))) {
    throw missing();
  }
  if (!isQueue(commands) || !isQueue(heartbeats) || !isJsonObject(heartbeats['queue_publish_kwargs'])) {
    throw new ComputeError('CONFIG_INVALID', 'Invalid or unexpected registration data structure: what the service says '
      + "of the endpoint's queues is not complete", { details: { credentials: true } });
  }
  // What else is in it was made by the command that starts us, from the same types.
  return given as unknown as SupervisorOrders;
}

function missing(): ComputeError {
  return new ComputeError('CONFIG_INVALID', 'Missing or invalid endpoint information from stdin. (Hint: this program '
    + 'is not meant to be started by hand; `switchyard endpoint start` starts it.)');
}

function isQueue(value: Json | undefined): value is JsonObject {
  if (value === undefined || !isJsonObject(value) || typeof value['queue'] !== 'string') return false;
  const url = value['connection_url'];
  try {
    return typeof url === 'string' && parseBrokerUrl(url).hostname !== '';
  } catch {
    return false;
  }
}
