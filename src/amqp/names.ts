// The broker's objects: their names, arguments and bindings. The service declares all of them; endpoints and SDKs only
// use what is there, as the field's agent and SDK do.

/** An exchange, or a queue with what is bound to it. */
export type Declaration =
  | { readonly type: 'exchange'; readonly name: string; readonly kind: 'direct' | 'topic' }
  | QueueDeclaration;

export interface QueueDeclaration {
  readonly type: 'queue';
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
  readonly bindings: readonly { readonly exchange: string; readonly routingKey: string }[];
}

export const TASKS = 'tasks';
export const COMMANDS = 'commands';
/** Both the exchange that endpoints publish to and the queue that the service reads. */
export const RESULTS = 'results';
export const HEARTBEATS = 'heartbeats';
/** Routes by queue name; used for result streams. */
export const DEFAULT_EXCHANGE = '';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const GIB = 1024 ** 3;

/** As long as a task's record is kept: what nobody fetched by then has no owner any more. */
export const TASK_LIFETIME_MS = 14 * DAY_MS;
/** A client that comes back later finds its results over HTTP. */
export const STREAM_IDLE_MS = DAY_MS;
/** Older reports would make endpoints look alive that are not. */
export const HEARTBEAT_LIFETIME_MS = MINUTE_MS;
/** Managers refuse commands that are older. */
export const COMMAND_LIFETIME_MS = 3 * MINUTE_MS;

export function taskQueue(endpointId: string): string {
  return `${endpointId}.tasks`;
}

export function commandQueue(endpointId: string): string {
  return `${endpointId}.commands`;
}

export function resultKey(endpointId: string): string {
  return `${endpointId}.results`;
}

export function heartbeatKey(endpointId: string): string {
  return `${endpointId}.heartbeats`;
}

/** For an endpoint's results that go straight to the stream of their task group as well. `ownKey`: its result key. */
export function straightKey(ownKey: string, taskGroupId: string): string {
  return `${ownKey}.${taskGroupId}`;
}

/** What can be told from a routing key. */
export interface Published {
  readonly endpoint: string;
  /** The task group whose stream got it from the endpoint, if there was one. */
  readonly straightTo: string | undefined;
}

/** undefined for a key that no endpoint has the right to. */
export function publishedWith(routingKey: string): Published | undefined {
  const [, endpoint, straightTo] = KEY.exec(routingKey) ?? [];
  return endpoint === undefined ? undefined : { endpoint, straightTo };
}

const KEY = /^([0-9a-f-]{36})\.(?:heartbeats|results(?:\.([0-9a-f-]{36}))?)$/;

/** The SDK puts its task group's id right behind it. Endpoints choose their ids, so it is not the identity alone. */
export function streamPrefix(identityId: string): string {
  return `${identityId}.groups.`;
}

export function streamQueue(identityId: string, taskGroupId: string): string {
  return streamPrefix(identityId) + taskGroupId;
}

/** What there is once, declared when the service starts. */
export const SERVICE_DECLARATIONS: readonly Declaration[] = [
  { type: 'exchange', name: TASKS, kind: 'direct' },
  { type: 'exchange', name: COMMANDS, kind: 'direct' },
  { type: 'exchange', name: RESULTS, kind: 'topic' },
  { type: 'exchange', name: HEARTBEATS, kind: 'topic' },
  {
    // Full, it refuses: an endpoint keeps on disk what was not confirmed.
    type: 'queue', name: RESULTS,
    bindings: ['*.results', straightKey('*.results', '*')].map((routingKey) => ({ exchange: RESULTS, routingKey })),
    arguments: { 'x-max-length-bytes': 16 * GIB, 'x-overflow': 'reject-publish' },
  }, {
    type: 'queue', name: HEARTBEATS, bindings: [{ exchange: HEARTBEATS, routingKey: '*.heartbeats' }],
    arguments: { 'x-message-ttl': HEARTBEAT_LIFETIME_MS, 'x-max-length': 100_000, 'x-overflow': 'drop-head' },
  },
];

/** An endpoint's tasks; full, the queue refuses, so that nothing that was accepted is dropped. */
export function taskQueueDeclaration(endpointId: string): Declaration {
  const name = taskQueue(endpointId);
  return {
    type: 'queue', name, bindings: [{ exchange: TASKS, routingKey: name }],
    arguments: {
      'x-message-ttl': TASK_LIFETIME_MS, 'x-expires': TASK_LIFETIME_MS,
      'x-max-length-bytes': 4 * GIB, 'x-overflow': 'reject-publish',
    },
  };
}

export function commandQueueDeclaration(endpointId: string): Declaration {
  const name = commandQueue(endpointId);
  return {
    type: 'queue', name, bindings: [{ exchange: COMMANDS, routingKey: name }],
    arguments: {
      'x-message-ttl': COMMAND_LIFETIME_MS, 'x-expires': TASK_LIFETIME_MS,
      'x-max-length': 1_000, 'x-overflow': 'drop-head',
    },
  };
}

/**
 * One task group's results on their way to the SDK. They are in the database as well. `straight`: what endpoints
 * publish for the group is put there by the broker.
 */
export function streamDeclaration(identityId: string, taskGroupId: string, straight: boolean): QueueDeclaration {
  return {
    type: 'queue', name: streamQueue(identityId, taskGroupId),
    bindings: straight ? [{ exchange: RESULTS, routingKey: straightKey('*.results', taskGroupId) }] : [],
    arguments: { 'x-expires': STREAM_IDLE_MS, 'x-max-length-bytes': 4 * GIB, 'x-overflow': 'reject-publish' },
  };
}
