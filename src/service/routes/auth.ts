// The part of an OAuth 2 server that the field's SDK and agent ask for.

import type { Clock } from '../../common/clock.ts';
import type { JsonObject } from '../../common/json.ts';
import type { Doorkeeper } from '../auth.ts';
import { SIGNING_ALGORITHMS, type Signer } from '../oauth/keys.ts';
import { codePage, loginPage, problemPage } from '../oauth/pages.ts';
import {
  CODE_PAGE, OAuthFailure, type Grant, type Issued, type OAuthRequest, type OAuthServer,
} from '../oauth/server.ts';
import { COMPUTE_SCOPE } from '../oauth/scopes.ts';
import { RawAnswer, type Answer, type Call, type Route } from '../route.ts';
import type { IdentityStore } from '../store/identities.ts';
import { digestOf } from '../tokens.ts';
import { identityDocument } from '../wish.ts';

export interface AuthRouteDeps {
  readonly identities: IdentityStore;
  readonly doorkeeper: Doorkeeper;
  readonly oauth: OAuthServer;
  readonly signer: Signer;
  /** As users reach the service; null: however whoever asks has reached it. */
  readonly publicUrl: string | null;
  readonly clock: Clock;
}

const AUTHORIZE = '/v2/oauth2/authorize';
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };

export function authRoutes(deps: AuthRouteDeps): Route[] {
  return [...tokenRoutes(deps), ...loginRoutes(deps), ...identityRoutes(deps)];
}

function tokenRoutes({ identities, doorkeeper, oauth, signer, publicUrl, clock }: AuthRouteDeps): Route[] {
  const idToken = async ({ identity, client }: Grant, expiresInS: number, iss: string): Promise<string> => {
    const nowS = Math.floor(clock.now() / 1000);
    const { username, fullName, email } = identity;
    return await signer.sign({
      iss, aud: client, sub: identity.id, name: fullName, preferred_username: username, email,
    }, { issuedS: nowS, expiresS: nowS + expiresInS });
  };
  return [{
    method: 'POST', path: '/v2/oauth2/token', access: 'open', summary: 'Get a token', schema: {},
    handle: async (call) => {
      try {
        const grant = await oauth.token(requestOf('POST', call));
        const [first, ...others] = grant.tokens;
        if (first === undefined) throw new OAuthFailure(400, 'invalid_scope', 'no scope was asked for');
        const isLogin = grant.tokens.some(({ scope }) => scope.split(' ').includes('openid'));
        return new RawAnswer(200, JSON_TYPE, JSON.stringify({
          ...tokenBody(first), other_tokens: others.map(tokenBody),
          ...isLogin ? { id_token: await idToken(grant, first.expiresInS, baseOf(call, publicUrl)) } : {},
        }));
      } catch (error) {
        if (error instanceof OAuthFailure) return failure(error);
        throw error;
      }
    },
  }, {
    method: 'POST', path: '/v2/oauth2/token/revoke', access: 'open', summary: 'Give a token back', schema: {},
    handle: async (call) => {
      const { token } = formOf(call);
      if (token !== undefined) await identities.giveBack(digestOf(token));
      doorkeeper.forget();
      return { active: false };
    },
  }];
}

function loginRoutes({ identities, oauth, clock }: AuthRouteDeps): Route[] {
  const login = async (call: Call<unknown>): Promise<Answer> => {
    const { login_username: username = '', login_token: token = '', ...parameters } = formOf(call);
    const found = await identities.token(digestOf(token.trim()), clock.now() / 1000);
    if (found?.kind !== 'personal' || found.owner.username !== username.trim()) {
      return loginPage(parameters, 'There is no such name with this token.');
    }
    try {
      return codePage(await oauth.authorize({ ...requestOf('POST', call), form: parameters }, found));
    } catch (error) {
      if (error instanceof OAuthFailure) return problemPage(error.status, error.message);
      throw error;
    }
  };
  return [{
    method: 'GET', path: AUTHORIZE, access: 'open', summary: 'Log in', schema: {},
    handle: ({ query }) => loginPage(query),
  }, {
    method: 'POST', path: AUTHORIZE, access: 'open', summary: 'Log in', schema: {}, handle: login,
  }, {
    method: 'GET', path: CODE_PAGE, access: 'open', summary: 'Show a code', schema: {},
    handle: ({ query: { code = '' } }) => codePage(code),
  }];
}

