// What the command queue brings → what is to be done about it. Who may start what is not decided here: the identity
// map does that.

import { createHash } from 'node:crypto';
import { Recent } from '../amqp/recent.ts';
import type { PublishInfo } from '../amqp/queue-info.ts';
import {
  CLOCK_SKEW_MAX_S, openCommand, readNoticeQueue, readStartCommand, userEndpointName, type CommandProperties,
  type StartCommand,
} from '../amqp/start-command.ts';
import type { JsonObject } from '../common/json.ts';
import { shown } from './audit.ts';

/** Where a user is told, as the user endpoint that is not there. */
export interface NoticeQueue {
  readonly endpointId: string;
  readonly heartbeats: PublishInfo;
}

export type CommandReading =
  | { readonly type: 'start'; readonly command: StartCommand }
  /** `text` is for the log; `notice` for the user, where anybody can be told. */
  | { readonly type: 'refused'; readonly text: string; readonly notice?: Notice };

export interface Notice extends NoticeQueue {
  readonly text: string;
}

/** What a user is told where the reason is none of theirs. */
export function unexpectedError(type: string): string {
  return `(${type}) unexpected error; this is due to either an endpoint misconfiguration or a programming error.  If `
    + 'you are able to recreate this error message at will, consider reaching out to the endpoint administrator.';
}

const ARGS_MAX = 64;
const IDENTITY_KEYS = ['globus_effective_identity', 'globus_identity_set', 'globus_username'] as const;

/** In the order of cost: form, age, who asks, what for. `nowS` in seconds since 1970. */
export function readCommand(
  body: Uint8Array, properties: CommandProperties, { managerId, nowS }: {
    readonly managerId: string; readonly nowS: number;
  },
): CommandReading {
  const opened = openCommand(body, properties);
  if ('refused' in opened) {
    const { reason, text } = opened.refused;
    return { type: 'refused', text: `Unable to deserialize Globus Compute services command.  (${reason}) ${text}` };
  }
  const refused = (text: string, forUser = text): CommandReading => {
    const queue = readNoticeQueue(opened.command);
    return { type: 'refused', text, ...queue === undefined ? {} : { notice: { ...queue, text: forUser } } };
  };
  if (Math.abs(nowS - opened.timestampS) > CLOCK_SKEW_MAX_S) return refused(tooOld(opened.timestampS, nowS));
  const missing = IDENTITY_KEYS.find((key) => !isThere(opened.command, key));
  if (missing !== undefined) return refused(`Invalid server command.  (KeyError) '${missing}'`);
  const command = readStartCommand(opened.command);
  if ('type' in command) return invalid(refused, command.text);
  if (command.name !== userEndpointName(managerId, command.endpointId)) {
    return invalid(refused, `the user endpoint ${shown(command.name)} is not the one that its credentials are for, `
      + `${command.endpointId}, or not of this multi-user endpoint`);
  }
  if (command.args.length > ARGS_MAX || command.args.some((word) => word.includes('\0'))) {
    return invalid(refused, 'its args are no words of a command line');
  }
  return { type: 'start', command };
}

/**
 * What came before, of the same second and word for word, under whatever message id: somebody sends again what was
 * meant once. The service's own reminders are of another second, and of the same one they would bring nothing new.
 */
export class Replays {
  // More than a queue holds, and can be sent within the time that commands are good for.
  readonly #seen = new Recent(65_536);

  isNew(body: Uint8Array, { timestampS }: CommandProperties): boolean {
    const key = `${timestampS ?? ''} ${createHash('sha256').update(body).digest('base64')}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

function invalid(refused: (text: string, forUser: string) => CommandReading, why: string): CommandReading {
  return refused(`Invalid server command.  (InvalidCommandError) ${why}`, unexpectedError('InvalidCommandError'));
}

function isThere(command: JsonObject, key: (typeof IDENTITY_KEYS)[number]): boolean {
  const value = Object.hasOwn(command, key) ? command[key] : undefined;
  return key === 'globus_identity_set' ? Array.isArray(value) : typeof value === 'string';
}

function tooOld(thenS: number, nowS: number): string {
  return ['Ignoring command from server', 'Command too old or skew between system clocks is too large.',
    `  Command timestamp:  ${timeOf(thenS)}`, `  Endpoint timestamp: ${timeOf(nowS)}`].join('\n');
}

function timeOf(epochS: number): string {
  const date = new Date(epochS * 1000);
  const whole = Math.floor(epochS);
  return Number.isNaN(date.getTime()) ? String(whole) : `${whole} (${date.toUTCString()})`;
}
