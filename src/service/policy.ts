// What an authentication policy asks of a user, and whether a user meets it. Decisions only.

import { domainToASCII, domainToUnicode } from 'node:url';

export interface AuthPolicy {
  readonly id: string;
  readonly owner: string;
  /** The field's grouping of policies. Kept and shown, as nothing here depends on it. */
  readonly project: string | null;
  readonly displayName: string;
  readonly description: string;
  /** Patterns as `domainPattern` writes them; none: any domain. */
  readonly allowedDomains: readonly string[];
  readonly excludedDomains: readonly string[];
  /** A log-in counts for so long; null: for ever. */
  readonly authTimeoutS: number | null;
  readonly highAssurance: boolean;
}

/** A user as policies look at one. Here nobody has linked identities: the one that asks is the whole set. */
export interface Applicant {
  readonly username: string;
  /** When a person last proved who it is, for the token that was shown. */
  readonly authenticatedS: number;
}

/** The rule that is not met. */
export type Unmet =
  | { readonly rule: 'allowed-domains' | 'excluded-domains'; readonly domain: string }
  | { readonly rule: 'auth-timeout'; readonly agoS: number; readonly mostS: number };

const LABELS = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const DOMAIN_CHARS_MAX = 253;

/** As it is compared: `example.edu`, `*.example.edu` for all that is below it, or `*`. undefined: it is neither. */
export function domainPattern(written: string): string | undefined {
  const text = written.trim();
  if (text === '*') return text;
  const isWild = text.startsWith('*.');
  const domain = plainDomain(isWild ? text.slice(2) : text);
  if (domain === undefined) return undefined;
  return isWild ? `*.${domain}` : domain;
}

/** The first rule that this user does not meet. What is excluded is so even if it is allowed as well. */
export function unmetRule(
  policy: AuthPolicy, { username, authenticatedS }: Applicant, nowS: number,
): Unmet | undefined {
  const { allowedDomains, excludedDomains, authTimeoutS: mostS } = policy;
  const written = username.slice(username.lastIndexOf('@') + 1);
  const domain = plainDomain(written);
  // A domain that is none is on no list, so it passes only where there are no lists.
  if (excludedDomains.length > 0 && (domain === undefined || isAmong(domain, excludedDomains))) {
    return { rule: 'excluded-domains', domain: written };
  }
  if (allowedDomains.length > 0 && (domain === undefined || !isAmong(domain, allowedDomains))) {
    return { rule: 'allowed-domains', domain: written };
  }
  if (mostS !== null && nowS - authenticatedS > mostS) {
    return { rule: 'auth-timeout', agoS: Math.floor(nowS - authenticatedS), mostS };
  }
  return undefined;
}

function isAmong(domain: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    if (pattern === '*' || pattern === domain) return true;
    return pattern.startsWith('*.') && domain.endsWith(pattern.slice(1));
  });
}

/** In one form: lower case, without the root's dot, other alphabets as ASCII. What only looks like one is none. */
function plainDomain(written: string): string | undefined {
  const lower = written.normalize('NFC').toLowerCase().replace(/\.$/, '');
  const domain = /\P{ASCII}/u.test(lower) ? domainToASCII(lower) : lower;
  const isItself = domain === lower || domainToUnicode(domain) === lower;
  return isItself && domain.length <= DOMAIN_CHARS_MAX && LABELS.test(domain) ? domain : undefined;
}
