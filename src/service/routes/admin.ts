// For the command line on this machine: users and their tokens.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { JsonObject } from '../../common/json.ts';
import type { Doorkeeper } from '../auth.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Grants } from '../grants.ts';
import { Refusal } from '../refusal.ts';
import type { Call, Route } from '../route.ts';
import type { Store } from '../store.ts';
import type { Identity } from '../store/identities.ts';
import { digestOf, freshToken } from '../tokens.ts';
import type { UserEndpoints } from '../user-endpoints.ts';

export interface AdminDeps {
  readonly store: Store;
  readonly doorkeeper: Doorkeeper;
  readonly grants: Grants;
  readonly endpoints: Endpoints;
  readonly userEndpoints: UserEndpoints;
  readonly clock: Clock;
}

const DAY_S = 86_400;
/** name@domain, as the field's identities are called. */
const USERNAME = '^[^\\s@\\u0000]{1,128}@[^\\s@\\u0000]{1,128}$';
const name = { type: 'string', maxLength: 256, pattern: '^[^\\u0000]*$' } as const;

interface NewUser {
  readonly username: string;
  readonly full_name?: string;
  readonly email?: string;
  readonly expires_days: number;
}

const expiresDays = { type: 'number', exclusiveMinimum: 0, maximum: 36_500 } as const;

export function adminRoutes(deps: AdminDeps): Route[] {
  return [...userRoutes(deps), ...tokenRoutes(deps)];
}

function userRoutes({ store, doorkeeper, grants, endpoints, userEndpoints, clock }: AdminDeps): Route[] {
  const { identities } = store;
  return [{
    method: 'POST', path: '/admin/users', access: 'admin', hidden: true, summary: 'Add a user',
    schema: { body: {
      type: 'object', required: ['username', 'expires_days'],
      properties: {
        username: { type: 'string', pattern: USERNAME }, full_name: name, email: name, expires_days: expiresDays,
      },
    } },
    handle: async ({ body }) => {
      const { username, full_name: fullName = username, email = username, expires_days: days } = body as NewUser;
      const nowS = clock.now() / 1000;
      const identity: Identity = { id: randomUUID(), username, fullName, email };
      if (!await identities.add(identity, nowS)) {
        throw new Refusal(
          'RESOURCE_CONFLICT', `there is a user ${username}: give another token with user token ${username}`,
        );
      }
      return await issue(identities, identity, nowS, days);
    },
  }, {
    method: 'GET', path: '/admin/users', access: 'admin', hidden: true, summary: 'List users', schema: {},
    handle: async () => ({ users: (await identities.list(clock.now() / 1000)).map((one) => ({
      identity: one.id, username: one.username, full_name: one.fullName, email: one.email, created: one.createdS,
      tokens: one.tokens.map(({ id, createdS, expiresS }) => ({ id, created: createdS, expires: expiresS })),
    })) }),
  }, {
    method: 'DELETE', path: '/admin/users/:username', access: 'admin', hidden: true, summary: 'Remove a user',
    schema: {},
    handle: async (call) => {
      const { id, username } = await userIn(call, identities);
      await identities.remove(id);
      doorkeeper.forget();
      await grants.withdrawStream(id);
      await userEndpoints.removeAllOf(id);
      await endpoints.closeAllOf(id);
      return { identity: id, username };
    },
  }];
}

function tokenRoutes({ store: { identities }, doorkeeper, clock }: AdminDeps): Route[] {
  return [{
    method: 'POST', path: '/admin/users/:username/tokens', access: 'admin', hidden: true, summary: 'Give another token',
    schema: { body: { type: 'object', required: ['expires_days'], properties: { expires_days: expiresDays } } },
    handle: async (call) => {
      const { expires_days: days } = call.body as Pick<NewUser, 'expires_days'>;
      return await issue(identities, await userIn(call, identities), clock.now() / 1000, days);
    },
  }, {
    method: 'DELETE', path: '/admin/tokens/:id', access: 'admin', hidden: true, summary: 'Withdraw a token', schema: {},
    handle: async ({ params: { id = '' } }) => {
      const count = await identities.revoke(id.toLowerCase());
      doorkeeper.forget();
      if (count === 0) throw new Refusal(
        'USER_NOT_FOUND', `there is no token ${id}: user list shows those that there are`,
      );
      return { token: id, withdrawn: count };
    },
  }];
}

async function issue(
  identities: Store['identities'], identity: Identity, nowS: number, days: number,
): Promise<JsonObject> {
  const token = freshToken();
  const id = randomUUID();
  await identities.addTokens([{
    id, digest: digestOf(token), identity: identity.id, kind: 'personal', client: '', scope: '', family: id, note: '',
    authenticatedS: nowS, createdS: nowS, expiresS: nowS + days * DAY_S,
  }]);
  return { identity: identity.id, username: identity.username, token_id: id, token, expires: nowS + days * DAY_S };
}

async function userIn(call: Call<unknown>, identities: Store['identities']): Promise<Identity> {
  const username = call.params['username'] ?? '';
  const found = await identities.byName(username);
  if (found === undefined) throw new Refusal(
    'USER_NOT_FOUND', `there is no user ${username}: user list shows those that there are`,
  );
  return found;
}
