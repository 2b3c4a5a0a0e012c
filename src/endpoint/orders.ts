// The one JSON line with which an endpoint is started.

import { isAbsolute } from 'node:path';
import type { EndpointQueues } from '../amqp/queue-info.ts';
import { isUuid } from '../amqp/shape.ts';
import { parseBrokerUrl } from '../amqp/url.ts';
import { ComputeError } from '../common/errors.ts';
import { isMapping } from '../common/schema.ts';

export interface Orders {
  readonly endpointId: string;
  readonly name: string;
  readonly directory: string;
  readonly queues: EndpointQueues;
  /** What config.yaml says. */
  readonly config: unknown;
  readonly debug: boolean;
}

/** Throws CONFIG_INVALID; with `credentials` in its details where it is those that are wrong. */
export function readOrders(line: string): Orders {
  let given: unknown;
  try {
    given = JSON.parse(line);
  } catch {
    throw missing();
  }
  if (!isMapping(given)) throw missing();
  const { endpoint_id: id, name, directory, queues, config, debug } = given;
  if (typeof id !== 'string' || !isUuid(id) || typeof name !== 'string' || typeof directory !== 'string'
    || !isAbsolute(directory)) throw missing();
  if (!areQueues(queues)) {
    throw new ComputeError('CONFIG_INVALID', 'Invalid credential structure: what the registration says of the '
      + "endpoint's queues is not complete", { details: { credentials: true } });
  }
  return { endpointId: id.toLowerCase(), name, directory, queues, config, debug: debug === true };
}

function missing(): ComputeError {
  return new ComputeError('CONFIG_INVALID', 'Missing or invalid endpoint information from stdin. (Hint: this program '
    + 'is not meant to be started by hand; `switchyard endpoint start` starts it.)');
}

export function areQueues(value: unknown): value is EndpointQueues {
  if (!isMapping(value)) return false;
  const { task_queue_info: tasks, result_queue_info: results, heartbeat_queue_info: heartbeats } = value;
  return isMapping(tasks) && typeof tasks['queue'] === 'string' && isUrl(tasks['connection_url'])
    && publishes(results) && publishes(heartbeats);
}

function publishes(value: unknown): boolean {
  if (!isMapping(value) || !isUrl(value['connection_url'])) return false;
  const how = value['queue_publish_kwargs'];
  return isMapping(how) && typeof how['exchange'] === 'string' && typeof how['routing_key'] === 'string';
}

function isUrl(value: unknown): boolean {
  try {
    return typeof value === 'string' && parseBrokerUrl(value).hostname !== '';
  } catch {
    return false;
  }
}
