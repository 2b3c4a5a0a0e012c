// The OAuth 2 grants that the field's SDK and agent use. Who a client is: an identity itself, with one of its personal
// tokens as its secret; or, without a secret, any program on somebody's computer, which gets a code only through the
// hands of whoever logged in.

import { randomUUID } from 'node:crypto';
import OAuth from '@node-oauth/oauth2-server';
import type { Clock } from '../../common/clock.ts';
import type { FoundToken, Identity, IdentityStore, StoredToken } from '../store/identities.ts';
import { digestOf, freshToken } from '../tokens.ts';
import { byServer } from './scopes.ts';

export interface OAuthOptions {
  readonly accessTokenS: number;
  readonly refreshTokenS: number;
}

export interface OAuthRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly form: Readonly<Record<string, string>>;
}

/** A token for one server, as the one who asked gets it. */
export interface Issued {
  readonly resourceServer: string;
  readonly scope: string;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresInS: number;
}

export interface Grant {
  readonly identity: Identity;
  readonly client: string;
  readonly tokens: readonly Issued[];
}

/** What the protocol says about a request that is wrong. */
export class OAuthFailure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, text: string) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** Where the code is shown to whoever logged in: there is no other place for it to go. */
export const CODE_PAGE = '/v2/web/auth-code';
const CODE_S = 10 * 60;

interface CodeNote {
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly codeChallengeMethod: string;
}

/** A user as the package passes it around: the identity, which personal token it has shown, and when a person did. */
interface User { readonly identity: Identity; readonly family: string; readonly authenticatedS: number }

export class OAuthServer {
  readonly #identities: IdentityStore;
  readonly #options: OAuthOptions;
  readonly #clock: Clock;
  readonly #server: OAuth;

