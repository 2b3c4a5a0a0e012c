// What a supervisor tells a user endpoint: one JSON document on standard input.

import type { EndpointQueues } from '../amqp/queue-info.ts';
import { isUuid } from '../amqp/shape.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { LocalUser } from './drop.ts';
import { NOT_BY_HAND } from './early-answers.ts';
import { areQueues } from './orders.ts';
import { STEPS, startFailure } from './start-failure.ts';
import type { RenderInput } from './user-config.ts';

export interface UserPayload {
  readonly endpointId: string;
  readonly queues: EndpointQueues;
  readonly supervisorPid: number;
  /** What is said of who asked for it, in each report. */
  readonly origin: JsonObject;
  /** The manager's, which count more than the template's. */
  readonly allowedFunctions: readonly string[] | undefined;
  readonly debug: boolean;
  readonly render: RenderInput;
  readonly user: LocalUser & { readonly name: string; readonly home: string };
}

/** Throws what is said to a person who runs it by hand. */
export function readPayload(text: string): UserPayload {
  let document: Json;
  try {
    document = parseJson(text, 'everywhere');
  } catch (cause) {
    throw missing('it is not JSON', cause);
  }
  const { amqp_creds: given, ep_info: info, allowed_functions: allowed, debug, render } = objectIn(document, 'it');
  const { endpoint_id: id, ...queues } = objectIn(given, 'amqp_creds');
  if (typeof id !== 'string' || !isUuid(id)) throw missing('amqp_creds.endpoint_id is not a UUID');
  if (!areQueues(queues)) throw missing('amqp_creds is not complete');
  const { posix_ppid: supervisorPid, ...origin } = objectIn(info, 'ep_info');
  if (typeof supervisorPid !== 'number' || !Number.isSafeInteger(supervisorPid)) {
    throw missing('ep_info.posix_ppid is not a process');
  }
  const input = renderInput(objectIn(render, 'render'));
  return {
    endpointId: id.toLowerCase(), queues, supervisorPid, origin, debug: debug === true, render: input,
    allowedFunctions: allowed === undefined || allowed === null ? undefined : textsIn(allowed, 'allowed_functions'),
    user: localUser(objectIn(input.mappedIdentity['local'], 'render.mapped_identity.local')),
  };
}

function renderInput(render: JsonObject): RenderInput {
  const {
    template, schema, user_opts: options, user_runtime: runtime, parent_config: parent, mapped_identity: identity,
  } = render;
  return {
    template: fileIn(template, 'render.template'),
    schema: schema === null || schema === undefined ? null : fileIn(schema, 'render.schema'),
    userOptions: objectIn(options ?? {}, 'render.user_opts'),
    userRuntime: objectIn(runtime ?? {}, 'render.user_runtime'),
    parentConfig: objectIn(parent ?? {}, 'render.parent_config'),
    mappedIdentity: objectIn(identity, 'render.mapped_identity'),
  };
}

function localUser({ uname, uid, gid, groups, dir }: JsonObject): UserPayload['user'] {
  const isLocal = typeof uname === 'string' && typeof dir === 'string' && isId(uid) && isId(gid)
    && Array.isArray(groups) && groups.every(isId);
  if (!isLocal) throw missing('render.mapped_identity.local is not complete');
  // Every one of them was looked at.
  return { name: uname, home: dir, uid: uid as number, gid: gid as number, groups: groups as number[] };
}

function isId(value: Json | undefined): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function fileIn(value: Json | undefined, what: string): { readonly path: string; readonly text: string } {
  const { path, text } = objectIn(value, what);
  if (typeof path !== 'string' || typeof text !== 'string') throw missing(`${what} has no path or no text`);
  return { path, text };
}

function objectIn(value: Json | undefined, what: string): JsonObject {
  if (!isJsonObject(value)) throw missing(`${what} is not an object`);
  return value;
}

function textsIn(value: Json, what: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    throw missing(`${what} is not a list of texts`);
  }
  return value;
}

function missing(what: string, cause?: unknown): Error {
  return startFailure(STEPS.information, 'SystemExit', NOT_BY_HAND, new Error(what, { cause }));
}
