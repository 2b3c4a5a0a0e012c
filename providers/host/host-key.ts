// Whether a host is the one that the user knows: its key against the known_hosts files of its hop. Nothing is ever
// added to them: that is for a person who has compared the fingerprint.

import { readFile } from 'node:fs/promises';
import { unreachable } from '../../src/common/errors.ts';
import {
  fingerprint, judge, knownName, knownTypes, parseKnownHosts, typeOfKey, type KnownHost, type Verdict,
} from './known-hosts.ts';
import type { Hop } from './route.ts';

export interface HostKeys {
  /** Types of keys that are known of the host: it should show one of them. */
  readonly types: readonly string[];
  /** Undefined for a key that is trusted; else what is wrong, and what to do. */
  readonly objection: (key: Buffer) => string | undefined;
}

export async function hostKeysOf(hop: Hop): Promise<HostKeys> {
  const texts = await Promise.all(hop.knownHostsFiles.map((file) => readFile(file, 'utf8').catch(() => '')));
  const known = texts.flatMap((text, i) => parseKnownHosts(text, hop.knownHostsFiles[i] ?? ''));
  const name = knownName(hop.host, hop.port);
  return { types: knownTypes(known, name), objection: (key) => objection(hop, known, name, key) };
}

function objection(hop: Hop, known: readonly KnownHost[], name: string, key: Buffer): string | undefined {
  const shown = `${typeOfKey(key)} ${fingerprint(key)}`;
  const verdict = judge(known, name, key);
  switch (verdict.type) {
    case 'trusted':
      return undefined;
    case 'changed':
      return `the key of ${name} HAS CHANGED: it shows ${shown}, which is not the key at ${verdict.at}. Somebody may be`
        + ' listening in. Ask the site whether the key was replaced; only then remove the old one with: ssh-keygen -R'
        + ` '${name}'${hop.knownHostsFiles[0] === undefined ? '' : ` -f ${hop.knownHostsFiles[0]}`}`;
    case 'revoked':
      return `the key of ${name} (${shown}) is revoked at ${verdict.at}: ask the site for the new one`;
    case 'unknown':
      return unknown(hop, name, shown, verdict);
    default:
      return unreachable(verdict);
  }
}

function unknown(
  hop: Hop, name: string, shown: string, { others, authority }: Extract<Verdict, { readonly type: 'unknown' }>,
): string {
  const file = hop.knownHostsFiles[0] ?? '~/.ssh/known_hosts';
  const seen = others.length === 0 ? '' : ` (known of it: ${others.join(', ')})`;
  const certified = authority === undefined ? ''
    : ` The certificate authority at ${authority} does not help: certificates of hosts cannot be checked here.`;
  const scan = hop.command.includes(' -J ') ? ''
    : `, or: ssh-keyscan${hop.port === 22 ? '' : ` -p ${hop.port}`} ${hop.host} >>${file}`;
  return `the key of ${name} is not known${seen}: ${shown}.${certified} Compare this with what the site publishes, then`
    + ` accept it once with: ${hop.command}${scan}`;
}
