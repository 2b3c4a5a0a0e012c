// The key with which the service signs who has logged in.

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import type { JsonObject } from '../../common/json.ts';
import type { IdentityStore } from '../store/identities.ts';

const ALGORITHM = 'RS256';
const SETTING = 'signing key';

export interface Signer {
  /** What everybody may know. */
  readonly publicKeys: JsonObject;
  sign(claims: JsonObject, times: { readonly issuedS: number; readonly expiresS: number }): Promise<string>;
}

/** Made once, and kept in the database with everything else that has to survive. */
export async function openSigner(identities: IdentityStore): Promise<Signer> {
  const text = await identities.setting(SETTING, async () => {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    return JSON.stringify(await exportJWK(privateKey));
  });
  const jwk = JSON.parse(text) as JWK & { n: string; e: string }; // written above
  const key = await importJWK(jwk, ALGORITHM);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    publicKeys: { keys: [{ kty: 'RSA', use: 'sig', alg: ALGORITHM, kid, n: jwk.n, e: jwk.e }] },
    sign: (claims, { issuedS, expiresS }) => new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid }).setIssuedAt(issuedS).setExpirationTime(expiresS).sign(key),
  };
}

export const SIGNING_ALGORITHMS = [ALGORITHM] as const;
