// The one command that the service sends to an endpoint's manager: start a user endpoint. Plain JSON without a version
// byte; its age is in the message's properties.

import { formatJson, isJsonObject, parseJson, type JsonObject } from '../common/json.ts';
import type { Refusal } from './messages.ts';
import type { EndpointQueues, PublishInfo } from './queue-info.ts';
import { Shape } from './shape.ts';

export interface Identity extends JsonObject {
  /** The same id twice: one half of the field reads `sub`, the other `id`. */
  readonly sub: string;
  readonly id: string;
  readonly username: string;
}

export interface StartCommand {
  readonly username: string;
  readonly effectiveIdentity: string;
  readonly identitySet: readonly Identity[];
  /** The user endpoint's directory, and what the manager knows it by. */
  readonly name: string;
  readonly endpointId: string;
  readonly userOptions: JsonObject;
  readonly userRuntime: JsonObject;
  readonly queues: EndpointQueues;
  /** Extra words for the child's command line. */
  readonly args: readonly string[];
}

export const COMMAND_CONTENT_TYPE = 'application/json';
/** Managers refuse a command whose time is further from theirs. */
export const CLOCK_SKEW_MAX_S = 180;
/** Options of a user are some kilobytes; who sends more means harm. */
export const COMMAND_BYTES_MAX = 4 * 1024 * 1024;

/** The name that the field's managers give to user endpoints. */
export function userEndpointName(managerId: string, childId: string): string {
  return `uep.${managerId}.${childId}`;
}

export function encodeStartCommand(command: StartCommand): Buffer {
  const { args, queues } = command;
  return Buffer.from(formatJson({
    command: 'cmd_start_endpoint',
    ...args.length === 0 ? {} : { args },
    globus_username: command.username,
    globus_effective_identity: command.effectiveIdentity,
    globus_identity_set: command.identitySet,
    kwargs: {
      name: command.name,
      user_opts: command.userOptions,
      user_runtime: command.userRuntime,
      // An interface has no index signature, which is all that keeps it from being a JsonObject.
      amqp_creds: { endpoint_id: command.endpointId, ...queues } as unknown as JsonObject,
    },
  }));
}

export interface CommandProperties {
  readonly contentType: string | undefined;
  /** Seconds since 1970. */
  readonly timestampS: number | undefined;
}

/** Never throws. Checks the form and the age; who may start what is the manager's to decide. */
export function decodeStartCommand(
  body: Uint8Array, properties: CommandProperties, nowS: number,
): StartCommand | Refusal {
  const document = openCommand(body, properties);
  if ('refused' in document) return document.refused;
  const ageS = Math.round(nowS - document.timestampS);
  if (Math.abs(ageS) > CLOCK_SKEW_MAX_S) {
    return refused(`the command is ${ageS} s old; at most ${CLOCK_SKEW_MAX_S} s either way: are the clocks right?`);
  }
  return readStartCommand(document.command);
}

/** A document that says when it was sent, or why it is none. */
export function openCommand(
  body: Uint8Array, { contentType, timestampS }: CommandProperties,
): { readonly command: JsonObject; readonly timestampS: number } | { readonly refused: Refusal } {
  if (contentType !== COMMAND_CONTENT_TYPE) return { refused: refused(`content type is not ${COMMAND_CONTENT_TYPE}`) };
  if (timestampS === undefined) return { refused: refused('the message has no timestamp') };
  if (body.length > COMMAND_BYTES_MAX) {
    return { refused: { type: 'refused', reason: 'too-large', text: `the command has ${body.length} bytes; at most `
      + `${COMMAND_BYTES_MAX} are read` } };
  }
  try {
    const command = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body), 'everywhere');
    return isJsonObject(command) ? { command, timestampS } : { refused: refused('the command is not an object') };
  } catch {
    return { refused: { type: 'refused', reason: 'not-json', text: 'the command is not JSON' } };
  }
}

export function readStartCommand(document: JsonObject): StartCommand | Refusal {
  const shape = new Shape(document, 'command');
  const command = shape.text('command');
  if (shape.problem === undefined && command !== 'cmd_start_endpoint') {
    return { type: 'refused', reason: 'unknown-type', text: 'the only command known is cmd_start_endpoint' };
  }
  return read(shape);
}

/** Where the user is told that the command was not followed, if it says that much. */
export function readNoticeQueue(
  document: JsonObject,
): Pick<StartCommand, 'endpointId'> & { readonly heartbeats: PublishInfo } | undefined {
  const credentials = new Shape(document, 'command').child('kwargs').child('amqp_creds');
  const endpointId = credentials.uuid('endpoint_id');
  const heartbeats = publishInfo(credentials.child('heartbeat_queue_info'));
  return credentials.problem === undefined ? { endpointId, heartbeats } : undefined;
}

function read(shape: Shape): StartCommand | Refusal {
  const kwargs = shape.child('kwargs');
  const credentials = kwargs.child('amqp_creds');
  const command: StartCommand = {
    username: shape.text('globus_username'),
    effectiveIdentity: shape.text('globus_effective_identity'),
    identitySet: shape.list('globus_identity_set', (one) => ({
      ...one.object(), sub: one.text(one.has('sub') ? 'sub' : 'id'), id: one.text(one.has('id') ? 'id' : 'sub'),
      username: one.has('username') ? one.text('username') : '',
    })),
    name: kwargs.matching('name', /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'the name of a directory'),
    endpointId: credentials.uuid('endpoint_id'),
    userOptions: kwargs.has('user_opts') ? kwargs.objectAt('user_opts') : {},
    userRuntime: kwargs.has('user_runtime') ? kwargs.objectAt('user_runtime') : {},
    queues: {
      task_queue_info: queueInfo(credentials.child('task_queue_info')),
      result_queue_info: publishInfo(credentials.child('result_queue_info')),
      heartbeat_queue_info: publishInfo(credentials.child('heartbeat_queue_info')),
    },
    args: shape.has('args') ? shape.texts('args') : [],
  };
  return shape.problem === undefined ? command : refused(shape.problem);
}

function queueInfo(shape: Shape): EndpointQueues['task_queue_info'] {
  return {
    connection_url: shape.text('connection_url'),
    exchange: shape.has('exchange') ? shape.text('exchange') : '',
    queue: shape.text('queue'),
  };
}

function publishInfo(shape: Shape): PublishInfo {
  const how = shape.child('queue_publish_kwargs');
  return {
    ...queueInfo(shape),
    queue_publish_kwargs: {
      exchange: how.text('exchange'), routing_key: how.text('routing_key'), mandatory: true,
      properties: { delivery_mode: 2 },
    },
  };
}

function refused(text: string): Refusal {
  return { type: 'refused', reason: 'wrong-field', text };
}
