// Secrets that prove who somebody is: long random texts, of which only a digest is kept. A digest of so much chance
// cannot be turned back, so it needs neither salt nor time.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The prefix makes them findable for programs that look for secrets in public places. */
const PREFIX = 'swy_';

export function freshToken(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Takes as long whether they differ or not. */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(one)), Buffer.from(digestOf(other)));
}
