// The known_hosts files of OpenSSH: which keys a host may show. Plain and hashed names, [host]:port, wildcards,
// negations, @revoked, @cert-authority; pure.

import { createHash, createHmac } from 'node:crypto';
import { matchesPattern } from './ssh-config.ts';

export interface KnownHost {
  readonly marker: 'cert-authority' | 'revoked' | undefined;
  /** Comma-separated names and patterns, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  /** Base64. */
  readonly key: string;
  /** 'file:line', for errors. */
  readonly at: string;
}

export type Verdict =
  | { readonly type: 'trusted' }
  /** `others`: types of keys that are known of it; `authority`: a line that trusts a certificate authority for it. */
  | { readonly type: 'unknown'; readonly others: readonly string[]; readonly authority: string | undefined }
  /** It has another key of this type. */
  | { readonly type: 'changed'; readonly at: string }
  | { readonly type: 'revoked'; readonly at: string };

/** Lines that cannot be read trust nobody and are left out, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, i) => {
    const words = line.trim().split(/\s+/);
    if (line.trim() === '' || words[0]?.startsWith('#')) return [];
    const marked = words[0]?.startsWith('@') ? words.shift() : undefined;
    if (marked !== undefined && marked !== '@cert-authority' && marked !== '@revoked') return [];
    const [names, keyType, key] = words;
    if (names === undefined || keyType === undefined || key === undefined) return [];
    const marker = marked === undefined ? undefined : marked === '@revoked' ? 'revoked' : 'cert-authority';
    return [{ marker, names, keyType, key, at: `${file}:${i + 1}` }];
  });
}

/** How known_hosts calls a host. */
export function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** Types of the keys that are known of it: those should be asked for first. */
export function knownTypes(known: readonly KnownHost[], name: string): string[] {
  return [...new Set(known.filter((one) => one.marker === undefined && isOf(one, name)).map(({ keyType }) => keyType))];
}

/** `key`: as the host sent it. */
export function judge(known: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const encoded = key.toString('base64');
  const keyType = typeOfKey(key);
  const mine = known.filter((one) => isOf(one, name));
  const revoked = mine.find((one) => one.marker === 'revoked' && one.key === encoded);
  if (revoked !== undefined) return { type: 'revoked', at: revoked.at };
  const plain = mine.filter(({ marker }) => marker === undefined);
  if (plain.some((one) => one.key === encoded)) return { type: 'trusted' };
  const other = plain.find((one) => one.keyType === keyType);
  if (other !== undefined) return { type: 'changed', at: other.at };
  const authority = mine.find(({ marker }) => marker === 'cert-authority');
  return { type: 'unknown', others: plain.map((one) => one.keyType), authority: authority?.at };
}

/** As ssh-keygen prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** A key starts with its type: 4 bytes of length, and the text. */
export function typeOfKey(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.toString('latin1', 4, 4 + Math.min(length, 64));
}

function isOf({ names }: KnownHost, name: string): boolean {
  if (names.startsWith('|1|')) return matchesHash(names, name);
  const patterns = names.split(',');
  if (patterns.some((one) => one.startsWith('!') && matchesPattern(one.slice(1), name))) return false;
  return patterns.some((one) => !one.startsWith('!') && matchesPattern(one, name));
}

/** |1|salt|HMAC-SHA1 of the name under the salt. */
function matchesHash(hashed: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hashed.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}