function identityRoutes({ doorkeeper, signer, publicUrl }: AuthRouteDeps): Route[] {
  return [{
    method: 'GET', path: '/.well-known/openid-configuration', access: 'open', summary: 'What this server can do',
    schema: {},
    handle: (call) => openidConfiguration(baseOf(call, publicUrl)),
  }, {
    method: 'GET', path: '/jwk.json', access: 'open', summary: 'The keys that tokens are signed with', schema: {},
    handle: () => signer.publicKeys,
  }, {
    // Of any scope: an agent shows the token that it has for this.
    method: 'GET', path: '/v2/oauth2/userinfo', access: 'open', summary: 'Who is asking', schema: {},
    handle: async ({ headers }) => {
      const { owner, authenticatedS } = await doorkeeper.token(headers['authorization']);
      const document = identityDocument({ ...owner, authenticatedS });
      return {
        sub: owner.id, name: owner.fullName, preferred_username: owner.username, email: owner.email,
        identity_set: [document],
      };
    },
  }, {
    method: 'GET', path: '/v2/api/identities', access: 'open', summary: 'Look up identities', schema: {},
    handle: async ({ headers, query: { ids = '', usernames = '' } }) => {
      // One's own is all that anybody needs to know of.
      const { owner } = await doorkeeper.token(headers['authorization']);
      const asked = [...ids.split(','), ...usernames.split(',')];
      return {
        identities: asked.includes(owner.id) || asked.includes(owner.username) ? [identityDocument(owner)] : [],
      };
    },
  }];
}

function openidConfiguration(issuer: string): JsonObject {
  return {
    issuer, authorization_endpoint: issuer + AUTHORIZE, token_endpoint: `${issuer}/v2/oauth2/token`,
    userinfo_endpoint: `${issuer}/v2/oauth2/userinfo`, revocation_endpoint: `${issuer}/v2/oauth2/token/revoke`,
    jwks_uri: `${issuer}/jwk.json`, scopes_supported: ['openid', 'profile', 'email', COMPUTE_SCOPE],
    response_types_supported: ['code'], subject_types_supported: ['public'], code_challenge_methods_supported: ['S256'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
  };
}

function baseOf({ headers }: Call<unknown>, publicUrl: string | null): string {
  return publicUrl ?? `http://${headers['host'] ?? 'localhost'}`;
}

function tokenBody({ resourceServer, scope, accessToken, refreshToken, expiresInS }: Issued): JsonObject {
  return {
    access_token: accessToken, scope, expires_in: Math.floor(expiresInS), token_type: 'Bearer',
    resource_server: resourceServer, ...refreshToken === undefined ? {} : { refresh_token: refreshToken },
  };
}

/** In the protocol's own form, with the key that the field's clients read the text from. */
function failure({ status, code, message }: OAuthFailure): RawAnswer {
  const body = { error: code, error_description: message, errors: [{ code, status: String(status), detail: message }] };
  return new RawAnswer(status, JSON_TYPE, JSON.stringify(body));
}

function requestOf(method: string, call: Call<unknown>): OAuthRequest {
  return { method, headers: call.headers, query: call.query, form: formOf(call) };
}

/** Fields that came once: of several with one name, none is meant. */
function formOf({ body }: Call<unknown>): Record<string, string> {
  if (typeof body !== 'object' || body === null) return {};
  return Object.fromEntries(
    Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
