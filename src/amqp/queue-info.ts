// What an agent is told about its queues, in the field's own words: in the answer to a registration, and in the
// credentials of a start command.

import { commandQueue, COMMANDS, HEARTBEATS, heartbeatKey, resultKey, RESULTS, taskQueue, TASKS } from './names.ts';

export interface QueueInfo {
  readonly connection_url: string;
  readonly exchange: string;
  readonly queue: string;
}

export interface PublishInfo extends QueueInfo {
  /** Handed by the agent to its client's publish call as they are: only names that it knows. */
  readonly queue_publish_kwargs: {
    readonly exchange: string;
    readonly routing_key: string;
    readonly mandatory: true;
    readonly properties: { readonly delivery_mode: 2 };
  };
}

/** What an endpoint needs to serve tasks. */
export interface EndpointQueues {
  readonly task_queue_info: QueueInfo;
  readonly result_queue_info: PublishInfo;
  readonly heartbeat_queue_info: PublishInfo;
}

/** All four blocks at registration: each kind of agent takes what it needs. */
export interface RegisteredQueues extends EndpointQueues {
  readonly command_queue_info: QueueInfo;
}

/** `url` carries the endpoint's own credentials. */
export function endpointQueues(endpointId: string, url: string): EndpointQueues {
  return {
    task_queue_info: { connection_url: url, exchange: TASKS, queue: taskQueue(endpointId) },
    result_queue_info: publishing(url, RESULTS, resultKey(endpointId)),
    heartbeat_queue_info: publishing(url, HEARTBEATS, heartbeatKey(endpointId)),
  };
}

export function registeredQueues(endpointId: string, url: string): RegisteredQueues {
  return {
    command_queue_info: { connection_url: url, exchange: COMMANDS, queue: commandQueue(endpointId) },
    ...endpointQueues(endpointId, url),
  };
}

function publishing(url: string, exchange: string, routingKey: string): PublishInfo {
  return {
    connection_url: url, exchange, queue: exchange,
    queue_publish_kwargs: { exchange, routing_key: routingKey, mandatory: true, properties: { delivery_mode: 2 } },
  };
}
