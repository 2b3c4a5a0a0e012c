// Who is asking.

import type { Clock } from '../common/clock.ts';
import { Refusal, unauthenticated } from './refusal.ts';
import { COMPUTE_SCOPE } from './oauth/scopes.ts';
import type { FoundToken, Identity, IdentityStore } from './store/identities.ts';
import { digestOf, sameSecret } from './tokens.ts';

/** Who is asking, and since when that is known. */
export interface Caller extends Identity {
  /** When a person last proved who it is, for the token that was shown. */
  readonly authenticatedS: number;
}

/** A token that was withdrawn through another door works for so long at most. */
const REMEMBER_MS = 5_000;
const REMEMBERED_MAX = 10_000;

interface Remembered {
  readonly token: FoundToken;
  readonly untilMs: number;
}

export class Doorkeeper {
  readonly #identities: IdentityStore;
  readonly #adminToken: string;
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Remembered>();

  constructor(identities: IdentityStore, adminToken: string, clock: Clock) {
    this.#identities = identities;
    this.#adminToken = adminToken;
    this.#clock = clock;
  }

  /**
   * The identity behind a token that may use the service, or has the `other` scope. 401 for none and for any that is
   * not known.
   */
  async user(authorization: string | undefined, other?: string): Promise<Caller> {
    const { kind, scope, owner, authenticatedS } = await this.token(authorization);
    const scopes = scope.split(' ');
    if (kind === 'personal' || scopes.includes(COMPUTE_SCOPE) || (other !== undefined && scopes.includes(other))) {
      return { ...owner, authenticatedS };
    }
    throw new Refusal(
      'INSUFFICIENT_AUTH_SCOPE', `this token is not for this service: it lacks the scope ${COMPUTE_SCOPE}`,
    );
  }

  /** A token of any scope that may be shown to a server. */
  async token(authorization: string | undefined): Promise<FoundToken> {
    const bearer = bearerOf(authorization);
    if (bearer === undefined) throw unauthenticated();
    const digest = digestOf(bearer);
    const now = this.#clock.now();
    const known = this.#remembered.get(digest);
    if (known !== undefined && known.untilMs > now) return known.token;
    const token = await this.#identities.token(digest, now / 1000);
    if (token === undefined || (token.kind !== 'personal' && token.kind !== 'access')) throw unauthenticated();
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(digest, { token, untilMs: Math.min(now + REMEMBER_MS, token.expiresS * 1000) });
    return token;
  }

  /** Tokens have been withdrawn. */
  forget(): void {
    this.#remembered.clear();
  }

  admin(authorization: string | undefined): void {
    const bearer = bearerOf(authorization);
    if (bearer === undefined || !sameSecret(bearer, this.#adminToken)) throw unauthenticated();
  }
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}