  constructor(identities: IdentityStore, options: OAuthOptions, clock: Clock) {
    this.#identities = identities;
    this.#options = options;
    this.#clock = clock;
    this.#server = new OAuth({
      model: this.#model(),
      accessTokenLifetime: options.accessTokenS, refreshTokenLifetime: options.refreshTokenS,
      authorizationCodeLifetime: CODE_S, alwaysIssueNewRefreshToken: false, allowExtendedTokenAttributes: true,
      requireClientAuthentication: { authorization_code: false, refresh_token: false, client_credentials: true },
    });
  }

  /** Throws OAuthFailure. */
  async token(request: OAuthRequest): Promise<Grant> {
    const token = await attempt(() => this.#server.token(packed(request), new OAuth.Response()));
    // Both are what `#save` put there.
    const { identity } = token.user as User;
    return { identity, client: token.client.id, tokens: token['issued'] as Issued[] };
  }

  /** A code for the one who has logged in with `personal`. */
  async authorize(request: OAuthRequest, personal: FoundToken): Promise<string> {
    const parameters = { ...request.query, ...request.form };
    if (parameters['code_challenge'] === undefined) {
      throw new OAuthFailure(400, 'invalid_request', 'a program without a secret must send a code_challenge');
    }
    const user: User = { identity: personal.owner, family: personal.family, authenticatedS: this.#nowS() };
    const code = await attempt(() => this.#server.authorize(packed(request), new OAuth.Response(), {
      authenticateHandler: { handle: () => user }, authorizationCodeLifetime: CODE_S, allowEmptyState: true,
    }));
    return code.authorizationCode;
  }

  #model(): OAuth.AuthorizationCodeModel & OAuth.RefreshTokenModel & OAuth.ClientCredentialsModel {
    return {
      getClient: async (id, secret) => await this.#client(id, secret ?? undefined),
      // Set by `#client` where the secret was right, and the package asks for no other.
      getUserFromClient: async (client) => client['user'] as User,
      validateScope: async (_user, _client, scope = []) => byServer(scope) === undefined ? false : [...new Set(scope)],
      validateRedirectUri: async (uri) => URL.canParse(uri) && new URL(uri).pathname === CODE_PAGE,
      generateAuthorizationCode: async () => freshToken(),
      saveAuthorizationCode: async (code, client, user) => await this.#saveCode(code, client, user as User),
      getAuthorizationCode: async (code) => await this.#code(code),
      revokeAuthorizationCode: async ({ authorizationCode }) => await this.#identities.takeToken(
        digestOf(authorizationCode),
      ),
      getRefreshToken: async (token) => await this.#refresh(token),
      revokeToken: async ({ refreshToken }) => await this.#identities.takeToken(digestOf(refreshToken)),
      saveToken: async (token, client, user) => await this.#save(token, client, user as User),
      // Bearer tokens are looked at by the doorkeeper.
      getAccessToken: async () => false,
    };
  }

  async #client(id: string, secret: string | undefined): Promise<OAuth.Client | false> {
    if (secret === undefined) return { id, grants: ['authorization_code', 'refresh_token'], redirectUris: [CODE_PAGE] };
    const token = await this.#identities.token(digestOf(secret), this.#nowS());
    if (token?.kind !== 'personal' || token.identity !== id.toLowerCase()) return false;
    // A program that has the secret is no person who logs in: what counts is when the secret was given out.
    const user = userOf(token);
    return { id, grants: ['client_credentials', 'refresh_token'], user };
  }

  async #saveCode(
    code: Parameters<OAuth.AuthorizationCodeModel['saveAuthorizationCode']>[0], client: OAuth.Client, user: User,
  ): Promise<OAuth.AuthorizationCode> {
    const { authorizationCode, redirectUri, scope = [], codeChallenge = '', codeChallengeMethod = '' } = code;
    const note: CodeNote = { redirectUri, codeChallenge, codeChallengeMethod };
    await this.#identities.addTokens([this.#record(authorizationCode, user, {
      kind: 'code', client: client.id, scope: scope.join(' '), note: JSON.stringify(note), lifetimeS: CODE_S,
    })]);
    return { ...code, client, user };
  }

  async #code(code: string): Promise<OAuth.AuthorizationCode | false> {
    const token = await this.#identities.token(digestOf(code), this.#nowS());
    if (token?.kind !== 'code') return false;
    const note = JSON.parse(token.note) as CodeNote; // written by `#saveCode`
    return {
      ...note, authorizationCode: code, expiresAt: new Date(token.expiresS * 1000), scope: token.scope.split(' '),
      client: { id: token.client, grants: ['authorization_code'] }, user: userOf(token),
    };
  }

  async #refresh(refreshToken: string): Promise<OAuth.RefreshToken | false> {
    const token = await this.#identities.token(digestOf(refreshToken), this.#nowS());
    if (token?.kind !== 'refresh') return false;
    return {
      refreshToken, scope: token.scope.split(' '), client: { id: token.client, grants: ['refresh_token'] },
      refreshTokenExpiresAt: new Date(token.expiresS * 1000), user: { ...userOf(token), refreshToken },
    };
  }

  /** One token for each server that its scopes are for, in place of the package's one for all. */
  async #save({ refreshToken, scope = [] }: OAuth.Token, client: OAuth.Client, user: User): Promise<OAuth.Token> {
    const { accessTokenS, refreshTokenS } = this.#options;
    const kept = (user as User & { refreshToken?: string }).refreshToken;
    const issued = (byServer(scope) ?? []).map(({ resourceServer, scopes }): Issued => ({
      resourceServer, scope: scopes.join(' '), accessToken: freshToken(), expiresInS: accessTokenS,
      // Whoever proves itself with a secret needs none; whoever has one keeps it.
      refreshToken: kept ?? (refreshToken === undefined ? undefined : freshToken()),
    }));
    const records = issued.flatMap(({ accessToken, refreshToken: fresh, scope: own }) => [
      this.#record(
        accessToken, user, { kind: 'access', client: client.id, scope: own, note: '', lifetimeS: accessTokenS },
      ),
      ...fresh === undefined || kept !== undefined ? [] : [this.#record(fresh, user, {
        kind: 'refresh', client: client.id, scope: own, note: '', lifetimeS: refreshTokenS,
      })],
    ]);
    await this.#identities.addTokens(records);
    return {
      accessToken: issued[0]?.accessToken ?? '', accessTokenExpiresAt: new Date((this.#nowS() + accessTokenS) * 1000),
      scope, client, user, issued,
    };
  }

  #record(
    token: string, { identity, family, authenticatedS }: User,
    { lifetimeS, ...rest }: Pick<StoredToken, 'kind' | 'client' | 'scope' | 'note'> & { readonly lifetimeS: number },
  ): StoredToken {
    const createdS = this.#nowS();
    return {
      ...rest, id: randomUUID(), digest: digestOf(token), identity: identity.id, family, authenticatedS, createdS,
      expiresS: createdS + lifetimeS,
    };
  }

  #nowS(): number {
    return this.#clock.now() / 1000;
  }
}

function userOf({ owner, family, authenticatedS }: FoundToken): User {
  return { identity: owner, family, authenticatedS };
}

function packed({ method, headers, query, form }: OAuthRequest): OAuth.Request {
  const withoutGaps = (all: Readonly<Record<string, string | undefined>>): Record<string, string> =>
    Object.fromEntries(Object.entries(all).flatMap(([key, value]) => value === undefined ? [] : [[key, value]]));
  return new OAuth.Request({ method, headers: withoutGaps(headers), query: withoutGaps(query), body: { ...form } });
}

async function attempt<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    // The package wraps whatever else fails in one of its own, with 503: that would be tried again for nothing.
    if (cause instanceof OAuth.OAuthError && cause.code < 500) throw new OAuthFailure(
      cause.code, cause.name, cause.message,
    );
    throw cause;
  }
}
