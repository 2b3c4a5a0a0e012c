// What decides which user endpoint a submission goes to: who asks for what, with which versions.

import { Float, formatJson, isJsonObject, type Json, type JsonObject } from '../common/json.ts';
import { idOf } from './ids.ts';
import { Refusal, refuseTorn } from './refusal.ts';
import type { Identity } from './store/identities.ts';

export interface Wish {
  readonly identity: Identity & {
    /** When a person last proved who it is; undefined where nobody is asking just now. */
    readonly authenticatedS?: number;
  };
  readonly options: JsonObject;
  readonly runtime: JsonObject;
}

/** All that a start command carries of a user's has to fit into what the field's managers pass on. */
const WISH_BYTES_MAX = 60 * 1024;

/**
 * The same for the same user, values, Python and SDK. What tells one computer of a user from another is left out: all
 * of them share an endpoint. Values are the same if they are the same JSON: the order of keys does not matter, that of
 * lists does; 1 and 1.0 are two numbers, as templates print them differently, and 1.0 and 1e0 are one; texts are the
 * same character by character, however they look.
 */
export function childId(manager: string, { identity, options, runtime }: Wish): string {
  const python = isJsonObject(runtime['python']) ? runtime['python']['version_tuple'] : runtime['python_version'];
  const sdk = runtime['globus_compute_sdk_version'];
  return idOf({ manager, identity: identity.id, options, python: python ?? null, sdk: sdk ?? null });
}

/** 422 for values that cannot be passed on as they are. */
export function checkWish({ options, runtime }: Wish): void {
  for (const text of textsIn({ options, runtime })) refuseTorn('user_endpoint_config', text);
  const bytes = Buffer.byteLength(formatJson(options)) + Buffer.byteLength(formatJson(runtime));
  if (bytes <= WISH_BYTES_MAX) return;
  throw new Refusal('SEMANTICALLY_INVALID', 'Request payload failed validation: user_endpoint_config and user_runtime '
    + `may have ${WISH_BYTES_MAX} bytes together; these have ${bytes}. Put large values into a file of the site's`);
}

/** All that managers' mapping rules may ask for. */
export function identityDocument({ id, username, fullName, email, authenticatedS }: Wish['identity']): JsonObject & {
  readonly sub: string; readonly id: string; readonly username: string;
} {
  return {
    sub: id, id, username, email, name: fullName, organization: null, identity_provider: null,
    identity_provider_display_name: 'Switchyard', identity_type: 'login', status: 'used',
    last_authentication: authenticatedS === undefined ? null : Math.floor(authenticatedS),
  };
}

/** Keys as well. How deep it goes is bounded by whoever parsed it. */
function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || value instanceof Float) return [];
  if (!isJsonObject(value)) return value.flatMap(textsIn);
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsIn(inner)]);
}
