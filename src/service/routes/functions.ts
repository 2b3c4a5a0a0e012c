import { randomUUID } from 'node:crypto';
import {
  deleted, functionDescription, functionRegistered, PAYLOAD_BYTES_MAX, registerFunction, type RegisterFunction,
} from '../../common/api.ts';
import type { Clock } from '../../common/clock.ts';
import { formatJson, isJsonObject, parseJson } from '../../common/json.ts';
import type { Functions } from '../functions.ts';
import { functionNotFound, Refusal, refuseTorn } from '../refusal.ts';
import { idIn, type Route } from '../route.ts';
import type { Identity } from '../store/identities.ts';

export function functionRoutes(functions: Functions, clock: Clock): Route[] {
  const register = async (body: RegisterFunction, { id: owner }: Identity): Promise<string> => {
    const size = Buffer.byteLength(body.function_code);
    if (size > PAYLOAD_BYTES_MAX) {
      throw new Refusal('FUNCTION_TOO_LARGE', `a function may have ${PAYLOAD_BYTES_MAX} bytes; this one has ${size}`);
    }
    refuseTorn('function_code', body.function_code);
    // Chance alone: a function's id is shown to others, and they need not know when it was made.
    const id = randomUUID();
    await functions.add({
      id, owner, name: body.function_name, code: body.function_code, description: body.description ?? null,
      metadata: formatJson(body.meta ?? {}), isPublic: body.public ?? false,
    }, clock.now() / 1000);
    return id;
  };
  return [{
    method: 'POST', path: '/v3/functions', access: 'user', summary: 'Register a function',
    schema: { body: registerFunction, answer: functionRegistered },
    handle: async ({ body }, identity) => ({ function_uuid: await register(body as RegisterFunction, identity) }),
  }, {
    method: 'GET', path: '/v2/functions/:id', access: 'user', summary: 'Describe a function',
    schema: { answer: functionDescription },
    handle: async (call, { id: user }) => {
      const id = idIn(call);
      const one = (await functions.usable([id], user)).get(id);
      if (one === undefined) throw functionNotFound(id);
      const metadata = parseJson(one.metadata);
      return {
        function_uuid: id, function_name: one.name, function_code: one.code, description: one.description,
        metadata: isJsonObject(metadata) ? metadata : {},
      };
    },
  }, {
    method: 'DELETE', path: '/v2/functions/:id', access: 'user', summary: 'Remove a function',
    schema: { answer: deleted },
    handle: async (call, { id: user }) => {
      await functions.remove(idIn(call), user, clock.now() / 1000);
      return { result: 302 };
    },
  }];
}
